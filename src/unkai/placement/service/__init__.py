"""What other rooms may use of Placement.

    ensure_provider(tx, uuid, name)          claim(tx, consumer, {provider: {"VCPU": 2}}, project, user)
    set_inventories(tx, uuid, {...})         release(tx, consumer)
    set_traits(tx, uuid, [...])              allocations_by_consumers(tx, [...])

Everything runs in the caller's transaction.
"""

from unkai.placement.candidates import offer, room_for, roots_with
from unkai.placement.errors import (
    CapacityExceeded,
    ConstraintsViolated,
    NoInventory,
    ProviderInUse,
    ProviderNotFound,
    UnknownAllocationProvider,
)
from unkai.placement.index import Index
from unkai.placement.model import Allocation, Consumer, Holding, Inventory, Provider, Stock
from unkai.placement.service.allocations import (
    allocations_by_consumers,
    amounts_by_consumers,
    claim,
    consumers_of_type,
    consumers_on,
    consumers_per_provider,
    move_consumer,
    release,
)
from unkai.placement.service.inventories import (
    inventories_by_providers,
    set_inventories,
)
from unkai.placement.service.names import ensure_traits
from unkai.placement.service.providers import (
    aggregates_by_providers,
    ensure_provider,
    providers_by_uuids,
    remove_provider,
    set_aggregates,
    set_traits,
    traits_by_providers,
)

# What a claim meets when the index that suggested it was older than the ledger, besides too little room.
LedgerDiffers = (NoInventory, UnknownAllocationProvider)

__all__ = [
    "Allocation",
    "CapacityExceeded",
    "ConstraintsViolated",
    "Consumer",
    "Holding",
    "Index",
    "Inventory",
    "LedgerDiffers",
    "Provider",
    "ProviderInUse",
    "ProviderNotFound",
    "Stock",
    "aggregates_by_providers",
    "allocations_by_consumers",
    "amounts_by_consumers",
    "claim",
    "consumers_of_type",
    "consumers_on",
    "consumers_per_provider",
    "ensure_provider",
    "ensure_traits",
    "inventories_by_providers",
    "move_consumer",
    "offer",
    "providers_by_uuids",
    "release",
    "remove_provider",
    "room_for",
    "roots_with",
    "set_aggregates",
    "set_inventories",
    "set_traits",
    "traits_by_providers",
]
