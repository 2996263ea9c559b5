"""Addresses, interfaces and security groups of servers (upstream API reference: Servers IPs, Port interfaces)."""

from typing import Any

from unkai.compute.api.routes import Endpoint, get
from unkai.compute.api.server_parts import server_of
from unkai.compute.api.server_view import addresses
from unkai.compute.errors import InterfaceNotFound, NetworkNotOnServer
from unkai.compute.server import Server
from unkai.compute.service import listing, security
from unkai.kernel.web import Request, Response, reply
from unkai.network import service as network
from unkai.network.service import Nic


async def _nics(request: Request, server: Server) -> list[Nic]:
    facts = await request.kit.db.read(listing.facts, request.kit, [server])
    return list(facts.nics.get(server.id, ()))


async def list_addresses(request: Request) -> Response:
    server = await server_of(request, "ips:index")
    return reply({"addresses": addresses(await _nics(request, server), with_macs=False)})


async def show_addresses(request: Request) -> Response:
    server = await server_of(request, "ips:show")
    label = request.params["label"]
    found = addresses(await _nics(request, server), with_macs=False)
    if label not in found:
        raise NetworkNotOnServer
    return reply({label: found[label]})


def _interface(request: Request, server: Server, nic: Nic) -> dict[str, Any]:
    view: dict[str, Any] = {
        "net_id": nic.network_id,
        "port_id": nic.port_id,
        "mac_addr": nic.mac,
        "port_state": nic.status,
        "fixed_ips": [{"ip_address": one.ip_address, "subnet_id": one.subnet_id} for one in nic.fixed_ips],
    }
    if request.at_least(70):
        view["tag"] = server.nic_tags.get(nic.port_id)
    return view


async def list_interfaces(request: Request) -> Response:
    server = await server_of(request, "os-attach-interfaces:list")
    views = [_interface(request, server, nic) for nic in await _nics(request, server)]
    return reply({"interfaceAttachments": views})


async def show_interface(request: Request) -> Response:
    server = await server_of(request, "os-attach-interfaces:show")
    port_id = request.params["port_id"]
    for nic in await _nics(request, server):
        if nic.port_id == port_id:
            return reply({"interfaceAttachment": _interface(request, server, nic)})
    raise InterfaceNotFound(server=server.id, port=port_id[:64])


async def list_security_groups(request: Request) -> Response:
    server = await server_of(request, "os-security-groups:list")
    groups = await request.kit.db.read(security.groups_of, server.id)
    names = {group.id: {"name": group.name, "tenant_id": group.project_id} for group in groups}
    views = [_group(group, names) for group in groups]
    return reply({"security_groups": sorted(views, key=lambda view: (view["tenant_id"], view["name"]))})


def _group(group: network.SecurityGroup, names: dict[str, dict[str, str]]) -> dict[str, Any]:
    """A group in the form that Compute has always had: rules for traffic to the server only."""
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "tenant_id": group.project_id,
        "rules": [_rule(rule, names) for rule in group.security_group_rules if rule.direction == "ingress"],
    }


def _rule(rule: network.SecurityGroupRule, names: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Ports of a rule without them: all of TCP and UDP, -1 for other protocols, null for any protocol."""
    low, high = rule.port_range_min, rule.port_range_max
    if rule.protocol is not None and low is None and high is None:
        low, high = (1, 65535) if rule.protocol.lower() in ("tcp", "udp") else (-1, -1)
    anywhere = "0.0.0.0/0" if rule.ethertype == "IPv4" else "::/0"
    remote = rule.remote_group_id
    return {
        "id": rule.id,
        "parent_group_id": rule.security_group_id,
        "ip_protocol": rule.protocol,
        "from_port": low,
        "to_port": high,
        "group": {} if remote is None else names.get(remote, {}),
        "ip_range": {} if remote is not None else {"cidr": rule.remote_ip_prefix or anywhere},
    }


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/servers/{server_id}/ips", list_addresses),
    get("/servers/{server_id}/ips/{label}", show_addresses),
    get("/servers/{server_id}/os-interface", list_interfaces),
    get("/servers/{server_id}/os-interface/{port_id}", show_interface),
    get("/servers/{server_id}/os-security-groups", list_security_groups),
)
