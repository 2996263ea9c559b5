"""Networks, ports, routers, floating IPs and security groups behind Neutron's API v2.0, made real by OVN.

The rows are the truth. Every change notes in its own transaction what OVN has to be told (`store.pending`), a writer
in the background renders the whole desired state of those objects into OVN's north-bound database, and a reconciler
compares everything now and then.
"""
