"""Who may do what: Keystone v3 (API version 3.14). Tokens, domains, projects, users, groups, roles, catalog."""
