"""Pages that hosts draw beside a tool's answer (MCP Apps): one HTML text each, without a single foreign line."""
