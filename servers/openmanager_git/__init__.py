"""The git server: inspect and change the repositories inside the roots that the user named."""
