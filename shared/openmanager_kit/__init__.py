"""Everything shared that knows MCP or a process: tools, hosting, profiles, clients, the command line."""
