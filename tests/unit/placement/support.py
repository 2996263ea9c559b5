"""A ledger in a database of its own, and short ways to fill it."""

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from unkai.kernel.store import Database, Tx
from unkai.placement import service as placement
from unkai.placement.index import Index
from unkai.placement.service import Inventory
from unkai.placement.store import allocations, changes, inventories, providers, tables

__all__ = ["Inventory", "allocations", "changes", "inventories", "providers", "tables"]


def open_ledger(folder: Path) -> Database:
    db = Database(f"sqlite:///{folder}/ledger.db")
    db.create_all()
    return db


def uid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def add(
    tx: Tx,
    name: str,
    inventory: Mapping[str, int | Inventory],
    *,
    traits: Iterable[str] = (),
    parent: str | None = None,
    aggregates: Iterable[str] = (),
) -> str:
    """A provider with totals or whole inventories per class. Returns its uuid."""
    found = uid(name)
    placement.ensure_provider(tx, found, name, None if parent is None else uid(parent))
    placement.set_inventories(
        tx, found, {key: one if isinstance(one, Inventory) else Inventory(one) for key, one in inventory.items()}
    )
    placement.set_traits(tx, found, traits)
    placement.set_aggregates(tx, found, [uid(one) for one in aggregates])
    return found


def assert_books_balance(tx: Tx) -> None:
    """What an inventory says is used is the sum of the allocations on it, and nobody exists who uses nothing."""
    used: dict[tuple[int, str], int] = {}
    consumers = set()
    for row in tx.all(tables.allocations.select()):
        key = (row["provider_id"], row["resource_class"])
        used[key] = used.get(key, 0) + row["used"]
        consumers.add(row["consumer_uuid"])
    for row in tx.all(tables.inventories.select()):
        assert row["used"] == used.pop((row["provider_id"], row["resource_class"]), 0)
    assert not used
    assert {row["uuid"] for row in tx.all(tables.consumers.select())} == consumers


def assert_index_is_ledger(tx: Tx, index: Index) -> None:
    """Every fact of the ledger is in the index, and nothing else."""
    index.refresh(tx)
    found = providers.everything(tx)
    by_id = {one.id: one for one in found}
    assert set(index.row_by_uuid) == {one.uuid for one in found}
    assert int(index.alive.sum()) == len(found)
    traits, aggregates = providers.traits_of(tx), providers.aggregates_of(tx)
    stocks = inventories.of(tx)
    for one in found:
        row = index.row_by_uuid[one.uuid]
        assert (index.uuids[row], index.names[row], index.generations[row]) == (one.uuid, one.name, one.generation)
        parent = int(index.parent[row])
        assert (index.uuids[parent] if parent >= 0 else None) == one.parent_uuid
        assert index.uuids[int(index.root[row])] == one.root_uuid
        assert index.row_traits[row] == frozenset(traits.get(one.id, ()))
        assert index.row_aggregates[row] == frozenset(aggregates.get(one.id, ()))
        mine = stocks.get(one.id, {})
        assert set(index.classes_at(row)) == set(mine)
        for name, stock in mine.items():
            column = index.columns[name]
            assert (column.capacity[row], column.used[row]) == (stock.inventory.capacity, stock.used)
            assert column.size[row] == stock.inventory.total - stock.inventory.reserved
    for name, members in (*index.traits.items(), *index.aggregates.items()):
        for row in members:
            assert index.alive[row], f"{name} names a row that is gone"
    for one in by_id.values():
        row = index.row_by_uuid[one.uuid]
        tree = {other.uuid for other in found if other.root_uuid == one.root_uuid}
        assert {index.uuids[other] for other in index.tree_of(int(index.root[row]))} == tree
