"""The whole product as its users run it: processes, transports, a real Prometheus."""
