"""What the service tells those who run it: a log by allow-list, counts, and whether it is ready."""
