"""Subnets."""

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
    DNSNameServersExhausted,
    GatewayIpInUse,
    HostRoutesExhausted,
    HTTPBadRequest,
    InvalidInput,
    NetworkSubnetPoolAffinityError,
    SubnetInUse,
)
from unkai.network.model import AUTO_DELETED, ROUTER_INTERFACE, HostRoute, Network, Pool, Subnet
from unkai.network.service import addressing, prefixes, subnet_rules, system_ports
from unkai.network.service.access import changed, reserve, scope_of
from unkai.network.service.networks import check_mtu
from unkai.network.settings import NetworkOptions
from unkai.network.store import addresses, common, networks, pending, ports, routers, subnets


class NewSubnet(msgspec.Struct, frozen=True, kw_only=True):
    """What a subnet is made from. UNSET gateway and pools are chosen; a None gateway means there is none."""

    project_id: str
    network_id: str
    ip_version: int
    cidr: str | None = None
    prefixlen: int | None = None
    subnetpool_id: str | None = None
    use_default_subnetpool: bool = False
    name: str = ""
    description: str = ""
    gateway_ip: str | UnsetType | None = UNSET
    enable_dhcp: bool = True
    ipv6_ra_mode: str | None = None
    ipv6_address_mode: str | None = None
    allocation_pools: list[Pool] | UnsetType = UNSET
    dns_nameservers: list[str] = []
    host_routes: list[HostRoute] = []
    service_types: list[str] = []
    tags: list[str] = []


class SubnetChange(msgspec.Struct, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    gateway_ip: str | UnsetType | None = UNSET
    enable_dhcp: bool | UnsetType = UNSET
    allocation_pools: list[Pool] | UnsetType = UNSET
    dns_nameservers: list[str] | UnsetType = UNSET
    host_routes: list[HostRoute] | UnsetType = UNSET
    service_types: list[str] | UnsetType = UNSET


def create(tx: Tx, kit: Kit, context: Context, new: NewSubnet) -> Subnet:
    """Raises NetworkNotFound, OverQuota, InvalidInput and what `subnet_rules` raises."""
    network = networks.get(tx, scope_of(kit, context), new.network_id)
    networks.hold(tx, network.id)
    reserve(tx, kit, new.project_id, subnet=1)
    others = subnets.on_network(tx, Scope.system(), network.id)
    cidr, pool_id = _cidr(tx, kit, context, new, others)
    whole = subnet_rules.parse_cidr(cidr, new.ip_version)
    subnet_rules.check_modes(new.ip_version, new.enable_dhcp, new.ipv6_ra_mode, new.ipv6_address_mode)
    subnet_rules.check_automatic_prefix(whole, new.ipv6_ra_mode, new.ipv6_address_mode)
    check_mtu(network.id, network.mtu, [new.ip_version])
    subnet_rules.check_overlap(whole, network.id, [other.cidr for other in others])
    gateway = subnet_rules.default_gateway(whole) if new.gateway_ip is UNSET else _canonical(new.gateway_ip)
    if gateway is not None:
        subnet_rules.check_gateway(whole, gateway)
    given = [] if new.allocation_pools is UNSET else new.allocation_pools
    subnet_rules.check_pools(whole, given, gateway)
    pools = given or subnet_rules.default_pools(whole, gateway)
    id = new_uuid()
    _check_lists(kit, id, new.ip_version, new.dns_nameservers, new.host_routes)
    subnets.insert(
        tx,
        {
            "id": id,
            "project_id": new.project_id,
            "network_id": network.id,
            "name": new.name,
            "description": new.description,
            "ip_version": new.ip_version,
            "cidr": str(whole),
            "gateway_ip": gateway,
            "enable_dhcp": new.enable_dhcp,
            "ipv6_ra_mode": new.ipv6_ra_mode,
            "ipv6_address_mode": new.ipv6_address_mode,
            "allocation_pools": msgspec.to_builtins(pools),
            "dns_nameservers": new.dns_nameservers,
            "host_routes": msgspec.to_builtins(new.host_routes),
            "service_types": new.service_types,
            "subnetpool_id": pool_id,
        },
    )
    common.set_tags(tx, id, new.tags)
    networks.update(tx, network.id, {})
    subnet = subnets.get(tx, Scope.system(), id)
    system_ports.follow_subnet(tx, subnet)
    if subnet.automatic:
        _join_ports(tx, network, subnet)
    pending.note(tx, "subnet", [id])
    return subnet


def update(tx: Tx, kit: Kit, context: Context, subnet: Subnet, change: SubnetChange) -> Subnet:
    """Raises GatewayIpInUse, InvalidInput and what `subnet_rules` raises."""
    subnets.hold(tx, subnet.id)
    whole = subnet_rules.parse_cidr(subnet.cidr, subnet.ip_version)
    values = changed(change)
    gateway = subnet.gateway_ip
    if change.gateway_ip is not UNSET:
        gateway = values["gateway_ip"] = _canonical(change.gateway_ip)
        if gateway != subnet.gateway_ip:
            _gateway_may_change(tx, subnet, gateway)
        if gateway is not None:
            subnet_rules.check_gateway(whole, gateway)
    pools = subnet.allocation_pools if change.allocation_pools is UNSET else change.allocation_pools
    if change.gateway_ip is not UNSET or change.allocation_pools is not UNSET:
        subnet_rules.check_pools(whole, pools, gateway)
    if change.allocation_pools is not UNSET:
        values["allocation_pools"] = msgspec.to_builtins(change.allocation_pools)
    if change.host_routes is not UNSET:
        values["host_routes"] = msgspec.to_builtins(change.host_routes)
    _check_lists(
        kit,
        subnet.id,
        subnet.ip_version,
        subnet.dns_nameservers if change.dns_nameservers is UNSET else change.dns_nameservers,
        subnet.host_routes if change.host_routes is UNSET else change.host_routes,
    )
    if change.enable_dhcp is False:
        subnet_rules.check_modes(subnet.ip_version, False, subnet.ipv6_ra_mode, subnet.ipv6_address_mode)
    subnets.update(tx, subnet.id, values)
    after = subnets.get(tx, Scope.system(), subnet.id)
    system_ports.follow_subnet(tx, after)
    pending.note(tx, "subnet", [subnet.id])
    if change.gateway_ip is not UNSET or change.enable_dhcp is not UNSET:
        # An external subnet's gateway is its routers' default route; a port without DHCP is wired differently.
        pending.note(tx, "router", routers.ids_at_subnet(tx, subnet.id))
        pending.note(tx, "port", [id for _, id in addresses.owners_on(tx, subnet.id)])
    return after


def delete(tx: Tx, kit: Kit, context: Context, subnet: Subnet) -> None:
    """Raises SubnetInUse when a port still has one of its addresses."""
    networks.hold(tx, subnet.network_id)
    subnets.hold(tx, subnet.id)
    owners = addresses.owners_on(tx, subnet.id)
    for owner, _ in owners:
        # Guests' addresses of automatic subnets go with it, as they came with it.
        if owner not in AUTO_DELETED and (not subnet.automatic or owner == ROUTER_INTERFACE):
            raise SubnetInUse(id=subnet.id)
    addresses.take_back_subnet(tx, subnet.id)
    for _, port_id in owners:
        ports.update(tx, port_id, {})
    subnets.delete(tx, subnet.id)
    networks.update(tx, subnet.network_id, {})
    pending.note(tx, "port", [port_id for _, port_id in owners])
    pending.note(tx, "subnet", [subnet.id])


def _cidr(tx: Tx, kit: Kit, context: Context, new: NewSubnet, others: Sequence[Subnet]) -> tuple[str, str | None]:
    """The CIDR of a new subnet, and the pool that it is cut from."""
    if new.use_default_subnetpool and new.subnetpool_id is not None:
        raise HTTPBadRequest(reason="subnetpool_id and use_default_subnetpool cannot both be specified")
    if new.subnetpool_id is None and not new.use_default_subnetpool:
        if new.cidr is None:
            raise HTTPBadRequest(reason="a subnetpool must be specified in the absence of a cidr")
        if new.prefixlen is not None:
            raise HTTPBadRequest(reason="prefixlen can only be specified with a subnetpool")
        return new.cidr, None
    if new.cidr is not None and new.prefixlen is not None:
        raise HTTPBadRequest(reason="cidr and prefixlen must not be supplied together")
    pool = prefixes.pool_for(tx, scope_of(kit, context), new.subnetpool_id, new.ip_version)
    if any(other.subnetpool_id != pool.id for other in others if other.ip_version == new.ip_version):
        raise NetworkSubnetPoolAffinityError()
    return prefixes.cut(tx, pool, new.project_id, new.cidr, new.prefixlen), pool.id


def _canonical(ip: str | None) -> str | None:
    return None if ip is None else str(ip_address(ip))


def _check_lists(kit: Kit, id: str, ip_version: int, name_servers: list[str], host_routes: list[HostRoute]) -> None:
    options = kit.settings[NetworkOptions]
    if len(name_servers) > options.max_dns_nameservers:
        raise DNSNameServersExhausted(id=id, limit=options.max_dns_nameservers)
    if len(host_routes) > options.max_subnet_host_routes:
        raise HostRoutesExhausted(id=id, limit=options.max_subnet_host_routes)
    for server in name_servers:
        if ip_address(server).version != ip_version:
            raise InvalidInput(reason=f"dns_nameserver '{server}' does not match the ip_version '{ip_version}'")
    for route in host_routes:
        if ip_network(route.destination, strict=False).version != ip_version:
            raise InvalidInput(
                reason=f"destination '{route.destination}' does not match the ip_version '{ip_version}'"
            )
        if ip_address(route.nexthop).version != ip_version:
            raise InvalidInput(reason=f"nexthop '{route.nexthop}' does not match the ip_version '{ip_version}'")


def _gateway_may_change(tx: Tx, subnet: Subnet, wanted: str | None) -> None:
    if subnet.gateway_ip is None:
        return
    holder = addresses.taken_by(tx, subnet.id, subnet.gateway_ip)
    if holder is not None:
        raise GatewayIpInUse(ip=subnet.gateway_ip, port_id=holder)


def _join_ports(tx: Tx, network: Network, subnet: Subnet) -> None:
    """Ports that are already there also make themselves an address in a new automatic subnet."""
    joined = []
    for port in ports.on_network(tx, Scope.system(), network.id):
        if port.device_owner.startswith("network:"):
            continue
        addresses.insert(tx, port.id, [addressing.eui64(subnet, port.mac_address)], len(port.fixed_ips))
        ports.update(tx, port.id, {})
        joined.append(port.id)
    pending.note(tx, "port", joined)
