"""Statements on server groups. Members are the servers that are not deleted."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.compute.store.tables import groups, servers
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx, lock_row


class ServerGroup(msgspec.Struct, frozen=True, kw_only=True):
    """`policy`: affinity, anti-affinity and their soft kinds; `rules` may hold max_server_per_host."""

    id: str
    project_id: str
    user_id: str
    name: str
    policy: str
    rules: Mapping[str, int]
    created_at: datetime
    members: tuple[str, ...] = ()


def get(tx: Tx, scope: Scope, group_id: str, *, lock: bool = False) -> ServerGroup | None:
    """`lock` holds the group against other builds until the commit: (anti-)affinity must not be raced."""
    query = restrict(sa.select(groups).where(groups.c.id == group_id), scope, groups.c.project_id)
    row = lock_row(tx, query) if lock else tx.first(query)
    return None if row is None else _group(row, members(tx, scope, [group_id]))


def listing(tx: Tx, scope: Scope, offset: int, limit: int) -> list[ServerGroup]:
    query = restrict(sa.select(groups), scope, groups.c.project_id)
    rows = tx.all(query.order_by(groups.c.seq).offset(offset).limit(limit))
    found = members(tx, scope, [row["id"] for row in rows])
    return [_group(row, found) for row in rows]


def members(tx: Tx, scope: Scope, group_ids: Iterable[str]) -> dict[str, list[str]]:
    rows = tx.all(
        restrict(
            sa.select(servers.c.group_id, servers.c.id)
            .where(servers.c.group_id.in_(list(group_ids)), servers.c.deleted.is_(False))
            .order_by(servers.c.seq),
            scope,
            servers.c.project_id,
        )
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["group_id"], []).append(row["id"])
    return found


def hosts_of(tx: Tx, scope: Scope, group_id: str, without: str) -> list[str]:
    """The host of each member but `without`, once per member (max_server_per_host counts them)."""
    query = sa.select(servers.c.host).where(
        servers.c.group_id == group_id,
        servers.c.deleted.is_(False),
        servers.c.host.is_not(None),
        servers.c.id != without,
    )
    return [str(host) for host in tx.scalars(restrict(query, scope, servers.c.project_id))]


def insert(tx: Tx, scope: Scope, group: ServerGroup) -> None:
    if not scope.sees(group.project_id):
        raise PermissionError("a server group of another project")
    tx.execute(
        sa.insert(groups).values(
            id=group.id,
            project_id=group.project_id,
            user_id=group.user_id,
            name=group.name,
            policy=group.policy,
            rules=dict(group.rules),
            created_at=group.created_at,
        )
    )


def delete(tx: Tx, scope: Scope, group_id: str) -> int:
    condition: list[Any] = [groups.c.id == group_id]
    if scope.kind != "system":
        condition.append(groups.c.project_id == scope.id)
    return tx.count(sa.delete(groups).where(*condition))


def forget(tx: Tx, scope: Scope, group_id: str) -> None:
    """The group is gone: its servers belong to none."""
    condition: list[Any] = [servers.c.group_id == group_id]
    if scope.kind != "system":
        condition.append(servers.c.project_id == scope.id)
    tx.execute(sa.update(servers).where(*condition).values(group_id=None))


def count(tx: Tx, scope: Scope) -> int:
    query = restrict(sa.select(sa.func.count()).select_from(groups), scope, groups.c.project_id)
    return int(tx.scalar(query))


def _group(row: sa.RowMapping, found: Mapping[str, list[str]]) -> ServerGroup:
    return ServerGroup(
        id=row["id"],
        project_id=row["project_id"],
        user_id=row["user_id"],
        name=row["name"],
        policy=row["policy"],
        rules=row["rules"],
        created_at=row["created_at"],
        members=tuple(found.get(row["id"], ())),
    )
