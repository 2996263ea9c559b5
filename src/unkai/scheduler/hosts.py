"""The hosts of one decision: what nodes reported beside what placement's index has of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from unkai.nodes.service import Aggregate, Host
from unkai.placement.service import Index

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Fleet:
    """All hosts in order, and their rows of the index: kept between decisions while neither changes.

    What changes all the time is set by `at`. Used only while the index's lock is held.
    """

    def __init__(self, hosts: Sequence[Host], aggregates: Sequence[Aggregate], index: Index) -> None:
        self.index = index
        self.hosts = hosts
        rows = index.row_by_uuid
        self.rows = np.fromiter((rows.get(host.host_id, -1) for host in hosts), np.int64, len(hosts))
        self.aggregates: dict[str, list[Aggregate]] = {}
        for aggregate in aggregates:
            for name in aggregate.hosts:
                self.aggregates.setdefault(name, []).append(aggregate)
        self.zones = np.array([host.zone for host in hosts], np.str_)
        self.enabled = np.array([not host.disabled and not host.forced_down for host in hosts], np.bool_)
        self.versions = np.array([host.hypervisor_version for host in hosts], np.int64)
        # Hosts that can run the same images: most clouds have one or two kinds.
        kinds: dict[object, int] = {}
        self.kind = np.array(
            [kinds.setdefault((host.supported, host.hypervisor_version), len(kinds)) for host in hosts], np.intp
        )
        self._ids = np.array([host.id for host in hosts], np.int64)
        self.silent: frozenset[int] = frozenset()
        self.instances: Mapping[str, int] = {}
        self.states = [HostState(self, position, host) for position, host in enumerate(hosts)]

    def at(self, silent: frozenset[int], instances: Mapping[str, int]) -> "Fleet":
        """As it is now: ids of hosts that are not heard of, and servers per provider."""
        self.silent = silent
        self.instances = instances
        return self

    def heard(self) -> Mask:
        """Hosts whose heartbeat is not overdue."""
        if not self.silent:
            return np.ones(len(self.hosts), np.bool_)
        return ~np.isin(self._ids, list(self.silent))

    def column(self, resource_class: str, what: str) -> Ints:
        """One number per host: "size" (total less reserved), "capacity" (with the ratio) or "used"; 0 without it."""
        column = self.index.columns.get(resource_class)
        if column is None:
            return np.zeros(len(self.hosts), np.int64)
        values: Ints = np.where(self.rows >= 0, getattr(column, what)[self.rows], 0)
        return np.maximum(values, 0)

    def free(self, resource_class: str) -> Ints:
        """What upstream calls free: the real amount without overcommit, less what is used. May be negative."""
        return self.column(resource_class, "size") - self.column(resource_class, "used")


class HostState:
    """One host as the filters see it. Attribute names are upstream's: JsonFilter and capabilities name them."""

    __slots__ = ("_fleet", "_position", "facts")

    def __init__(self, fleet: Fleet, position: int, facts: Host) -> None:
        self._fleet = fleet
        self._position = position
        self.facts = facts

    @property
    def host(self) -> str:
        return self.facts.host

    @property
    def is_silent(self) -> bool:
        """Whether its heartbeat is overdue."""
        return self.facts.id in self._fleet.silent

    @property
    def aggregates(self) -> list[Aggregate]:
        return self._fleet.aggregates.get(self.facts.host, [])

    def metadata(self, key: str) -> set[str]:
        """The values of a metadata key in all aggregates of the host; commas separate values."""
        return {
            part.strip()
            for aggregate in self.aggregates
            if key in aggregate.metadata
            for part in aggregate.metadata[key].split(",")
        }

    def _number(self, resource_class: str, what: str) -> int:
        row = int(self._fleet.rows[self._position])
        column = self._fleet.index.columns.get(resource_class)
        return 0 if row < 0 or column is None else max(0, int(getattr(column, what)[row]))

    def _free(self, resource_class: str) -> int:
        return self._number(resource_class, "size") - self._number(resource_class, "used")

    @property
    def total_usable_ram_mb(self) -> int:
        return self.facts.inventory.memory_mb

    @property
    def free_ram_mb(self) -> int:
        return self._free("MEMORY_MB")

    @property
    def total_usable_disk_gb(self) -> int:
        return self.facts.inventory.disk_gb

    @property
    def free_disk_mb(self) -> int:
        return self._free("DISK_GB") * 1024

    @property
    def disk_mb_used(self) -> int:
        return self._number("DISK_GB", "used") * 1024

    @property
    def vcpus_total(self) -> int:
        return self.facts.inventory.vcpus

    @property
    def vcpus_used(self) -> int:
        return self._number("VCPU", "used")

    @property
    def num_instances(self) -> int:
        return self._fleet.instances.get(self.facts.host_id, 0)

    @property
    def hypervisor_type(self) -> str:
        return self.facts.hypervisor_type

    @property
    def hypervisor_version(self) -> int:
        return self.facts.hypervisor_version

    @property
    def hypervisor_hostname(self) -> str:
        return self.facts.hypervisor_hostname

    @property
    def nodename(self) -> str:
        return self.facts.hypervisor_hostname

    @property
    def host_ip(self) -> str:
        return self.facts.host_ip

    @property
    def cpu_info(self) -> Mapping[str, Any]:
        return self.facts.cpu_info

    @property
    def uuid(self) -> str:
        return self.facts.host_id


# What a user's JSON query and an operator's capabilities may name: facts, nothing that leads into our own objects.
ATTRIBUTES = frozenset(
    name
    for name, value in vars(HostState).items()
    if isinstance(value, property) and name not in ("aggregates", "is_silent")
)
