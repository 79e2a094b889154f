"""Who may do what over HTTP: tokens, roles, rates, and the trail of what was done."""
