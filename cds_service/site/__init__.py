"""One hospital's service: its settings as they are written, and what is opened from them once, at the start."""
