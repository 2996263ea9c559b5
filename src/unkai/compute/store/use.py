"""Sums over servers: what hosts are used for, and what projects used over a time."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from unkai.compute.store.tables import servers
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx


class HostUse(msgspec.Struct, frozen=True):
    """Sums over the servers of a host. `busy` are those that something is being done to."""

    servers: int = 0
    vcpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0
    busy: int = 0


class ProjectUse(msgspec.Struct, frozen=True):
    host: str
    project_id: str
    vcpus: int
    memory_mb: int
    disk_gb: int


class Span(msgspec.Struct, frozen=True):
    """A server for the sake of usage: what it had, and from when to when."""

    seq: int
    id: str
    project_id: str
    name: str
    flavor: str
    vcpus: int
    memory_mb: int
    local_gb: int
    started_at: datetime
    ended_at: datetime | None
    vm_state: str


def by_host(tx: Tx, scope: Scope) -> dict[str, HostUse]:
    query = (
        sa.select(
            servers.c.host,
            sa.func.count().label("servers"),
            sa.func.sum(servers.c.vcpus).label("vcpus"),
            sa.func.sum(servers.c.memory_mb).label("memory_mb"),
            sa.func.sum(servers.c.disk_gb).label("disk_gb"),
            sa.func.count(servers.c.task_state).label("busy"),
        )
        .where(servers.c.deleted.is_(False), servers.c.host.is_not(None))
        .group_by(servers.c.host)
    )
    rows = tx.all(restrict(query, scope, servers.c.project_id))
    return {row["host"]: HostUse(**{name: int(row[name]) for name in HostUse.__struct_fields__}) for row in rows}


def by_project(tx: Tx, scope: Scope, host: str) -> list[ProjectUse]:
    query = (
        sa.select(
            servers.c.host,
            servers.c.project_id,
            sa.func.sum(servers.c.vcpus).label("vcpus"),
            sa.func.sum(servers.c.memory_mb).label("memory_mb"),
            sa.func.sum(servers.c.disk_gb).label("disk_gb"),
        )
        .where(servers.c.deleted.is_(False), servers.c.host == host)
        .group_by(servers.c.host, servers.c.project_id)
        .order_by(servers.c.project_id)
    )
    return [ProjectUse(**row) for row in tx.all(restrict(query, scope, servers.c.project_id))]


def spans(tx: Tx, scope: Scope, start: datetime, end: datetime, *, after: int | None, limit: int | None) -> list[Span]:
    """Servers that existed within a time, tombstones too, oldest first."""
    query = (
        sa.select(servers)
        .where(
            servers.c.launched_at.is_not(None),
            servers.c.launched_at < end,
            sa.or_(servers.c.terminated_at.is_(None), servers.c.terminated_at >= start),
        )
        .order_by(servers.c.seq)
    )
    if after is not None:
        query = query.where(servers.c.seq > after)
    if limit is not None:
        query = query.limit(limit)
    return [
        Span(
            seq=row["seq"],
            id=row["id"],
            project_id=row["project_id"],
            name=row["name"],
            flavor=row["flavor"]["name"],
            vcpus=row["vcpus"],
            memory_mb=row["memory_mb"],
            local_gb=row["disk_gb"],
            started_at=row["launched_at"],
            ended_at=row["terminated_at"],
            vm_state=row["vm_state"],
        )
        for row in tx.all(restrict(query, scope, servers.c.project_id))
    ]


def seq_of(tx: Tx, scope: Scope, server_id: str) -> int | None:
    query = sa.select(servers.c.seq).where(servers.c.id == server_id)
    found = tx.scalar(restrict(query, scope, servers.c.project_id))
    return None if found is None else int(found)


def hosts_with_servers(tx: Tx, scope: Scope, hosts: Sequence[str]) -> list[str]:
    query = sa.select(servers.c.host).where(servers.c.host.in_(hosts), servers.c.deleted.is_(False)).distinct()
    return [str(host) for host in tx.scalars(restrict(query, scope, servers.c.project_id))]
