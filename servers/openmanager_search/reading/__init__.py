"""The reading half of the search server: from an address to text that a model may read."""
