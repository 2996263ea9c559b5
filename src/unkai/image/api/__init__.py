"""Image v2 over HTTP: one file per resource, each with its routes as data."""
