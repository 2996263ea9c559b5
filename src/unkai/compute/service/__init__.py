"""What other rooms, the command and the API ask of Compute: plain functions over a transaction."""

from unkai.compute.service.flavors import seed_flavors

__all__ = ["seed_flavors"]
