"""Consumers and what they use."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.kernel.clock import utcnow
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx
from unkai.placement.model import Allocation, Consumer
from unkai.placement.store import insert as insert_module
from unkai.placement.store import rows
from unkai.placement.store.tables import allocations, consumers, providers

_select = (
    sa.select(
        allocations.c.consumer_uuid,
        allocations.c.provider_id,
        allocations.c.resource_class,
        allocations.c.used,
        allocations.c.updated_at,
        providers.c.uuid.label("provider_uuid"),
        providers.c.generation.label("provider_generation"),
    )
    .join(providers, providers.c.id == allocations.c.provider_id)
    .order_by(allocations.c.consumer_uuid, allocations.c.provider_id, allocations.c.resource_class)
)


def _consumer(row: Mapping[Any, Any]) -> Consumer:
    return Consumer(
        uuid=row["uuid"],
        generation=row["generation"],
        project_id=row["project_id"],
        user_id=row["user_id"],
        type=row["type"],
        updated_at=row["updated_at"],
    )


def _allocation(row: sa.RowMapping) -> Allocation:
    return Allocation(
        consumer_uuid=row["consumer_uuid"],
        provider_uuid=row["provider_uuid"],
        resource_class=row["resource_class"],
        used=row["used"],
        updated_at=row["updated_at"],
    )


def consumers_by_uuids(tx: Tx, scope: Scope, uuids: Iterable[str]) -> dict[str, Consumer]:
    query = restrict(sa.select(consumers), scope, consumers.c.project_id)
    return {row["uuid"]: _consumer(row) for row in tx.all(query.where(consumers.c.uuid.in_(list(uuids))))}


def of_consumers(tx: Tx, uuids: Iterable[str]) -> tuple[list[Allocation], dict[str, int]]:
    """Allocations of these consumers, and the generations of the providers in them by uuid. One statement."""
    found = tx.all(_select.where(allocations.c.consumer_uuid.in_(list(uuids))))
    return [_allocation(row) for row in found], {row["provider_uuid"]: row["provider_generation"] for row in found}


def of_provider(tx: Tx, provider_id: int) -> list[tuple[Allocation, Consumer]]:
    found = tx.all(
        _select.add_columns(
            consumers.c.uuid,
            consumers.c.generation,
            consumers.c.project_id,
            consumers.c.user_id,
            consumers.c.type,
            consumers.c.updated_at.label("consumer_updated_at"),
        )
        .join(consumers, consumers.c.uuid == allocations.c.consumer_uuid)
        .where(allocations.c.provider_id == provider_id)
    )
    return [(_allocation(row), _consumer({**row, "updated_at": row["consumer_updated_at"]})) for row in found]


def amounts(tx: Tx, uuids: Iterable[str]) -> list[tuple[str, int, str, int]]:
    """(consumer, provider number, class, used) of these consumers: what a claim starts from."""
    column = allocations.c
    query = sa.select(column.consumer_uuid, column.provider_id, column.resource_class, column.used).where(
        column.consumer_uuid.in_(list(uuids))
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows.tuples(tx, query)]


def lock_consumers(tx: Tx, uuids: Sequence[str]) -> dict[str, Consumer]:
    """Read the consumers and hold their rows until the commit."""
    query = sa.select(consumers).where(consumers.c.uuid.in_(list(uuids))).order_by(consumers.c.uuid)
    if tx.dialect == "postgresql":
        query = query.with_for_update()
    return {row["uuid"]: _consumer(row) for row in tx.all(query)}


def insert_consumer(tx: Tx, consumer: Consumer) -> bool:
    """False when somebody else made it meanwhile."""
    values = {
        "uuid": consumer.uuid,
        "generation": consumer.generation,
        "project_id": consumer.project_id,
        "user_id": consumer.user_id,
        "type": consumer.type,
        "updated_at": consumer.updated_at,
    }
    return insert_module.unless_taken(tx, consumers, values, consumers.c.uuid) is not None


def update_consumer(tx: Tx, consumer: Consumer, generation: int) -> bool:
    """Write the consumer if it still has `generation`."""
    return (
        tx.count(
            sa.update(consumers)
            .where(consumers.c.uuid == consumer.uuid, consumers.c.generation == generation)
            .values(
                generation=consumer.generation,
                project_id=consumer.project_id,
                user_id=consumer.user_id,
                type=consumer.type,
                updated_at=consumer.updated_at,
            )
        )
        == 1
    )


def delete_consumers(tx: Tx, uuids: Iterable[str]) -> None:
    tx.execute(sa.delete(consumers).where(consumers.c.uuid.in_(list(uuids))))


def delete_of(tx: Tx, uuids: Iterable[str]) -> None:
    tx.execute(sa.delete(allocations).where(allocations.c.consumer_uuid.in_(list(uuids))))


def insert(tx: Tx, new: Iterable[tuple[str, int, str, int]]) -> None:
    """Rows as `amounts` gives them."""
    now = utcnow()
    values = [
        {"consumer_uuid": consumer, "provider_id": provider, "resource_class": name, "used": used, "updated_at": now}
        for consumer, provider, name, used in new
    ]
    if values:
        tx.execute(sa.insert(allocations), values)


def count_by_provider(tx: Tx, consumer_type: str) -> dict[str, int]:
    query = (
        sa.select(providers.c.uuid, sa.func.count(allocations.c.consumer_uuid.distinct()))
        .join(providers, providers.c.id == allocations.c.provider_id)
        .join(consumers, consumers.c.uuid == allocations.c.consumer_uuid)
        .where(consumers.c.type == consumer_type)
        .group_by(providers.c.uuid)
    )
    return {row[0]: int(row[1]) for row in rows.tuples(tx, query)}


def consumers_of_type(tx: Tx, consumer_type: str) -> list[str]:
    """Consumers of a type that hold something."""
    holding = sa.select(allocations.c.consumer_uuid)
    query = sa.select(consumers.c.uuid).where(consumers.c.type == consumer_type, consumers.c.uuid.in_(holding))
    return list(tx.scalars(query))


def classes_in_use(tx: Tx, provider_id: int) -> set[str]:
    query = sa.select(allocations.c.resource_class).where(allocations.c.provider_id == provider_id).distinct()
    return set(tx.scalars(query))


def usages(
    tx: Tx, scope: Scope, user_id: str | None = None, consumer_type: str | None = None
) -> list[tuple[str | None, str, int, int]]:
    """(consumer type, class, sum used, number of consumers) within the scope.

    `consumer_type` "unknown" means consumers without one.
    """
    query = restrict(
        sa.select(
            consumers.c.type,
            allocations.c.resource_class,
            sa.func.sum(allocations.c.used),
        ).join(consumers, consumers.c.uuid == allocations.c.consumer_uuid),
        scope,
        consumers.c.project_id,
    ).group_by(consumers.c.type, allocations.c.resource_class)
    counts = restrict(sa.select(consumers.c.type, sa.func.count()), scope, consumers.c.project_id).group_by(
        consumers.c.type
    )
    if user_id is not None:
        query = query.where(consumers.c.user_id == user_id)
        counts = counts.where(consumers.c.user_id == user_id)
    if consumer_type is not None:
        matches = consumers.c.type.is_(None) if consumer_type == "unknown" else consumers.c.type == consumer_type
        query, counts = query.where(matches), counts.where(matches)
    number = {row[0]: int(row[1]) for row in rows.tuples(tx, counts)}
    return [(row[0], row[1], int(row[2]), number.get(row[0], 0)) for row in rows.tuples(tx, query)]
