"""All state in one checked file, and back."""
