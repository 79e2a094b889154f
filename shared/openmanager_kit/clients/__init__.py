"""MCP clients: what an entry for our servers looks like in each one's configuration."""
