"""Groups and who is in them."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Group, Listing
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import groups, memberships
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx, upsert

_COLUMNS: Columns = {"id": groups.c.id, "name": groups.c.name, "domain_id": groups.c.domain_id}


def _limited(query: sa.Select[Any], scope: Scope) -> sa.Select[Any]:
    return restrict(query, scope, sa.literal(None), groups.c.domain_id)


def _group(row: Row) -> Group:
    return Group(
        id=row["id"],
        name=row["name"],
        domain_id=row["domain_id"],
        description=row["description"],
        extra=row["extra"],
    )


def get(tx: Tx, scope: Scope, group_id: str) -> Group | None:
    row = tx.first(_limited(sa.select(groups), scope).where(groups.c.id == group_id))
    return None if row is None else _group(row)


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, Group]:
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {
        row["id"]: _group(row) for row in tx.all(_limited(sa.select(groups), scope).where(groups.c.id.in_(wanted)))
    }


def listed(tx: Tx, scope: Scope, listing: Listing, *, user_id: str | None = None) -> tuple[list[Group], bool]:
    """A page of groups, of those a user is in when `user_id` is given."""
    query = _limited(sa.select(groups), scope)
    if user_id is not None:
        query = query.join(memberships, memberships.c.group_id == groups.c.id).where(memberships.c.user_id == user_id)
    rows, more = page(tx, query, listing, _COLUMNS, groups.c.id)
    return [_group(row) for row in rows], more


def insert(tx: Tx, group: Group) -> None:
    writing.insert(
        tx,
        groups,
        {
            "id": group.id,
            "name": group.name,
            "domain_id": group.domain_id,
            "description": group.description,
            "extra": group.extra,
        },
    )


def update(tx: Tx, scope: Scope, group_id: str, **values: Any) -> None:
    if values:
        chosen = _limited(sa.select(groups.c.id), scope).where(groups.c.id == group_id)
        writing.execute(tx, sa.update(groups).where(groups.c.id.in_(chosen)).values(**values))


def delete(tx: Tx, scope: Scope, group_ids: Iterable[str]) -> None:
    chosen = _limited(sa.select(groups.c.id), scope).where(groups.c.id.in_(list(group_ids)))
    tx.execute(sa.delete(groups).where(groups.c.id.in_(chosen)))


def ids_of_domain(tx: Tx, scope: Scope, domain_id: str) -> list[str]:
    return list(tx.scalars(_limited(sa.select(groups.c.id), scope).where(groups.c.domain_id == domain_id)))


def ids_of_user(tx: Tx, scope: Scope, user_id: str) -> list[str]:
    query = sa.select(groups.c.id).join(memberships, memberships.c.group_id == groups.c.id)
    return list(tx.scalars(_limited(query, scope).where(memberships.c.user_id == user_id)))


def members(tx: Tx, scope: Scope, group_ids: Iterable[str]) -> dict[str, list[str]]:
    """The user ids of each group."""
    wanted = list(set(group_ids))
    if not wanted:
        return {}
    query = sa.select(memberships.c.group_id, memberships.c.user_id).join(
        groups, groups.c.id == memberships.c.group_id
    )
    found: dict[str, list[str]] = {}
    for row in tx.all(_limited(query, scope).where(memberships.c.group_id.in_(wanted))):
        found.setdefault(row["group_id"], []).append(row["user_id"])
    return found


def add_member(tx: Tx, scope: Scope, group_id: str, user_id: str) -> None:
    """Adding a member twice is no mistake."""
    if get(tx, scope, group_id) is not None:
        upsert(tx, memberships, {"user_id": user_id, "group_id": group_id}, ["user_id", "group_id"])


def remove_member(tx: Tx, scope: Scope, group_id: str, user_id: str) -> bool:
    """Whether the user was a member."""
    chosen = _limited(sa.select(groups.c.id), scope).where(groups.c.id == group_id)
    return (
        tx.count(sa.delete(memberships).where(memberships.c.group_id.in_(chosen), memberships.c.user_id == user_id))
        > 0
    )


def is_member(tx: Tx, scope: Scope, group_id: str, user_id: str) -> bool:
    return user_id in members(tx, scope, [group_id]).get(group_id, [])
