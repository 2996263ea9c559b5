"""Every SQL statement of the room, by what it is about. `tables` declares the schema."""
