"""What `openmanager doctor` looks at: this machine, the servers as real processes, clients and their limits."""
