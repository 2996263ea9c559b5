"""Changing servers: names, addresses, zone, metadata, tags, lock, state by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UnsetType

from unkai.compute import model
from unkai.compute.errors import LimitReached, MetadataItemNotFound, TagNotFound, TooManyTags, ZoneConflict
from unkai.compute.flows.specs import REFRESH, Nothing
from unkai.compute.server import Server
from unkai.compute.service.requests import Changes
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.service.servers import get_server, require
from unkai.compute.store import servers as store
from unkai.kernel.context import Context
from unkai.kernel.flow import service as flows
from unkai.kernel.kit import Kit
from unkai.kernel.quota import UNLIMITED
from unkai.kernel.store import Tx
from unkai.nodes import service as nodes

MAX_TAGS = 50


def refresh(tx: Tx, context: Context, server: Server, **values: Any) -> Server:
    """Change what the guest may read about itself, and have its host told."""
    changed = store.change(tx, SYSTEM, server, revision=server.revision + 1, **values)
    if server.host is not None and server.vm_state != model.BUILDING:
        flows.start(tx, REFRESH, server.id, Nothing(), context, reason="metadata changed")
    return changed


def update_server(tx: Tx, kit: Kit, context: Context, server_id: str, changes: Changes) -> Server:
    """Raises ServerNotFound, ZoneConflict."""
    server = get_server(tx, context, server_id, lock=True)
    values: dict[str, Any] = {}
    for attribute in ("name", "description", "hostname", "access_ip_v4", "access_ip_v6"):
        value = getattr(changes, attribute)
        if not isinstance(value, UnsetType):
            values[attribute] = value
    if not isinstance(changes.disk_config, UnsetType):
        values["auto_disk_config"] = changes.disk_config == "AUTO"
    if not isinstance(changes.pinned_zone, UnsetType):
        values["requested_zone"] = _pin(tx, kit, server, changes.pinned_zone)
    if not values:
        return server
    if values.get("name", server.name) != server.name or values.get("hostname", server.hostname) != server.hostname:
        return refresh(tx, context, server, **values)
    return store.change(tx, SYSTEM, server, **values)


def _pin(tx: Tx, kit: Kit, server: Server, zone: str | None) -> str | None:
    """The zone a server shall be pinned to (2.104). Raises ZoneConflict."""
    if zone is None or zone == server.requested_zone:
        return zone
    if server.requested_zone is not None:
        raise ZoneConflict(
            reason="Cannot change pinned availability zone directly. Unpin first by setting "
            "pinned_availability_zone to null."
        )
    current = next((host.zone for host in nodes.hosts(tx, kit) if host.host == server.host), server.zone)
    if zone != current:
        raise ZoneConflict(
            reason=f"Server can only be pinned to its current availability zone '{current}', "
            f"but '{zone}' was requested."
        )
    return zone


# --- metadata


def set_metadata(
    tx: Tx, kit: Kit, context: Context, server_id: str, items: Mapping[str, str], *, replace: bool
) -> dict[str, str]:
    """Raises ServerNotFound, WrongState, ServerLocked, LimitReached."""
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "metadata", "update metadata")
    wanted = dict(items) if replace else {**server.metadata, **items}
    limit = kit.quota.limits(tx, "compute", server.project_id)["metadata_items"]
    if limit != UNLIMITED and len(wanted) > limit:
        raise LimitReached(reason=f"Maximum number of metadata items exceeds {limit}")
    refresh(tx, context, server, metadata=wanted)
    return wanted


def metadata_item(server: Server, key: str) -> str:
    """Raises MetadataItemNotFound."""
    if key not in server.metadata:
        raise MetadataItemNotFound
    return server.metadata[key]


def delete_metadata(tx: Tx, context: Context, server_id: str, key: str) -> None:
    """Raises ServerNotFound, MetadataItemNotFound, WrongState, ServerLocked."""
    server = get_server(tx, context, server_id, lock=True)
    metadata_item(server, key)
    require(context, server, "metadata", "delete metadata")
    refresh(tx, context, server, metadata={name: value for name, value in server.metadata.items() if name != key})


# --- tags


def set_tags(tx: Tx, context: Context, server_id: str, tags: Sequence[str]) -> list[str]:
    """Replace all tags. Raises ServerNotFound, WrongState."""
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "tags", "update tags")
    store.set_tags(tx, SYSTEM, server.id, tags)
    store.change(tx, SYSTEM, server)
    return list(dict.fromkeys(tags))


def add_tag(tx: Tx, context: Context, server_id: str, tag: str) -> bool:
    """Whether the tag is new. Raises ServerNotFound, WrongState, TooManyTags."""
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "tags", "update tag")
    if tag in server.tags:
        return False
    if len(server.tags) >= MAX_TAGS:
        raise TooManyTags(limit=MAX_TAGS)
    store.set_tags(tx, SYSTEM, server.id, [*server.tags, tag])
    store.change(tx, SYSTEM, server)
    return True


def remove_tag(tx: Tx, context: Context, server_id: str, tag: str) -> None:
    """Raises ServerNotFound, WrongState, TagNotFound."""
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "tags", "delete tag")
    if tag not in server.tags:
        raise TagNotFound(server=server.id, tag=tag[:64])
    store.set_tags(tx, SYSTEM, server.id, [other for other in server.tags if other != tag])
    store.change(tx, SYSTEM, server)


def clear_tags(tx: Tx, context: Context, server_id: str) -> None:
    """Raises ServerNotFound, WrongState."""
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "tags", "delete tags")
    store.set_tags(tx, SYSTEM, server.id, ())
    store.change(tx, SYSTEM, server)


# --- lock and state


def lock_server(tx: Tx, context: Context, server_id: str, reason: str | None) -> None:
    """Locked servers are left alone by everybody but administrators. Raises ServerNotFound."""
    server = get_server(tx, context, server_id, lock=True)
    owner = context.project_id == server.project_id
    if server.locked_by is not None and owner:
        return
    store.change(tx, SYSTEM, server, locked_by="owner" if owner else "admin", locked_reason=reason)


def unlock_server(tx: Tx, context: Context, server_id: str) -> None:
    """Raises ServerNotFound."""
    server = get_server(tx, context, server_id, lock=True)
    store.change(tx, SYSTEM, server, locked_by=None, locked_reason=None)


def reset_state(tx: Tx, context: Context, server_id: str, active: bool) -> None:
    """An administrator's word on a server's state; what is being done to it goes on. Raises ServerNotFound."""
    server = get_server(tx, context, server_id, lock=True)
    store.change(tx, SYSTEM, server, vm_state=model.ACTIVE if active else model.ERROR, task_state=None)


def clear_password(tx: Tx, context: Context, server_id: str) -> None:
    """Forget the encrypted password that the guest has posted. Raises ServerNotFound."""
    store.change(tx, SYSTEM, get_server(tx, context, server_id, lock=True), posted_password="")
