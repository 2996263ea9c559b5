"""Hosts: what they report becomes rows here and a resource provider in Placement."""

import math
from collections.abc import Sequence

from unkai.contracts.reports import HostReport
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.nodes import store
from unkai.nodes.errors import HostNotFound, ServiceNotFound
from unkai.nodes.model import Host
from unkai.nodes.settings import NodesDefault
from unkai.placement import service as placement

_DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"


def hosts(tx: Tx, kit: Kit, names: Sequence[str] | None = None) -> list[Host]:
    """All hosts (or those named) by id, with zone and liveness: a constant number of statements."""
    options = kit.settings[NodesDefault]
    return store.list_hosts(tx, options.service_down_time, options.default_availability_zone, names)


def hosts_stamp(tx: Tx) -> tuple[int, ...]:
    """Differs whenever `hosts` or `aggregates` would answer differently, liveness aside: for whoever keeps a copy."""
    return store.stamp(tx)


def silent_hosts(tx: Tx, kit: Kit) -> frozenset[int]:
    """Ids of the hosts whose heartbeat is overdue: the part of `hosts` that changes by itself."""
    return store.silent(tx, kit.settings[NodesDefault].service_down_time)


def host_by_name(tx: Tx, kit: Kit, name: str) -> Host:
    """Raises HostNotFound."""
    found = hosts(tx, kit, [name])
    if not found:
        raise HostNotFound(host=name)
    return found[0]


def register(tx: Tx, kit: Kit, report: HostReport) -> None:
    """Take a host's report: its row, its provider with inventories by the configured reserves and ratios, its traits.

    Unchanged inventory is not written (PLC-003); a disabled host keeps the trait that Placement filters by.
    """
    store.save_report(tx, report, disabled=False)
    host = host_by_name(tx, kit, report.host)
    placement.ensure_provider(tx, report.host_id, report.hypervisor_hostname)
    placement.set_inventories(tx, report.host_id, _inventories(report, kit.settings[NodesDefault]))
    placement.set_traits(tx, report.host_id, _traits(report.traits, host.disabled))


def set_service(
    tx: Tx,
    kit: Kit,
    service_id: int,
    *,
    disabled: bool | None = None,
    reason: str | None = None,
    forced_down: bool | None = None,
) -> Host:
    """Enable, disable or force down a host's compute service. Raises ServiceNotFound."""
    values: dict[str, object] = {}
    if disabled is not None:
        values.update(disabled=disabled, disabled_reason=reason if disabled else None)
    if forced_down is not None:
        values["forced_down"] = forced_down
    if not store.update_service(tx, service_id, values):
        raise ServiceNotFound(service_id=service_id)
    host = next(found for found in hosts(tx, kit) if found.service_id == service_id)
    if disabled is not None:
        placement.set_traits(tx, host.host_id, _traits(host.traits, disabled))
    return host


def remove_host(tx: Tx, kit: Kit, service_id: int) -> None:
    """Forget a host and its provider. Raises ServiceNotFound; Placement refuses while it has allocations."""
    host = next((found for found in hosts(tx, kit) if found.service_id == service_id), None)
    if host is None:
        raise ServiceNotFound(service_id=service_id)
    placement.remove_provider(tx, host.host_id)
    store.delete_host(tx, service_id)


def _traits(reported: Sequence[str], disabled: bool) -> list[str]:
    return sorted({*reported, _DISABLED_TRAIT} if disabled else set(reported) - {_DISABLED_TRAIT})


def _inventories(report: HostReport, options: NodesDefault) -> dict[str, placement.Inventory]:
    found = report.inventory
    cpu_ratio = options.cpu_allocation_ratio or options.initial_cpu_allocation_ratio
    ram_ratio = options.ram_allocation_ratio or options.initial_ram_allocation_ratio
    disk_ratio = options.disk_allocation_ratio or options.initial_disk_allocation_ratio
    wanted = {
        "VCPU": (found.vcpus, options.reserved_host_cpus, cpu_ratio),
        "MEMORY_MB": (found.memory_mb, min(options.reserved_host_memory_mb, found.memory_mb), ram_ratio),
        "DISK_GB": (found.disk_gb, math.ceil(options.reserved_host_disk_mb / 1024), disk_ratio),
    }
    return {
        name: placement.Inventory(
            total=total, reserved=reserved, min_unit=1, max_unit=total, step_size=1, allocation_ratio=ratio
        )
        for name, (total, reserved, ratio) in wanted.items()
        if total > 0
    }
