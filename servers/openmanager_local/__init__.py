"""The fleet analyst as an MCP server: health, anomalies, causes, forecasts, incidents."""
