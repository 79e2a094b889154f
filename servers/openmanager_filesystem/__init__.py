"""The filesystem server: read, search, edit and organise files inside the roots that the user named."""
