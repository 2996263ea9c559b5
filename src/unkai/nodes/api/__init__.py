"""The node channel: what a host's agent calls. Served on a listener of its own, never on the public one."""
