"""Every table and SQL statement of the Compute room."""
