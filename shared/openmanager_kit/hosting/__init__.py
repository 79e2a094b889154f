"""How a server meets its clients: over standard input and output, or over HTTP."""
