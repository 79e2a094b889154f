"""What the tools answer: models for programs, text for people, each complete alone."""
