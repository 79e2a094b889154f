"""Paths from outside, kept inside the roots that the user named: names, roots, and opening by descriptor."""
