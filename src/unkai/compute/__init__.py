"""Compute: instances and what they are made of, behind upstream's Compute API 2.1 with microversions.

`model` (states and the types that rows become), `store` (rows), `service` (verbs), `flows` (durable operations),
`guest` (a row as its host needs to know it), `api` (HTTP), `reconcile` (drift, one function per kind).
"""
