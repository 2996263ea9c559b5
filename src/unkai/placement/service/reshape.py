"""Moving inventories, and what is allocated of them, between providers in one step."""

from collections.abc import Mapping, Sequence

import msgspec

from unkai.kernel.store import Tx
from unkai.placement import catalog
from unkai.placement.errors import InventoryInUse, UnknownReshapedProvider
from unkai.placement.model import Claim, Inventory
from unkai.placement.service import allocations, inventories, names, providers
from unkai.placement.store import allocations as allocation_store
from unkai.placement.store import inventories as inventory_store
from unkai.placement.store import providers as provider_store


class Shape(msgspec.Struct, frozen=True):
    """All inventories a provider shall have; `generation` is the caller's view of it."""

    generation: int
    inventories: Mapping[str, Inventory]


def reshape(tx: Tx, shapes: Mapping[str, Shape], claims: Sequence[Claim]) -> None:
    """Give the providers these inventories and the consumers these allocations, all or nothing.

    First what is new is added, then the allocations move, then what nobody uses any more goes. Raises
    UnknownReshapedProvider, ProviderGenerationConflict, UnknownResourceClass, InventoryInUse, and what `apply` raises.
    """
    known = providers.providers_by_uuids(tx, shapes)
    for uuid, shape in shapes.items():
        if uuid not in known:
            raise UnknownReshapedProvider(uuid=uuid)
        providers.check_generation(known[uuid], shape.generation)
        names.check_classes(tx, shape.inventories)
    ids = {uuid: provider.id for uuid, provider in known.items()}
    provider_store.lock(tx, ids.values())
    have = inventory_store.of(tx, ids.values())
    for uuid, shape in shapes.items():
        providers.advance(tx, known[uuid], shape.generation)
        inventories.write(tx, ids[uuid], have.get(ids[uuid], {}), shape.inventories)
    if claims:
        allocations.apply(tx, claims)
    for uuid, shape in shapes.items():
        gone = have.get(ids[uuid], {}).keys() - shape.inventories.keys()
        used = gone & allocation_store.classes_in_use(tx, ids[uuid]) if gone else set()
        if used:
            raise InventoryInUse(classes=", ".join(catalog.in_order(used)), uuid=uuid)
        if gone:
            inventory_store.delete(tx, ids[uuid], gone)
