"""Step-by-step thinking that is kept: chains of thoughts with revisions and branches, in one SQLite file."""
