"""Statements that are the same for every resource: insert, update with revision, delete, tags, locks."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from unkai.kernel.clock import utcnow
from unkai.kernel.store import Tx, lock_row, upsert
from unkai.network.store import tables as t
from unkai.network.store.listing import grouped


def insert(tx: Tx, table: sa.Table, values: Mapping[str, Any]) -> None:
    """A new row with upstream's standard attributes."""
    when = utcnow()
    tx.execute(sa.insert(table).values(created_at=when, updated_at=when, revision_number=0, **values))


def update(tx: Tx, table: sa.Table, id: str, values: Mapping[str, Any]) -> None:
    """Change a row and count its revision."""
    tx.execute(
        sa.update(table)
        .where(table.c.id == id)
        .values(updated_at=utcnow(), revision_number=table.c.revision_number + 1, **values)
    )


def delete(tx: Tx, table: sa.Table, id: str) -> None:
    """Delete a row and its tags."""
    tx.execute(sa.delete(t.tags).where(t.tags.c.resource_id == id))
    tx.execute(sa.delete(table).where(table.c.id == id))


def touch(tx: Tx, table: sa.Table, id: str) -> None:
    """Count a revision for a change that lies in another table."""
    update(tx, table, id, {})


def tags_of(tx: Tx, ids: Iterable[str]) -> dict[str, list[str]]:
    rows = tx.all(
        sa.select(t.tags.c.resource_id, t.tags.c.tag)
        .where(t.tags.c.resource_id.in_(list(ids)))
        .order_by(t.tags.c.resource_id, t.tags.c.tag)
    )
    return grouped(rows, "resource_id", "tag")


def set_tags(tx: Tx, id: str, tags: Iterable[str]) -> None:
    tx.execute(sa.delete(t.tags).where(t.tags.c.resource_id == id))
    rows = [{"resource_id": id, "tag": tag} for tag in sorted(set(tags))]
    if rows:
        tx.execute(sa.insert(t.tags), rows)


def add_tag(tx: Tx, id: str, tag: str) -> None:
    upsert(tx, t.tags, {"resource_id": id, "tag": tag}, ["resource_id", "tag"])


def remove_tag(tx: Tx, id: str, tag: str) -> bool:
    return tx.count(sa.delete(t.tags).where(t.tags.c.resource_id == id, t.tags.c.tag == tag)) > 0


def hold(tx: Tx, name: str) -> None:
    """Until the commit nobody else holds the same name."""
    upsert(tx, t.locks, {"name": name}, ["name"])
    lock_row(tx, sa.select(t.locks).where(t.locks.c.name == name))


def hold_row(tx: Tx, table: sa.Table, id: str) -> None:
    """Until the commit nobody else holds this row."""
    lock_row(tx, sa.select(table.c.id).where(table.c.id == id))


def count(tx: Tx, table: sa.Table, project_id: str, *conditions: sa.ColumnElement[bool]) -> int:
    """How many rows a project has (quotas)."""
    query = sa.select(sa.func.count()).select_from(table).where(table.c.project_id == project_id, *conditions)
    return int(tx.scalar(query))
