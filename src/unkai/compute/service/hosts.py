"""Hosts as Compute shows them: hypervisors with their use and servers, services, zones."""

from collections.abc import Mapping, Sequence

import msgspec

from unkai.compute.errors import HostBinaryNotFound, HostNotFound, ServiceHasServers, ServiceNotFound
from unkai.compute.server import Server
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import servers as server_store
from unkai.compute.store import use as store
from unkai.compute.store.use import HostUse, ProjectUse
from unkai.kernel.errors import NotFound
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.nodes import service as nodes
from unkai.nodes.service import Host

BINARY = "nova-compute"


class Hypervisor(msgspec.Struct, frozen=True):
    host: Host
    use: HostUse
    servers: list[Server] = []


def hypervisors(tx: Tx, kit: Kit, *, with_servers: bool) -> list[Hypervisor]:
    """All hosts by number, with what they are used for: a constant number of statements."""
    hosts = nodes.hosts(tx, kit)
    uses = store.by_host(tx, SYSTEM)
    theirs: Mapping[str, Sequence[Server]] = {}
    if with_servers:
        theirs = server_store.by_hosts(tx, SYSTEM, [host.host for host in hosts])
    return [Hypervisor(host, uses.get(host.host, HostUse()), list(theirs.get(host.host, ()))) for host in hosts]


def host_use(tx: Tx, kit: Kit, name: str) -> tuple[Host, HostUse, list[ProjectUse]]:
    """Raises HostNotFound."""
    try:
        host = nodes.host_by_name(tx, kit, name)
    except NotFound as error:
        raise HostNotFound(host=name[:255]) from error
    return host, store.by_host(tx, SYSTEM).get(host.host, HostUse()), store.by_project(tx, SYSTEM, host.host)


def service_by_host(tx: Tx, kit: Kit, host: str, binary: str) -> Host:
    """Raises HostBinaryNotFound."""
    found = nodes.hosts(tx, kit, [host]) if binary == BINARY else []
    if not found:
        raise HostBinaryNotFound(binary=binary[:255], host=host[:255])
    return found[0]


def service_by_id(tx: Tx, kit: Kit, service_id: str) -> Host:
    """By UUID (2.53) or number. Raises ServiceNotFound."""
    for host in nodes.hosts(tx, kit):
        if service_id in (host.service_uuid, str(host.service_id)):
            return host
    raise ServiceNotFound(service=service_id[:64])


class ServiceChange(msgspec.Struct, frozen=True):
    disabled: bool | None = None
    reason: str | None = None
    forced_down: bool | None = None


def change_service(tx: Tx, kit: Kit, host: Host, change: ServiceChange) -> Host:
    return nodes.set_service(
        tx, kit, host.service_id, disabled=change.disabled, reason=change.reason, forced_down=change.forced_down
    )


def change_by_host(tx: Tx, kit: Kit, host: str, binary: str, change: ServiceChange) -> Host:
    """Raises HostBinaryNotFound."""
    return change_service(tx, kit, service_by_host(tx, kit, host, binary), change)


def change_by_id(tx: Tx, kit: Kit, service_id: str, change: ServiceChange) -> Host:
    """Raises ServiceNotFound."""
    return change_service(tx, kit, service_by_id(tx, kit, service_id), change)


def forget_service(tx: Tx, kit: Kit, service_id: str) -> None:
    """Raises ServiceNotFound, ServiceHasServers."""
    host = service_by_id(tx, kit, service_id)
    if store.hosts_with_servers(tx, SYSTEM, [host.host]):
        raise ServiceHasServers
    for aggregate in nodes.aggregates(tx):
        if host.host in aggregate.hosts:
            nodes.remove_aggregate_host(tx, aggregate.id, host.host)
    nodes.remove_host(tx, kit, host.service_id)
