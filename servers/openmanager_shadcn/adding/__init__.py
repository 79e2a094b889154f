"""Adding components to a project: what an add would change, and the change itself, all of it or nothing."""
