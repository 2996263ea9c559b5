"""HTTP of the Compute room: a file per resource, each with its table of routes."""
