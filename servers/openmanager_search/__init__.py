"""The `search` server: looks things up and reads pages, on a network where some answers are hostile."""
