"""Neutron's API v2.0. Each resource declares its attributes as data; `resource` makes the handlers of them."""
