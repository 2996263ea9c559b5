"""HTTP of the identity room: a file per resource, each with its routes as data."""
