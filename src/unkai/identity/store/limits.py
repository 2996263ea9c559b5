"""Registered limits (the cloud's defaults) and limits (a project's or a domain's own)."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Limit, Listing, RegisteredLimit
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import limits, projects, registered_limits
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx

_REGISTERED: Columns = {
    "id": registered_limits.c.id,
    "service_id": registered_limits.c.service_id,
    "region_id": registered_limits.c.region_id,
    "resource_name": registered_limits.c.resource_name,
}
_LIMITS: Columns = {
    "id": limits.c.id,
    "service_id": registered_limits.c.service_id,
    "region_id": registered_limits.c.region_id,
    "resource_name": registered_limits.c.resource_name,
    "project_id": limits.c.project_id,
    "domain_id": limits.c.domain_id,
}


def _limited(query: sa.Select[Any], scope: Scope) -> sa.Select[Any]:
    """A domain sees its own limits and those of its projects."""
    if scope.kind == "domain":
        own = sa.select(projects.c.id).where(projects.c.domain_id == scope.id)
        return query.where(sa.or_(limits.c.domain_id == scope.id, limits.c.project_id.in_(own)))
    return restrict(query, scope, limits.c.project_id)


def _registered(row: Row) -> RegisteredLimit:
    return RegisteredLimit(**{name: row[name] for name in RegisteredLimit.__struct_fields__})


def _limit(row: Row) -> Limit:
    values = {name: row[name] for name in Limit.__struct_fields__}
    return Limit(**values | {"project_id": row["project_id"] or None, "domain_id": row["domain_id"] or None})


def _select() -> sa.Select[Any]:
    return sa.select(
        limits, registered_limits.c.service_id, registered_limits.c.region_id, registered_limits.c.resource_name
    ).join(registered_limits, registered_limits.c.id == limits.c.registered_limit_id)


def registered(tx: Tx, limit_id: str) -> RegisteredLimit | None:
    row = tx.first(sa.select(registered_limits).where(registered_limits.c.id == limit_id))
    return None if row is None else _registered(row)


def find_registered(tx: Tx, service_id: str, region_id: str | None, resource_name: str) -> RegisteredLimit | None:
    """The one that an own limit overrides: that of the service, region and resource."""
    column = registered_limits.c.region_id
    row = tx.first(
        sa.select(registered_limits).where(
            registered_limits.c.service_id == service_id,
            registered_limits.c.resource_name == resource_name,
            column.is_(None) if region_id is None else column == region_id,
        )
    )
    return None if row is None else _registered(row)


def list_registered(tx: Tx, listing: Listing) -> tuple[list[RegisteredLimit], bool]:
    rows, more = page(tx, sa.select(registered_limits), listing, _REGISTERED, registered_limits.c.id)
    return [_registered(row) for row in rows], more


def insert_registered(tx: Tx, new: RegisteredLimit) -> None:
    writing.insert(tx, registered_limits, {name: getattr(new, name) for name in new.__struct_fields__})


def update_registered(tx: Tx, limit_id: str, **values: Any) -> None:
    writing.execute(tx, sa.update(registered_limits).where(registered_limits.c.id == limit_id).values(**values))


def delete_registered(tx: Tx, limit_id: str) -> None:
    tx.execute(sa.delete(registered_limits).where(registered_limits.c.id == limit_id))


def overridden(tx: Tx, registered_limit_id: str) -> bool:
    query = sa.select(limits.c.id).where(limits.c.registered_limit_id == registered_limit_id).limit(1)
    return tx.first(query) is not None


def get(tx: Tx, scope: Scope, limit_id: str) -> Limit | None:
    row = tx.first(_limited(_select(), scope).where(limits.c.id == limit_id))
    return None if row is None else _limit(row)


def listed(tx: Tx, scope: Scope, listing: Listing) -> tuple[list[Limit], bool]:
    rows, more = page(tx, _limited(_select(), scope), listing, _LIMITS, limits.c.id)
    return [_limit(row) for row in rows], more


def insert(tx: Tx, new: Limit) -> None:
    """Raises Taken."""
    writing.insert(
        tx,
        limits,
        {
            "id": new.id,
            "registered_limit_id": new.registered_limit_id,
            "project_id": new.project_id or "",
            "domain_id": new.domain_id or "",
            "resource_limit": new.resource_limit,
            "description": new.description,
        },
    )


def update(tx: Tx, scope: Scope, limit_id: str, **values: Any) -> None:
    chosen = _limited(sa.select(limits.c.id), scope).where(limits.c.id == limit_id)
    tx.execute(sa.update(limits).where(limits.c.id.in_(chosen)).values(**values))


def delete(tx: Tx, scope: Scope, limit_id: str) -> None:
    chosen = _limited(sa.select(limits.c.id), scope).where(limits.c.id == limit_id)
    tx.execute(sa.delete(limits).where(limits.c.id.in_(chosen)))


def delete_of(tx: Tx, scope: Scope, owner_ids: Iterable[str]) -> None:
    """The limits of projects or domains."""
    owners = list(owner_ids)
    chosen = _limited(sa.select(limits.c.id), scope).where(
        sa.or_(limits.c.project_id.in_(owners), limits.c.domain_id.in_(owners))
    )
    tx.execute(sa.delete(limits).where(limits.c.id.in_(chosen)))
