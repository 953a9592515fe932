"""From an assessment to CDS Hooks cards. Sentences are data: `wording.toml`."""
