"""What providers have."""

from collections.abc import Iterable, Mapping
from typing import Literal

from unkai.kernel.store import Tx
from unkai.placement import catalog
from unkai.placement.errors import (
    InvalidInventoryCapacity,
    InventoryExists,
    InventoryInUse,
    InventoryNotFound,
    InventoryNotFoundForDelete,
    NoInventoryToUpdate,
    UnknownInventoryClass,
    UnknownResourceClass,
)
from unkai.placement.model import Inventory, Provider, Stock
from unkai.placement.service import names, providers
from unkai.placement.store import allocations as allocation_store
from unkai.placement.store import changes
from unkai.placement.store import inventories as store
from unkai.placement.store import providers as provider_store


def listing(tx: Tx, uuid: str) -> tuple[Provider, dict[str, Stock]]:
    """Raises ProviderNotFound."""
    provider = providers.get(tx, uuid)
    return provider, store.of(tx, [provider.id]).get(provider.id, {})


def one(tx: Tx, uuid: str, resource_class: str) -> tuple[Provider, Stock]:
    """Raises ProviderNotFound, InventoryNotFound."""
    provider, found = listing(tx, uuid)
    if resource_class not in found:
        raise InventoryNotFound(resource_class=resource_class, uuid=uuid)
    return provider, found[resource_class]


def usages(tx: Tx, uuid: str) -> tuple[Provider, dict[str, int]]:
    """Raises ProviderNotFound."""
    provider = providers.get(tx, uuid)
    return provider, store.usages(tx, provider.id)


def inventories_by_providers(tx: Tx, uuids: Iterable[str]) -> dict[str, dict[str, Stock]]:
    """{provider uuid: {class: stock}}. Two statements."""
    found = provider_store.by_uuids(tx, uuids)
    stocks = store.of(tx, [provider.id for provider in found.values()])
    return {uuid: stocks.get(provider.id, {}) for uuid, provider in found.items()}


def check(
    uuid: str, wanted: Mapping[str, Inventory], *, may_reserve_all: bool, verb: Literal["create", "update"] = "update"
) -> None:
    """Raises InvalidInventoryCapacity. All of it may be reserved since API 1.26, before only less."""
    for name, inventory in wanted.items():
        if inventory.reserved > inventory.total or (inventory.reserved == inventory.total and not may_reserve_all):
            raise InvalidInventoryCapacity(
                uuid=uuid, resource_class=name, verb=verb, bound="" if may_reserve_all else "or equal to "
            )


def replace(tx: Tx, uuid: str, wanted: Mapping[str, Inventory], generation: int) -> tuple[Provider, dict[str, Stock]]:
    """Give the provider exactly these inventories.

    Raises ProviderNotFound, ProviderGenerationConflict, UnknownResourceClass, InventoryInUse for a class that would
    go while it is used.
    """
    provider = providers.get(tx, uuid)
    providers.check_generation(provider, generation)
    try:
        names.check_classes(tx, wanted)
    except UnknownResourceClass as error:
        raise UnknownInventoryClass(uuid=uuid, **error.params) from error
    providers.advance(tx, provider, generation)
    have = store.of(tx, [provider.id]).get(provider.id, {})
    _remove(tx, provider, have.keys() - wanted.keys())
    write(tx, provider.id, have, wanted)
    return listing(tx, uuid)


def write(tx: Tx, provider_id: int, have: Mapping[str, Stock], wanted: Mapping[str, Inventory]) -> None:
    """Insert and update, remove nothing. Rows that do not differ are not written."""
    store.insert(tx, provider_id, {name: one for name, one in wanted.items() if name not in have})
    for name, inventory in wanted.items():
        if name in have and have[name].inventory != inventory:
            store.update(tx, provider_id, name, inventory)


def _remove(tx: Tx, provider: Provider, gone: Iterable[str]) -> None:
    gone = set(gone)
    if not gone:
        return
    used = gone & allocation_store.classes_in_use(tx, provider.id)
    if used:
        raise InventoryInUse(classes=", ".join(catalog.in_order(used)), uuid=provider.uuid)
    store.delete(tx, provider.id, gone)


def add(
    tx: Tx, uuid: str, resource_class: str, inventory: Inventory, generation: int | None
) -> tuple[Provider, Stock]:
    """`generation` None does not care. Raises ProviderNotFound, ProviderGenerationConflict, UnknownResourceClass,
    InventoryExists."""
    provider = providers.held(tx, uuid)
    if generation is None:
        generation = provider.generation
    providers.check_generation(provider, generation)
    names.check_classes(tx, [resource_class])
    if resource_class in store.of(tx, [provider.id]).get(provider.id, {}):
        raise InventoryExists(resource_class=resource_class, uuid=uuid)
    providers.advance(tx, provider, generation)
    store.insert(tx, provider.id, {resource_class: inventory})
    return one(tx, uuid, resource_class)


def update(tx: Tx, uuid: str, resource_class: str, inventory: Inventory, generation: int) -> tuple[Provider, Stock]:
    """Raises ProviderNotFound, ProviderGenerationConflict, NoInventoryToUpdate."""
    provider, have = listing(tx, uuid)
    providers.check_generation(provider, generation)
    if resource_class not in have:
        raise NoInventoryToUpdate(resource_class=resource_class, uuid=uuid)
    providers.advance(tx, provider, generation)
    store.update(tx, provider.id, resource_class, inventory)
    return one(tx, uuid, resource_class)


def remove(tx: Tx, uuid: str, resource_class: str) -> None:
    """Raises ProviderNotFound, InventoryNotFoundForDelete, InventoryInUse."""
    provider, have = listing(tx, uuid)
    if resource_class not in have:
        raise InventoryNotFoundForDelete(resource_class=resource_class, uuid=uuid)
    provider_store.lock(tx, [provider.id])
    _remove(tx, provider, [resource_class])
    provider_store.advance(tx, [provider.id])
    changes.record(tx, [provider.id])


def remove_all(tx: Tx, uuid: str) -> None:
    """Raises ProviderNotFound, InventoryInUse."""
    provider, have = listing(tx, uuid)
    provider_store.lock(tx, [provider.id])
    _remove(tx, provider, have)
    provider_store.advance(tx, [provider.id])
    changes.record(tx, [provider.id])


def set_inventories(tx: Tx, uuid: str, wanted: Mapping[str, Inventory]) -> bool:
    """Give the provider exactly these inventories; nothing is written when nothing differs. True when it was.

    A class that is used stays, however little of it the host now says to have: what runs cannot be wished away.
    Raises ProviderNotFound, UnknownResourceClass, InvalidInventoryCapacity.
    """
    provider = providers.held(tx, uuid)
    have = store.of(tx, [provider.id]).get(provider.id, {})
    gone = have.keys() - wanted.keys()
    if gone:
        gone -= allocation_store.classes_in_use(tx, provider.id)
    if not gone and all(name in have and have[name].inventory == one for name, one in wanted.items()):
        return False
    check(uuid, wanted, may_reserve_all=True)
    names.check_classes(tx, wanted)
    providers.advance(tx, provider, provider.generation)
    if gone:
        store.delete(tx, provider.id, gone)
    write(tx, provider.id, have, wanted)
    return True
