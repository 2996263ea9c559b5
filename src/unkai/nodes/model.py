"""Hosts, their compute services and host aggregates."""

from datetime import datetime
from typing import Any

import msgspec

from unkai.contracts.reports import Inventory

AZ_KEY = "availability_zone"


class Host(msgspec.Struct, frozen=True):
    """A hypervisor host with its nova-compute service and what it last reported.

    `id` is the hypervisor's integer id (before 2.53), `host_id` its UUID, which is also its resource provider's.
    `zone` is the availability zone it belongs to by its aggregates. `up` is by heartbeat, and False when forced down.
    """

    id: int
    host_id: str
    host: str
    hypervisor_hostname: str
    hypervisor_type: str
    hypervisor_version: int
    driver: str
    virt_type: str
    host_ip: str
    chassis: str | None
    cpu_info: dict[str, Any]
    inventory: Inventory
    traits: tuple[str, ...]
    supported: tuple[tuple[str, str, str], ...]
    service_id: int
    service_uuid: str
    disabled: bool
    disabled_reason: str | None
    forced_down: bool
    up: bool
    last_seen: datetime | None
    zone: str
    created_at: datetime
    updated_at: datetime | None


class Aggregate(msgspec.Struct, frozen=True):
    id: int
    uuid: str
    name: str
    hosts: tuple[str, ...]
    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime | None

    @property
    def zone(self) -> str | None:
        return self.metadata.get(AZ_KEY)
