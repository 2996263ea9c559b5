"""Statements on servers: one by id, many by id, insert, change, bury."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.compute import model
from unkai.compute.server import Server
from unkai.compute.store.tables import image_numbers, server_tags, servers
from unkai.kernel.clock import utcnow
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx, lock_row

_FIELDS = tuple(name for name in Server.__struct_fields__ if name != "tags")
_JSON = frozenset(("fault", "destination", "flavor", "image", "disks", "key", "files"))
_CHUNK = 500  # ids in one statement: SQLite takes a bounded number of variables


def get(tx: Tx, scope: Scope, server_id: str, *, lock: bool = False, deleted: bool = False) -> Server | None:
    """`lock` holds the row until the commit; `deleted` finds tombstones too."""
    query = restrict(sa.select(servers).where(servers.c.id == server_id), scope, servers.c.project_id)
    if not deleted:
        query = query.where(servers.c.deleted.is_(False))
    row = lock_row(tx, query) if lock else tx.first(query)
    return None if row is None else from_row(row, tags_of(tx, scope, [server_id]))


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str], *, deleted: bool = False) -> dict[str, Server]:
    found: dict[str, Server] = {}
    wanted = list(ids)
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        query = restrict(sa.select(servers).where(servers.c.id.in_(part)), scope, servers.c.project_id)
        if not deleted:
            query = query.where(servers.c.deleted.is_(False))
        tags = tags_of(tx, scope, part)
        found.update({row["id"]: from_row(row, tags) for row in tx.all(query)})
    return found


def on_host(tx: Tx, scope: Scope, host: str) -> list[Server]:
    query = sa.select(servers).where(servers.c.host == host, servers.c.deleted.is_(False)).order_by(servers.c.seq)
    rows = tx.all(restrict(query, scope, servers.c.project_id))
    tags = tags_of(tx, scope, [row["id"] for row in rows])
    return [from_row(row, tags) for row in rows]


def by_hosts(tx: Tx, scope: Scope, hosts: Sequence[str]) -> dict[str, list[Server]]:
    """The servers of many hosts, by host, without their tags."""
    found: dict[str, list[Server]] = {}
    for start in range(0, len(hosts), _CHUNK):
        part = hosts[start : start + _CHUNK]
        query = (
            sa.select(servers).where(servers.c.host.in_(part), servers.c.deleted.is_(False)).order_by(servers.c.seq)
        )
        for row in tx.all(restrict(query, scope, servers.c.project_id)):
            found.setdefault(row["host"], []).append(from_row(row, {}))
    return found


def in_motion(tx: Tx, scope: Scope) -> list[Server]:
    """Servers that say that something is being done to them, without their tags."""
    query = sa.select(servers).where(
        servers.c.deleted.is_(False),
        sa.or_(servers.c.task_state.is_not(None), servers.c.vm_state == model.BUILDING),
    )
    return [from_row(row, {}) for row in tx.all(restrict(query, scope, servers.c.project_id))]


def placed(tx: Tx, scope: Scope) -> list[Server]:
    """Servers that are on a host, without their tags."""
    query = sa.select(servers).where(servers.c.deleted.is_(False), servers.c.host.is_not(None))
    return [from_row(row, {}) for row in tx.all(restrict(query, scope, servers.c.project_id))]


def insert(tx: Tx, scope: Scope, server: Server) -> Server:
    """Insert with tags; the number is given by the database."""
    if not scope.sees(server.project_id):
        raise PermissionError("a server of another project")
    values = _values({name: getattr(server, name) for name in _FIELDS if name != "seq"})
    seq = tx.execute(sa.insert(servers).values(values).returning(servers.c.seq)).scalar_one()
    set_tags(tx, scope, server.id, server.tags)
    return msgspec.structs.replace(server, seq=seq)


def change(tx: Tx, scope: Scope, server: Server, *, touch: bool = True, **values: Any) -> Server:
    """Change fields of a server that was read in this transaction. `touch` moves updated_at."""
    if touch:
        values.setdefault("updated_at", utcnow())
    condition = [servers.c.id == server.id]
    if scope.kind != "system":
        condition.append(servers.c.project_id == (scope.id or ""))
    tx.execute(sa.update(servers).where(*condition).values(_values(values)))
    return msgspec.structs.replace(server, **values)


def bury(tx: Tx, scope: Scope, server: Server, now: datetime) -> Server:
    """The server is gone; its row stays as a tombstone without what is only of use to a guest."""
    return change(
        tx,
        scope,
        server,
        vm_state=model.DELETED,
        task_state=None,
        power_state=model.NOSTATE,
        deleted=True,
        deleted_at=now,
        terminated_at=now,
        updated_at=now,
        user_data=None,
        admin_password=None,
        files=[],
    )


def set_powers(tx: Tx, scope: Scope, powers: Sequence[tuple[str, int]]) -> None:
    """Note reported power states: changes nothing that a user did, so updated_at stays."""
    if scope.kind != "system":
        raise PermissionError("power states are reported by hosts")
    by_power: dict[int, list[str]] = {}
    for server_id, power in powers:
        by_power.setdefault(power, []).append(server_id)
    for power, ids in by_power.items():
        tx.execute(sa.update(servers).where(servers.c.id.in_(ids)).values(power_state=power))


# --- tags


def tags_of(tx: Tx, scope: Scope, ids: Sequence[str]) -> dict[str, list[str]]:
    query = (
        sa.select(server_tags.c.server_id, server_tags.c.tag)
        .join(servers, servers.c.id == server_tags.c.server_id)
        .where(server_tags.c.server_id.in_(ids))
        .order_by(server_tags.c.tag)
    )
    found: dict[str, list[str]] = {}
    for row in tx.all(restrict(query, scope, servers.c.project_id)):
        found.setdefault(row["server_id"], []).append(row["tag"])
    return found


def set_tags(tx: Tx, scope: Scope, server_id: str, tags: Iterable[str]) -> None:
    """Replace all tags of a server that the caller has found within its scope."""
    tx.execute(sa.delete(server_tags).where(server_tags.c.server_id == server_id))
    rows = [{"server_id": server_id, "tag": tag} for tag in dict.fromkeys(tags)]
    if rows:
        tx.execute(sa.insert(server_tags), rows)


# --- EC2 numbers of images


def image_number(tx: Tx, scope: Scope, image_id: str) -> int:
    """A small number for an image, the same for ever: EC2's ids are made of it."""
    found = tx.scalar(sa.select(image_numbers.c.id).where(image_numbers.c.image_id == image_id))
    if found is None:
        made = tx.execute(sa.insert(image_numbers).values(image_id=image_id).returning(image_numbers.c.id))
        found = made.scalar_one()
    return int(found)


# --- rows


def from_row(row: sa.RowMapping, tags: dict[str, list[str]]) -> Server:
    values = {name: row[name] for name in _FIELDS}
    for name in _JSON:
        if values[name] is not None:
            values[name] = msgspec.convert(values[name], _types()[name])
    return Server(**values, tags=tuple(tags.get(row["id"], ())))


_cache: dict[str, Any] = {}


def _types() -> dict[str, Any]:
    """The struct of each JSON column, from the fields of Server."""
    if not _cache:
        _cache.update({field.name: field.type for field in msgspec.structs.fields(Server) if field.name in _JSON})
    return _cache


def _values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: msgspec.to_builtins(value) if name in _JSON else value for name, value in values.items()}
