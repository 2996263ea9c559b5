"""Lists of servers: filters, order, marker."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.compute.server import Server
from unkai.compute.store.servers import from_row, tags_of
from unkai.compute.store.tables import server_tags, servers
from unkai.kernel.paging import Page, order
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx

# Columns by the names that upstream's filters and sort keys have.
COLUMNS: Mapping[str, sa.ColumnElement[Any]] = {
    "access_ip_v4": servers.c.access_ip_v4,
    "access_ip_v6": servers.c.access_ip_v6,
    "auto_disk_config": servers.c.auto_disk_config,
    "availability_zone": servers.c.zone,
    "config_drive": servers.c.config_drive,
    "created_at": servers.c.created_at,
    "display_description": servers.c.description,
    "display_name": servers.c.name,
    "flavor": servers.c.flavor_id,
    "host": servers.c.host,
    "hostname": servers.c.hostname,
    "image_ref": servers.c.image_id,
    "instance_type_id": servers.c.flavor_id,
    "kernel_id": servers.c.kernel_id,
    "key_name": servers.c.key_name,
    "launch_index": servers.c.launch_index,
    "launched_at": servers.c.launched_at,
    "locked": servers.c.locked_by,
    "locked_by": servers.c.locked_by,
    "node": servers.c.node,
    "power_state": servers.c.power_state,
    "progress": servers.c.progress,
    "project_id": servers.c.project_id,
    "ramdisk_id": servers.c.ramdisk_id,
    "reservation_id": servers.c.reservation_id,
    "root_device_name": servers.c.root_device,
    "task_state": servers.c.task_state,
    "terminated_at": servers.c.terminated_at,
    "updated_at": servers.c.updated_at,
    "user_id": servers.c.user_id,
    "uuid": servers.c.id,
    "vm_state": servers.c.vm_state,
}


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """`equal` and `matching` are by the names in COLUMNS; None in a list of values stands for NULL.

    `deleted` None: both. `moments` are times to the second. `ids`: only these servers.
    """

    deleted: bool | None = False
    equal: dict[str, tuple[Any, ...]] = {}
    matching: dict[str, str] = {}
    moments: dict[str, datetime] = {}
    changes_since: datetime | None = None
    changes_before: datetime | None = None
    locked: bool | None = None
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    not_tags_any: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None


def listing(tx: Tx, scope: Scope, filters: Filters, page: Page, marker: Mapping[str, Any] | None) -> list[Server]:
    """Two statements: servers and their tags."""
    query = order(_filtered(sa.select(servers), scope, filters), COLUMNS, page, servers.c.seq, marker)
    rows = tx.all(query)
    tags = tags_of(tx, scope, [row["id"] for row in rows])
    return [from_row(row, tags) for row in rows]


def ids_of(tx: Tx, scope: Scope, filters: Filters) -> list[str]:
    """Every id that the filters leave."""
    return [str(found) for found in tx.scalars(_filtered(sa.select(servers.c.id), scope, filters))]


def marker_values(tx: Tx, scope: Scope, marker: str) -> dict[str, Any] | None:
    """What the row of a marker has to be compared by."""
    columns = [column.label(name) for name, column in COLUMNS.items()]
    query = sa.select(servers.c.seq.label("id"), *columns).where(servers.c.id == marker)
    row = tx.first(restrict(query, scope, servers.c.project_id))
    return None if row is None else dict(row)


def _filtered(query: sa.Select[Any], scope: Scope, filters: Filters) -> sa.Select[Any]:
    query = restrict(query, scope, servers.c.project_id)
    if filters.deleted is not None:
        query = query.where(servers.c.deleted.is_(filters.deleted))
    if filters.changes_since is not None:
        query = query.where(servers.c.updated_at >= filters.changes_since)
    if filters.changes_before is not None:
        query = query.where(servers.c.updated_at <= filters.changes_before)
    if filters.locked is not None:
        query = query.where(servers.c.locked_by.is_not(None) if filters.locked else servers.c.locked_by.is_(None))
    for name, values in filters.equal.items():
        query = query.where(_one_of(COLUMNS[name], values))
    for name, pattern in filters.matching.items():
        query = query.where(COLUMNS[name].regexp_match(pattern))
    for name, moment in filters.moments.items():
        second = moment.replace(microsecond=0)
        query = query.where(COLUMNS[name].between(second, second.replace(microsecond=999999)))
    if filters.ids is not None:
        query = query.where(servers.c.id.in_(filters.ids))
    return _tagged(query, filters)


def _one_of(column: sa.ColumnElement[Any], values: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    known = [value for value in values if value is not None]
    if len(known) == len(values):
        return column.in_(known)
    return sa.or_(column.is_(None), column.in_(known))


def _tagged(query: sa.Select[Any], filters: Filters) -> sa.Select[Any]:
    def has(tags: tuple[str, ...]) -> sa.Select[Any]:
        return sa.select(server_tags.c.server_id).where(server_tags.c.tag.in_(tags))

    def has_all(tags: tuple[str, ...]) -> sa.Select[Any]:
        wanted = set(tags)
        return has(tuple(wanted)).group_by(server_tags.c.server_id).having(sa.func.count() == len(wanted))

    if filters.tags:
        query = query.where(servers.c.id.in_(has_all(filters.tags)))
    if filters.tags_any:
        query = query.where(servers.c.id.in_(has(filters.tags_any)))
    if filters.not_tags:
        query = query.where(servers.c.id.not_in(has_all(filters.not_tags)))
    if filters.not_tags_any:
        query = query.where(servers.c.id.not_in(has(filters.not_tags_any)))
    return query
