"""Agents as upstream lists them: what runs for the network on each host."""

import uuid
from datetime import datetime

import msgspec

from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network.errors import AgentNotFound
from unkai.network.hosts import hosts

_NAMESPACE = uuid.UUID("4d2a5a0e-4c1c-5c0e-9d53-4c1f0d8a7f11")


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    agent_type: str
    binary: str
    host: str
    topic: str = "n/a"
    alive: bool
    admin_state_up: bool = True
    availability_zone: str
    configurations: dict[str, object]
    created_at: datetime
    started_at: datetime
    heartbeat_timestamp: datetime
    description: str | None = None
    resources_synced: bool | None = None


def agents(tx: Tx, kit: Kit) -> list[Agent]:
    """Two agents per host with a chassis: OVN's controller, and what answers its guests' metadata requests."""
    found = []
    for host in hosts(tx, kit):
        if host.chassis is None:
            continue
        kinds = (("OVN Controller agent", "ovn-controller"), ("OVN Metadata agent", "neutron-ovn-metadata-agent"))
        for kind, binary in kinds:
            found.append(
                Agent(
                    id=str(uuid.uuid5(_NAMESPACE, f"{binary}:{host.chassis}")),
                    agent_type=kind,
                    binary=binary,
                    host=host.host,
                    alive=host.up,
                    availability_zone="",
                    configurations={"chassis_name": host.chassis, "bridge-mappings": ""},
                    created_at=host.created_at,
                    started_at=host.created_at,
                    heartbeat_timestamp=host.last_seen,
                )
            )
    return found


def agent(tx: Tx, kit: Kit, id: str) -> Agent:
    """Raises AgentNotFound."""
    found = next((one for one in agents(tx, kit) if one.id == id), None)
    if found is None:
        raise AgentNotFound(id=id)
    return found
