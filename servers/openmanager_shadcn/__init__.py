"""The shadcn-ui server: finds, shows and adds components of any registry in shadcn's format."""
