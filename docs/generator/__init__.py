"""What `make docs` writes: one module for each kind of page, and the words that only the pages need as TOML."""
