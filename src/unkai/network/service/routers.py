"""Routers: gateways to external networks, interfaces on subnets, extra routes."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import msgspec
from msgspec import UNSET, UnsetType

from unkai.kernel.context import Context
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import (
    HTTPBadRequest,
    InvalidRoutes,
    IpAddressAlreadyAllocated,
    PortInUse,
    RouterExternalGatewayInUseByFloatingIp,
    RouterInterfaceInUseByFloatingIP,
    RouterInterfaceInUseByRoute,
    RouterInterfaceNotFound,
    RouterInterfaceNotFoundForSubnet,
    RouterInUse,
    RoutesExhausted,
    SubnetMismatchForPort,
)
from unkai.network.model import ROUTER_GATEWAY, ROUTER_INTERFACE, FixedIp, HostRoute, Port, Router, Subnet
from unkai.network.service import addressing, system_ports
from unkai.network.service import ports as port_service
from unkai.network.service.access import changed, reserve, scope_of
from unkai.network.service.addressing import FixedIpRequest
from unkai.network.service.router_checks import connected, no_overlap
from unkai.network.service.system_ports import SystemPort
from unkai.network.settings import NetworkOptions
from unkai.network.store import addresses, common, floating_ips, networks, pending, ports, routers, subnets


class GatewayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which external network a router shall lead to. UNSET: as it is (a new gateway does SNAT)."""

    network_id: str
    enable_snat: bool | UnsetType = UNSET
    external_fixed_ips: list[FixedIpRequest] | UnsetType = UNSET


class NewRouter(msgspec.Struct, frozen=True, kw_only=True):
    project_id: str
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    external_gateway_info: GatewayRequest | None = None
    tags: list[str] = []


class RouterChange(msgspec.Struct, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    admin_state_up: bool | UnsetType = UNSET
    external_gateway_info: GatewayRequest | UnsetType | None = UNSET
    routes: list[HostRoute] | UnsetType = UNSET


class RouterInterface(msgspec.Struct, frozen=True):
    """What connecting and disconnecting answer. `id` is the router's."""

    id: str
    project_id: str
    port_id: str
    network_id: str
    subnet_id: str
    subnet_ids: list[str]


def create(tx: Tx, kit: Kit, context: Context, new: NewRouter) -> Router:
    """Raises OverQuota, NetworkNotFound, HTTPBadRequest, what `addressing` raises."""
    reserve(tx, kit, new.project_id, router=1)
    id = new_uuid()
    routers.insert(
        tx,
        {
            "id": id,
            "project_id": new.project_id,
            "name": new.name,
            "description": new.description,
            "admin_state_up": new.admin_state_up,
            "status": "ACTIVE",
            "gateway_port_id": None,
            "enable_snat": True,
            "routes": [],
        },
    )
    common.set_tags(tx, id, new.tags)
    if new.external_gateway_info is not None:
        _set_gateway(tx, kit, context, routers.get(tx, Scope.system(), id), new.external_gateway_info)
    pending.note(tx, "router", [id])
    return routers.get(tx, Scope.system(), id)


def update(tx: Tx, kit: Kit, context: Context, router: Router, change: RouterChange) -> Router:
    """Raises RouterExternalGatewayInUseByFloatingIp, InvalidRoutes, RoutesExhausted and what `create` raises."""
    routers.hold(tx, router.id)
    values = changed(change)
    gateway = values.pop("external_gateway_info", UNSET)
    if gateway is None:
        _clear_gateway(tx, router)
    elif gateway is not UNSET:
        _set_gateway(tx, kit, context, router, gateway)
    if change.routes is not UNSET:
        _check_routes(tx, kit, routers.get(tx, Scope.system(), router.id), change.routes)
        values["routes"] = msgspec.to_builtins(change.routes)
    routers.update(tx, router.id, values)
    pending.note(tx, "router", [router.id])
    return routers.get(tx, Scope.system(), router.id)


def change_routes(
    tx: Tx,
    kit: Kit,
    context: Context,
    router: Router,
    *,
    add: Sequence[HostRoute] = (),
    remove: Sequence[HostRoute] = (),
) -> Router:
    """Add or take away some routes and leave the others. Raises InvalidRoutes, RoutesExhausted."""
    kept = [route for route in router.routes if route not in remove]
    wanted = kept + [route for route in add if route not in kept]
    return update(tx, kit, context, router, RouterChange(routes=wanted))


def delete(tx: Tx, kit: Kit, context: Context, router: Router) -> None:
    """Raises RouterInUse while it has interfaces."""
    routers.hold(tx, router.id)
    if interfaces(tx, router.id):
        raise RouterInUse(id=router.id)
    _clear_gateway(tx, router)
    routers.delete(tx, router.id)
    pending.note(tx, "router", [router.id])


def interfaces(tx: Tx, router_id: str) -> list[Port]:
    """The ports by which a router is connected to subnets."""
    return ports.by_devices(tx, Scope.system(), [router_id], ROUTER_INTERFACE).get(router_id, [])


# ---- gateways -------------------------------------------------------------------------------------


def _set_gateway(tx: Tx, kit: Kit, context: Context, router: Router, wanted: GatewayRequest) -> None:
    network = networks.get(tx, scope_of(kit, context), wanted.network_id)
    if not network.external:
        raise HTTPBadRequest(reason=f"Bad router request: Network {network.id} is not an external network.")
    before = router.external_gateway_info
    requests = None if wanted.external_fixed_ips is UNSET else wanted.external_fixed_ips
    if before is not None and before.network_id != network.id:
        _clear_gateway(tx, router)
        before = None
    values: dict[str, object] = {}
    if wanted.enable_snat is not UNSET:
        values["enable_snat"] = wanted.enable_snat
    elif before is None:
        values["enable_snat"] = True
    if before is None:
        no_overlap(tx, router.id, subnets.on_network(tx, Scope.system(), network.id))
        values["gateway_port_id"] = _gateway_port(tx, kit, router, network.id, requests)
    elif requests is not None and router.gateway_port_id is not None:
        port = ports.get(tx, Scope.system(), router.gateway_port_id)
        port_service.alter(tx, kit, context, port, port_service.PortChange(fixed_ips=requests))
    routers.update(tx, router.id, values)


def _gateway_port(tx: Tx, kit: Kit, router: Router, network_id: str, wanted: list[FixedIpRequest] | None) -> str:
    on_network = subnets.on_network(tx, Scope.system(), network_id)
    new = SystemPort(network_id=network_id, device_id=router.id, device_owner=ROUTER_GATEWAY)
    id, mac = system_ports.insert(tx, kit, new)
    if wanted is None:
        given = addressing.allocate(tx, network_id, on_network, mac, ROUTER_GATEWAY)
    else:
        given = addressing.requested(tx, network_id, on_network, mac, ROUTER_GATEWAY, wanted)
    if not given:
        raise HTTPBadRequest(reason=f"Bad router request: No IPs available for external network {network_id}.")
    addresses.insert(tx, id, given)
    return id


def _clear_gateway(tx: Tx, router: Router) -> None:
    if router.gateway_port_id is None or router.external_gateway_info is None:
        return
    through = floating_ips.by_routers(tx, Scope.system(), [router.id]).get(router.id, [])
    if through:
        network_id = router.external_gateway_info.network_id
        raise RouterExternalGatewayInUseByFloatingIp(id=router.id, network_id=network_id)
    port = ports.get(tx, Scope.system(), router.gateway_port_id)
    routers.update(tx, router.id, {"gateway_port_id": None, "enable_snat": True})
    port_service.remove(tx, [port])


# ---- interfaces -----------------------------------------------------------------------------------


def add_interface(
    tx: Tx, kit: Kit, context: Context, router: Router, subnet_id: str | None, port_id: str | None
) -> RouterInterface:
    """Connect a router by a subnet's gateway address, or by a port.

    Raises HTTPBadRequest, SubnetNotFound, PortNotFound, PortInUse, IpAddressAlreadyAllocated.
    """
    _one_of(subnet_id, port_id)
    routers.hold(tx, router.id)
    if port_id is not None:
        port, joined = _add_port(tx, kit, context, router, port_id)
    else:
        assert subnet_id is not None
        port, joined = _add_subnet(tx, kit, context, router, subnet_id)
    pending.note(tx, "port", [port.id])
    pending.note(tx, "router", [router.id])
    routers.update(tx, router.id, {})
    return _interface(router, port, joined)


def remove_interface(
    tx: Tx, kit: Kit, context: Context, router: Router, subnet_id: str | None, port_id: str | None
) -> RouterInterface:
    """Disconnect a router from a subnet.

    Raises HTTPBadRequest, RouterInterfaceNotFound, RouterInterfaceNotFoundForSubnet, SubnetMismatchForPort,
    RouterInterfaceInUseByFloatingIP, RouterInterfaceInUseByRoute.
    """
    if subnet_id is None and port_id is None:
        raise HTTPBadRequest(reason="Bad router request: Either subnet_id or port_id must be specified.")
    routers.hold(tx, router.id)
    theirs = interfaces(tx, router.id)
    if port_id is not None:
        port = next((one for one in theirs if one.id == port_id), None)
        if port is None:
            raise RouterInterfaceNotFound(id=router.id, port_id=port_id)
        held = [fixed.subnet_id for fixed in port.fixed_ips]
        if subnet_id is not None and subnet_id not in held:
            raise SubnetMismatchForPort(port_id=port_id, subnet_id=subnet_id)
        leaving = held if subnet_id is None else [subnet_id]
        if subnet_id is None or len(held) == 1:
            leaving = held
    else:
        assert subnet_id is not None
        subnets.get(tx, scope_of(kit, context), subnet_id)
        port = next((one for one in theirs if subnet_id in [fixed.subnet_id for fixed in one.fixed_ips]), None)
        if port is None:
            raise RouterInterfaceNotFoundForSubnet(id=router.id, subnet_id=subnet_id)
        leaving = [subnet_id]
    _may_leave(tx, router, leaving)
    rest = [fixed for fixed in port.fixed_ips if fixed.subnet_id not in leaving]
    if rest:
        for fixed in port.fixed_ips:
            if fixed.subnet_id in leaving:
                addresses.take_back_one(tx, port.id, fixed)
        ports.update(tx, port.id, {})
        pending.note(tx, "port", [port.id])
    else:
        port_service.remove(tx, [port])
    pending.note(tx, "router", [router.id])
    routers.update(tx, router.id, {})
    return _interface(router, port, leaving)


def _one_of(subnet_id: str | None, port_id: str | None) -> None:
    if subnet_id is None and port_id is None:
        raise HTTPBadRequest(reason="Bad router request: Either subnet_id or port_id must be specified.")
    if subnet_id is not None and port_id is not None:
        raise HTTPBadRequest(reason="Bad router request: Cannot specify both subnet-id and port-id.")


def _interface(router: Router, port: Port, subnet_ids: list[str]) -> RouterInterface:
    return RouterInterface(router.id, router.project_id, port.id, port.network_id, subnet_ids[0], subnet_ids)


def _add_port(tx: Tx, kit: Kit, context: Context, router: Router, port_id: str) -> tuple[Port, list[str]]:
    port = ports.get(tx, scope_of(kit, context), port_id)
    if port.device_id:
        raise PortInUse(id=port.id, network_id=port.network_id, device_id=port.device_id)
    if not port.fixed_ips:
        raise HTTPBadRequest(reason="Bad router request: Router port must have at least one fixed IP.")
    joined = list(subnets.by_ids(tx, Scope.system(), [fixed.subnet_id for fixed in port.fixed_ips]).values())
    if len([subnet for subnet in joined if subnet.ip_version == 4]) > 1:
        raise HTTPBadRequest(reason="Bad router request: Cannot have multiple IPv4 subnets on router port.")
    no_overlap(tx, router.id, joined)
    ports.set_groups(tx, port.id, [])
    taken = {
        "device_id": router.id,
        "device_owner": ROUTER_INTERFACE,
        "port_security_enabled": False,
        "allowed_address_pairs": [],
        "position": 0,
    }
    ports.update(tx, port.id, taken)
    return port, [fixed.subnet_id for fixed in port.fixed_ips]


def _add_subnet(tx: Tx, kit: Kit, context: Context, router: Router, subnet_id: str) -> tuple[Port, list[str]]:
    subnet = subnets.get(tx, scope_of(kit, context), subnet_id)
    if subnet.gateway_ip is None:
        raise HTTPBadRequest(reason="Bad router request: Subnet for router interface must have a gateway IP.")
    no_overlap(tx, router.id, [subnet])
    subnets.hold(tx, subnet.id)
    if addresses.taken_by(tx, subnet.id, subnet.gateway_ip) is not None:
        raise IpAddressAlreadyAllocated(ip=subnet.gateway_ip, subnet_id=subnet.id)
    number = int(ip_address(subnet.gateway_ip)) - int(ip_network(subnet.cidr).network_address)
    given = [(FixedIp(subnet.id, subnet.gateway_ip), max(number, 0))]
    beside = _ipv6_port(tx, router, subnet)
    if beside is not None:
        # As upstream: all IPv6 subnets of a network share one interface, for they share its advertisements.
        addresses.insert(tx, beside.id, given, len(beside.fixed_ips))
        ports.update(tx, beside.id, {})
        return beside, [subnet.id]
    new = SystemPort(
        network_id=subnet.network_id, project_id=router.project_id, device_id=router.id, device_owner=ROUTER_INTERFACE
    )
    id, _ = system_ports.insert(tx, kit, new)
    addresses.insert(tx, id, given)
    return ports.get(tx, Scope.system(), id), [subnet.id]


def _ipv6_port(tx: Tx, router: Router, subnet: Subnet) -> Port | None:
    if subnet.ip_version != 6:
        return None
    for port in interfaces(tx, router.id):
        if port.network_id == subnet.network_id and all(
            ip_address(fixed.ip_address).version == 6 for fixed in port.fixed_ips
        ):
            return port
    return None


def _may_leave(tx: Tx, router: Router, leaving: Sequence[str]) -> None:
    gone = {subnet.id: subnet for subnet in subnets.by_ids(tx, Scope.system(), leaving).values()}
    for one in floating_ips.by_routers(tx, Scope.system(), [router.id]).get(router.id, []):
        for subnet in gone.values():
            if one.fixed_ip_address and ip_address(one.fixed_ip_address) in ip_network(subnet.cidr):
                raise RouterInterfaceInUseByFloatingIP(id=router.id, subnet_id=subnet.id)
    for route in router.routes:
        for subnet in gone.values():
            if ip_address(route.nexthop) in ip_network(subnet.cidr):
                raise RouterInterfaceInUseByRoute(id=router.id, subnet_id=subnet.id)


def _check_routes(tx: Tx, kit: Kit, router: Router, wanted: Sequence[HostRoute]) -> None:
    most = kit.settings[NetworkOptions].max_routes
    if len(wanted) > most:
        raise RoutesExhausted(id=router.id, quota=most)
    reachable = [ip_network(subnet.cidr) for subnet in connected(tx, router.id)]
    own = {
        fixed.ip_address
        for port in ports.by_devices(tx, Scope.system(), [router.id], "network:router").get(router.id, [])
        for fixed in port.fixed_ips
    }
    texts = [{"destination": route.destination, "nexthop": route.nexthop} for route in wanted]
    for route in wanted:
        if not any(ip_address(route.nexthop) in network for network in reachable):
            raise InvalidRoutes(routes=texts, reason="the nexthop is not connected with router")
        if route.nexthop in own:
            raise InvalidRoutes(routes=texts, reason="the nexthop is used by router")
