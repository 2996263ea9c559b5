"""Placement: what every provider has, who uses how much of it, and which providers could serve a request.

The ledger is SQL (`store`), written through `service`; `index` holds the same facts in arrays for questions that
touch every provider.
"""
