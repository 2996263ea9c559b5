"""Small lists: agents, availability zones, service providers, addresses used per network."""

from ipaddress import ip_address
from typing import Any

import msgspec

from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route, reply
from unkai.network.api import querying
from unkai.network.api.resource import VERSION
from unkai.network.hosts import hosts
from unkai.network.model import Network, Subnet
from unkai.network.service import agents
from unkai.network.store import addresses, networks, subnets

_AGENT_FILTERS = ("id", "agent_type", "binary", "host", "alive", "admin_state_up", "availability_zone", "topic")


def _agent(one: agents.Agent) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(one)
    for name in "created_at", "started_at", "heartbeat_timestamp":
        found[name] = getattr(one, name).strftime("%Y-%m-%d %H:%M:%S")
    return found


async def _agents(request: Request) -> Response:
    """What runs for the network on each host."""
    # As upstream: who may not see agents sees an empty list.
    if not request.allows("get_agent", {}):
        return reply({"agents": []})
    found = await request.kit.db.read(agents.agents, request.kit)
    shown = [_agent(one) for one in found]
    for name in _AGENT_FILTERS:
        wanted = [value.lower() for value in request.query.all(name)]
        if wanted:
            shown = [one for one in shown if str(one[name]).lower() in wanted]
    names = querying.fields(request)
    return reply({"agents": [querying.chosen(one, names) for one in shown]})


async def _one_agent(request: Request) -> Response:
    """One agent."""
    request.authorize("get_agent", {})
    found = await request.kit.db.read(agents.agent, request.kit, request.params["id"])
    return reply({"agent": querying.chosen(_agent(found), querying.fields(request))})


async def _zones(request: Request) -> Response:
    """Availability zones of networks and routers."""
    request.authorize("get_availability_zone", {})
    known = await request.kit.db.read(hosts, request.kit)
    names = sorted({host.zone for host in known if host.chassis and host.up})
    found = [
        {"name": name, "resource": kind, "state": "available"} for name in names for kind in ("network", "router")
    ]
    return reply({"availability_zones": found})


async def _providers(request: Request) -> Response:
    """Who provides which kind of service."""
    request.authorize("get_service_provider", {})
    return reply({"service_providers": [{"service_type": "L3_ROUTER_NAT", "name": "ovn", "default": True}]})


async def _availabilities(request: Request) -> Response:
    """How many addresses of each network are used."""
    request.authorize("get_network_ip_availability", {})
    found = await request.kit.db.read(_availability, None)
    for parameter, key in (
        ("network_id", "network_id"),
        ("network_name", "network_name"),
        ("project_id", "project_id"),
    ):
        wanted = request.query.all(parameter)
        if wanted:
            found = [one for one in found if one[key] in wanted]
    return reply({"network_ip_availabilities": found})


async def _one_availability(request: Request) -> Response:
    """How many addresses of one network are used."""
    request.authorize("get_network_ip_availability", {})
    found = await request.kit.db.read(_availability, request.params["id"])
    return reply({"network_ip_availability": found[0]})


def _availability(tx: Tx, network_id: str | None) -> list[dict[str, Any]]:
    """Networks (or one, NetworkNotFound) with the addresses of their subnets and how many are given out."""
    scope = Scope.system()
    chosen = networks.networks(tx, scope) if network_id is None else [networks.get(tx, scope, network_id)]
    theirs = subnets.by_networks(tx, scope, [network.id for network in chosen])
    used = addresses.counts(tx, [subnet.id for found in theirs.values() for subnet in found])
    return [_network_availability(network, theirs.get(network.id, []), used) for network in chosen]


def _network_availability(network: Network, theirs: list[Subnet], used: dict[str, int]) -> dict[str, Any]:
    parts = [
        {
            "subnet_id": subnet.id,
            "subnet_name": subnet.name,
            "ip_version": subnet.ip_version,
            "cidr": subnet.cidr,
            "total_ips": sum(_size(pool.start, pool.end) for pool in subnet.allocation_pools),
            "used_ips": used.get(subnet.id, 0),
        }
        for subnet in theirs
    ]
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "total_ips": sum(part["total_ips"] for part in parts),
        "used_ips": sum(part["used_ips"] for part in parts),
        "subnet_ip_availability": parts,
    }


def _size(start: str, end: str) -> int:
    return int(ip_address(end)) - int(ip_address(start)) + 1


ROUTES = (
    Route("GET", f"{VERSION}/agents", _agents),
    Route("GET", f"{VERSION}/agents/{{id}}", _one_agent),
    Route("GET", f"{VERSION}/availability_zones", _zones),
    Route("GET", f"{VERSION}/service-providers", _providers),
    Route("GET", f"{VERSION}/network-ip-availabilities", _availabilities),
    Route("GET", f"{VERSION}/network-ip-availabilities/{{id}}", _one_availability),
)
