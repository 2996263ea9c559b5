"""A server's row as a question to the scheduler."""

from collections.abc import Sequence
from typing import Any

from unkai.compute import disks
from unkai.compute.server import Server
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import groups as group_store
from unkai.compute.store import servers as store
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.nodes import service as nodes
from unkai.scheduler.service import PlaceRequest, ServerGroup


def request_for(tx: Tx, kit: Kit, server: Server, tried: Sequence[str], request_id: str) -> PlaceRequest:
    """What the server needs of a host, with hints looked up and the group's row locked until the commit."""
    specs = server.flavor.extra_specs
    required, forbidden = _traits(specs)
    return PlaceRequest(
        server_id=server.id,
        project_id=server.project_id,
        user_id=server.user_id,
        resources=_resources(server),
        required_traits=required,
        forbidden_traits=forbidden,
        zone=server.requested_zone,
        image_id=server.image_id,
        image_properties=server.image.properties,
        extra_specs=specs,
        different_hosts=_hosts_of(tx, server.hints.get("different_host")),
        same_hosts=_hosts_of(tx, server.hints.get("same_host")),
        group=_group(tx, server),
        excluded_hosts=(*tried, *_unwanted(tx, kit, server)),
        forced_host=_forced_host(tx, kit, server),
        hints=server.hints,
        request_id=request_id,
    )


def _resources(server: Server) -> dict[str, int]:
    """The flavor's amounts, with what resources:CLASS=N of the extra specs replaces, adds or (0) takes away."""
    found = {
        "VCPU": server.vcpus,
        "MEMORY_MB": server.memory_mb,
        "DISK_GB": disks.disk_gb(server.flavor, server.disks),
    }
    for key, value in server.flavor.extra_specs.items():
        if key.startswith("resources:") and value.isdigit():
            found[key.removeprefix("resources:")] = int(value)
    return {name: amount for name, amount in found.items() if amount > 0}


def _traits(specs: dict[str, str]) -> tuple[frozenset[str], frozenset[str]]:
    traits = {key.removeprefix("trait:"): value for key, value in specs.items() if key.startswith("trait:")}
    return (
        frozenset(name for name, value in traits.items() if value == "required"),
        frozenset(name for name, value in traits.items() if value == "forbidden"),
    )


def _hosts_of(tx: Tx, hint: Any) -> tuple[str, ...]:
    """Hosts of the servers that a hint names."""
    ids = [hint] if isinstance(hint, str) else [one for one in hint or () if isinstance(one, str)]
    found = store.by_ids(tx, SYSTEM, ids)
    return tuple(dict.fromkeys(server.host for server in found.values() if server.host is not None))


def _group(tx: Tx, server: Server) -> ServerGroup | None:
    if server.group_id is None:
        return None
    group = group_store.get(tx, SYSTEM, server.group_id, lock=True)
    if group is None:
        return None
    hosts = group_store.hosts_of(tx, SYSTEM, group.id, server.id)
    return ServerGroup(policy=group.policy, rules=dict(group.rules), hosts=tuple(hosts))


def _forced_host(tx: Tx, kit: Kit, server: Server) -> str | None:
    """The host of zone:host:node. A node alone is looked up by its name."""
    wanted = server.destination
    if wanted is None or not wanted.forced:
        return None
    if wanted.host is not None:
        return wanted.host
    named = [host.host for host in nodes.hosts(tx, kit) if host.hypervisor_hostname == wanted.node]
    return named[0] if named else wanted.node


def _unwanted(tx: Tx, kit: Kit, server: Server) -> list[str]:
    """With a requested destination (2.74) every other host; the filters still have their say on the one."""
    wanted = server.destination
    if wanted is None or wanted.forced:
        return []
    return [
        host.host
        for host in nodes.hosts(tx, kit)
        if wanted.host not in (None, host.host) or wanted.node not in (None, host.hypervisor_hostname)
    ]
