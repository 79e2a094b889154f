"""The domain: a fleet, where its numbers come from, and what they mean. Knows nothing of MCP."""
