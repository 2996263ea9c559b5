"""Floating IPs: addresses of an external network that lead to ports behind a router."""

from ipaddress import ip_address

import msgspec
from msgspec import UNSET, UnsetType

from unkai.kernel.context import Context
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import (
    ExternalGatewayForFloatingIPNotFound,
    FloatingIPPortAlreadyAssociated,
    HTTPBadRequest,
)
from unkai.network.model import FLOATING_IP, FixedIp, FloatingIp, Port
from unkai.network.service import addressing, system_ports
from unkai.network.service import ports as port_service
from unkai.network.service.access import changed, reserve, scope_of
from unkai.network.service.addressing import FixedIpRequest
from unkai.network.service.system_ports import SystemPort
from unkai.network.store import addresses, common, floating_ips, networks, pending, ports, routers, subnets


class NewFloatingIp(msgspec.Struct, frozen=True, kw_only=True):
    project_id: str
    floating_network_id: str
    floating_ip_address: str | None = None
    subnet_id: str | None = None
    port_id: str | None = None
    fixed_ip_address: str | None = None
    description: str = ""
    tags: list[str] = []


class FloatingIpChange(msgspec.Struct, frozen=True, kw_only=True):
    """A None `port_id` lets the floating IP lead nowhere; UNSET leaves it as it is."""

    port_id: str | UnsetType | None = UNSET
    fixed_ip_address: str | UnsetType | None = UNSET
    description: str | UnsetType = UNSET


_NOWHERE: dict[str, str | None] = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": "DOWN"}


def create(tx: Tx, kit: Kit, context: Context, new: NewFloatingIp) -> FloatingIp:
    """Raises NetworkNotFound, HTTPBadRequest, OverQuota, what `addressing` raises, and what associating raises."""
    network = networks.get(tx, scope_of(kit, context), new.floating_network_id)
    if not network.external:
        raise HTTPBadRequest(reason=f"Bad floatingip request: Network {network.id} is not a valid external network.")
    reserve(tx, kit, new.project_id, floatingip=1)
    on_network = [one for one in subnets.on_network(tx, Scope.system(), network.id) if one.ip_version == 4]
    if not on_network:
        raise HTTPBadRequest(reason=f"Bad floatingip request: Network {network.id} does not contain any IPv4 subnet.")
    id = new_uuid()
    port_id, mac = system_ports.insert(
        tx, kit, SystemPort(network_id=network.id, device_id=id, device_owner=FLOATING_IP)
    )
    if new.floating_ip_address is None and new.subnet_id is None:
        given = addressing.allocate(tx, network.id, on_network, mac, FLOATING_IP)
    else:
        wish = FixedIpRequest(new.subnet_id, new.floating_ip_address)
        given = addressing.requested(tx, network.id, on_network, mac, FLOATING_IP, [wish])
    addresses.insert(tx, port_id, given)
    floating_ips.insert(
        tx,
        {
            "id": id,
            "project_id": new.project_id,
            "description": new.description,
            "floating_network_id": network.id,
            "floating_port_id": port_id,
            "floating_ip_address": given[0][0].ip_address,
            **_NOWHERE,
        },
    )
    common.set_tags(tx, id, new.tags)
    made = floating_ips.get(tx, Scope.system(), id)
    if new.port_id is not None:
        _associate(tx, kit, context, made, new.port_id, new.fixed_ip_address)
    elif new.fixed_ip_address is not None:
        raise HTTPBadRequest(reason="Bad floatingip request: fixed_ip_address cannot be specified without a port_id.")
    return floating_ips.get(tx, Scope.system(), id)


def update(tx: Tx, kit: Kit, context: Context, floating: FloatingIp, change: FloatingIpChange) -> FloatingIp:
    """Raises PortNotFound, HTTPBadRequest, ExternalGatewayForFloatingIPNotFound, FloatingIPPortAlreadyAssociated."""
    floating_ips.hold(tx, floating.id)
    values = changed(change)
    if not values:
        change = FloatingIpChange(port_id=None)  # an empty update has always meant this upstream
    values.pop("port_id", None)
    fixed = values.pop("fixed_ip_address", None)
    port_id = floating.port_id if change.port_id is UNSET else change.port_id
    if change.port_id is not UNSET or change.fixed_ip_address is not UNSET:
        if port_id is None and fixed is not None:
            raise HTTPBadRequest(
                reason="Bad floatingip request: fixed_ip_address cannot be specified without a port_id."
            )
        if floating.router_id is not None:
            pending.note(tx, "router", [floating.router_id])
        floating_ips.update(tx, floating.id, dict(_NOWHERE))
        if port_id is not None:
            _associate(tx, kit, context, floating, port_id, fixed)
    if values:
        floating_ips.update(tx, floating.id, values)
    return floating_ips.get(tx, Scope.system(), floating.id)


def delete(tx: Tx, kit: Kit, context: Context, floating: FloatingIp) -> None:
    floating_ips.delete(tx, floating.id)
    port_service.remove(tx, [ports.get(tx, Scope.system(), floating.floating_port_id)])
    if floating.router_id is not None:
        pending.note(tx, "router", [floating.router_id])


def _associate(tx: Tx, kit: Kit, context: Context, floating: FloatingIp, port_id: str, fixed_ip: str | None) -> None:
    port = ports.get(tx, scope_of(kit, context), port_id)
    fixed = _fixed_address(port, fixed_ip)
    router_id = routers.on_subnet(tx, fixed.subnet_id, floating.floating_network_id)
    if router_id is None:
        raise ExternalGatewayForFloatingIPNotFound(
            network_id=floating.floating_network_id, subnet_id=fixed.subnet_id, port_id=port.id
        )
    routers.hold(tx, router_id)
    if floating_ips.other_on(tx, floating.floating_network_id, port.id, fixed.ip_address, floating.id):
        raise FloatingIPPortAlreadyAssociated(
            ip=floating.floating_ip_address,
            id=floating.id,
            port_id=port.id,
            fixed_ip=fixed.ip_address,
            network_id=floating.floating_network_id,
        )
    values = {"port_id": port.id, "fixed_ip_address": fixed.ip_address, "router_id": router_id, "status": "ACTIVE"}
    floating_ips.update(tx, floating.id, values)
    pending.note(tx, "router", [router_id])


def _fixed_address(port: Port, wanted: str | None) -> FixedIp:
    """The IPv4 address of the port that the floating IP leads to. Raises HTTPBadRequest."""
    four = [fixed for fixed in port.fixed_ips if ip_address(fixed.ip_address).version == 4]
    if wanted is not None:
        found = next((fixed for fixed in four if fixed.ip_address == str(ip_address(wanted))), None)
        if found is None:
            raise HTTPBadRequest(reason=f"Bad floatingip request: Port {port.id} does not have fixed ip {wanted}.")
        return found
    if not four:
        raise HTTPBadRequest(
            reason=f"Bad floatingip request: Cannot add floating IP to port {port.id} that has no fixed IPv4 "
            "addresses."
        )
    if len(four) > 1:
        raise HTTPBadRequest(
            reason=f"Bad floatingip request: Port {port.id} has multiple fixed IPv4 addresses. Must provide a "
            "specific IPv4 address when assigning a floating IP."
        )
    return four[0]
