"""Roles and which role implies which. They belong to the cloud (or are named by a domain): no scope."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Listing, Role
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import implied_roles, roles
from unkai.kernel.store import Tx, upsert

_COLUMNS: Columns = {"id": roles.c.id, "name": roles.c.name, "domain_id": roles.c.domain_id}


def _role(row: Row) -> Role:
    return Role(
        id=row["id"],
        name=row["name"],
        domain_id=row["domain_id"] or None,
        description=row["description"],
        options=row["options"],
        extra=row["extra"],
    )


def get(tx: Tx, role_id: str) -> Role | None:
    row = tx.first(sa.select(roles).where(roles.c.id == role_id))
    return None if row is None else _role(row)


def by_ids(tx: Tx, ids: Iterable[str]) -> dict[str, Role]:
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {row["id"]: _role(row) for row in tx.all(sa.select(roles).where(roles.c.id.in_(wanted)))}


def all_by_id(tx: Tx) -> dict[str, Role]:
    return {row["id"]: _role(row) for row in tx.all(sa.select(roles))}


def by_name(tx: Tx, name: str, domain_id: str | None = None) -> Role | None:
    row = tx.first(sa.select(roles).where(roles.c.name == name, roles.c.domain_id == (domain_id or "")))
    return None if row is None else _role(row)


def listed(tx: Tx, listing: Listing) -> tuple[list[Role], bool]:
    rows, more = page(tx, sa.select(roles), listing, _COLUMNS, roles.c.id)
    return [_role(row) for row in rows], more


def insert(tx: Tx, role: Role) -> None:
    writing.insert(
        tx,
        roles,
        {
            "id": role.id,
            "name": role.name,
            "domain_id": role.domain_id or "",
            "description": role.description,
            "options": role.options,
            "extra": role.extra,
        },
    )


def update(tx: Tx, role_id: str, **values: Any) -> None:
    if values:
        writing.execute(tx, sa.update(roles).where(roles.c.id == role_id).values(**values))


def delete(tx: Tx, role_ids: Iterable[str]) -> None:
    tx.execute(sa.delete(roles).where(roles.c.id.in_(list(role_ids))))


def ids_of_domain(tx: Tx, domain_id: str) -> list[str]:
    return list(tx.scalars(sa.select(roles.c.id).where(roles.c.domain_id == domain_id)))


def implications(tx: Tx) -> dict[str, list[str]]:
    """What each role implies directly. A small table: read whole, in one statement."""
    found: dict[str, list[str]] = {}
    for row in tx.all(sa.select(implied_roles).order_by(implied_roles.c.implied_role_id)):
        found.setdefault(row["prior_role_id"], []).append(row["implied_role_id"])
    return found


def imply(tx: Tx, prior_role_id: str, implied_role_id: str) -> None:
    row = {"prior_role_id": prior_role_id, "implied_role_id": implied_role_id}
    upsert(tx, implied_roles, row, list(row))


def forget_implication(tx: Tx, prior_role_id: str, implied_role_id: str) -> bool:
    """Whether there was one."""
    return (
        tx.count(
            sa.delete(implied_roles).where(
                implied_roles.c.prior_role_id == prior_role_id, implied_roles.c.implied_role_id == implied_role_id
            )
        )
        > 0
    )
