"""What providers have, and the conditional update that is a claim."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from unkai.kernel.clock import utcnow
from unkai.kernel.store import Tx
from unkai.placement.model import Inventory, Stock
from unkai.placement.store.rows import tuples
from unkai.placement.store.tables import inventories


def _stock(row: sa.RowMapping) -> Stock:
    inventory = Inventory(
        total=row["total"],
        reserved=row["reserved"],
        min_unit=row["min_unit"],
        max_unit=row["max_unit"],
        step_size=row["step_size"],
        allocation_ratio=row["allocation_ratio"],
    )
    return Stock(inventory, row["used"], row["updated_at"])


def of(tx: Tx, ids: Iterable[int] | None = None) -> dict[int, dict[str, Stock]]:
    """{provider: {class: stock}}, all providers' when `ids` is None. One statement."""
    query = sa.select(inventories).order_by(inventories.c.resource_class)
    if ids is not None:
        query = query.where(inventories.c.provider_id.in_(list(ids)))
    found: dict[int, dict[str, Stock]] = {}
    for row in tx.all(query):
        found.setdefault(row["provider_id"], {})[row["resource_class"]] = _stock(row)
    return found


def columns(tx: Tx, ids: Iterable[int] | None = None) -> Iterable[tuple[Any, ...]]:
    """Bare rows for the index: provider, class, size (total - reserved), capacity, used, min, max and step."""
    column = inventories.c
    query = sa.select(
        column.provider_id,
        column.resource_class,
        column.total - column.reserved,
        column.capacity,
        column.used,
        column.min_unit,
        column.max_unit,
        column.step_size,
    )
    if ids is not None:
        query = query.where(column.provider_id.in_(list(ids)))
    return tuples(tx, query)


def insert(tx: Tx, provider_id: int, wanted: Mapping[str, Inventory]) -> None:
    if wanted:
        now = utcnow()
        rows = [
            {"provider_id": provider_id, "resource_class": name, "used": 0, "updated_at": now, **_values(inventory)}
            for name, inventory in wanted.items()
        ]
        tx.execute(sa.insert(inventories), rows)


def update(tx: Tx, provider_id: int, resource_class: str, inventory: Inventory) -> None:
    tx.execute(
        sa.update(inventories)
        .where(inventories.c.provider_id == provider_id, inventories.c.resource_class == resource_class)
        .values(**_values(inventory), updated_at=utcnow())
    )


def delete(tx: Tx, provider_id: int, names: Iterable[str]) -> None:
    tx.execute(
        sa.delete(inventories).where(
            inventories.c.provider_id == provider_id, inventories.c.resource_class.in_(list(names))
        )
    )


def _values(inventory: Inventory) -> dict[str, int | float]:
    return {
        "total": inventory.total,
        "reserved": inventory.reserved,
        "min_unit": inventory.min_unit,
        "max_unit": inventory.max_unit,
        "step_size": inventory.step_size,
        "allocation_ratio": inventory.allocation_ratio,
        "capacity": inventory.capacity,
    }


_where_stock = (
    inventories.c.provider_id == sa.bindparam("provider"),
    inventories.c.resource_class == sa.bindparam("name"),
)
_take = (
    sa.update(inventories)
    .where(*_where_stock, inventories.c.used + sa.bindparam("amount") <= inventories.c.capacity)
    .values(used=inventories.c.used + sa.bindparam("amount"))
)
_give = sa.update(inventories).where(*_where_stock).values(used=inventories.c.used - sa.bindparam("amount"))


def take(tx: Tx, provider_id: int, resource_class: str, amount: int) -> bool:
    """Use `amount` more if it fits: the one statement that decides, whatever anybody believed before."""
    return tx.count(_take, {"provider": provider_id, "name": resource_class, "amount": amount}) == 1


def give(tx: Tx, provider_id: int, resource_class: str, amount: int) -> None:
    """Use `amount` less."""
    tx.execute(_give, {"provider": provider_id, "name": resource_class, "amount": amount})


def usages(tx: Tx, provider_id: int) -> dict[str, int]:
    """{class: used} of one provider."""
    rows = tx.all(
        sa.select(inventories.c.resource_class, inventories.c.used)
        .where(inventories.c.provider_id == provider_id)
        .order_by(inventories.c.resource_class)
    )
    return {row["resource_class"]: row["used"] for row in rows}
