"""Every SQL statement of the room. `tables` has the schema; a module each for providers, inventories, allocations
and the change log. Providers belong to the cloud and to no project, so only what shows consumers takes a scope."""
