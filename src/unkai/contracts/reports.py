"""What a host tells of itself: identity, inventory, capabilities, guests' power states."""

from typing import Literal

import msgspec

from unkai.contracts.guest import PowerState


class NumaCell(msgspec.Struct, frozen=True):
    id: int
    cpus: list[int]
    memory_mb: int


class Inventory(msgspec.Struct, frozen=True):
    """Totals of the machine (before reservations and ratios) and what is free of them now."""

    vcpus: int
    memory_mb: int
    disk_gb: int
    memory_mb_free: int
    disk_gb_free: int
    disk_available_least: int
    cells: list[NumaCell] = []


class HostReport(msgspec.Struct, frozen=True):
    """Sent when the agent starts and when something in it changed; `traits` are os-traits names.

    `host` is the service's host name, `hypervisor_hostname` what the hypervisor calls the node. `host_id` is
    the stable UUID kept in the host's state directory: it is the compute node's and the provider's UUID.
    """

    host: str
    host_id: str
    hypervisor_hostname: str
    hypervisor_type: str
    hypervisor_version: int
    driver: Literal["libvirt", "simulated"]
    host_ip: str
    cpu_info: dict[str, object]
    inventory: Inventory
    traits: list[str]
    virt_type: str = "qemu"
    supported: list[tuple[str, str, str]] = []
    chassis: str | None = None


class GuestStatus(msgspec.Struct, frozen=True):
    server_id: str
    power: PowerState


class Heartbeat(msgspec.Struct, frozen=True):
    """Every few seconds. `guests` is complete on the first beat of a session, afterwards what changed."""

    session: str
    load: float
    guests: list[GuestStatus] = []
    complete: bool = False
