"""What Compute asks of networks: the interfaces of servers."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Literal

import msgspec

from unkai.contracts.guest import FixedAddress, Interface, MetadataPort, Route
from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import (
    ExternalNetworkAttachForbidden,
    FixedIpAlreadyInUse,
    InvalidIpForNetwork,
    NetworkAmbiguous,
    NetworkNotFound,
    NetworkRequiresSubnet,
    PortInUse,
    PortNotFound,
    PortRequiresFixedIP,
    SecurityGroupNotAttached,
)
from unkai.network.model import COMPUTE, NOT_ATTACHED, Network, Port, Subnet
from unkai.network.service import ports as port_service
from unkai.network.service import security_groups as group_service
from unkai.network.service.access import reserve, scope_of
from unkai.network.service.addressing import FixedIpRequest
from unkai.network.service.ports import NewPort
from unkai.network.service.system_ports import metadata_ports
from unkai.network.settings import OvnOptions
from unkai.network.store import addresses, floating_ips, networks, pending, ports, subnets
from unkai.network.store import security_groups as groups

Wish = Literal["auto", "none"]
_UNBOUND = {"host": "", "chassis": "", "status": "DOWN"}
_FREE = {"device_id": "", "device_owner": "", "position": NOT_ATTACHED, **_UNBOUND}


class NetworkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One wanted interface: on a network (perhaps with this address) or by a port that exists. `tag` is carried."""

    network_id: str | None = None
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


class PlannedNic(msgspec.Struct, frozen=True, kw_only=True):
    """An interface that can be made: `port_id` is given, or a port will be created on the network."""

    network_id: str
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


class NicAddress(msgspec.Struct, frozen=True):
    ip_address: str
    version: int
    subnet_id: str
    floating_ips: list[str] = []


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """An interface as server lists and details show it."""

    port_id: str
    network_id: str
    network_label: str
    mac: str
    fixed_ips: list[NicAddress]
    security_groups: list[str]
    security_group_ids: list[str]
    status: str
    mtu: int
    device_owner: str
    port_security_enabled: bool

    @property
    def floating_ips(self) -> list[str]:
        return [floating for fixed in self.fixed_ips for floating in fixed.floating_ips]


def validate_requests(
    tx: Tx, kit: Kit, context: Context, requests: list[NetworkRequest] | Wish | None, count: int = 1
) -> list[PlannedNic]:
    """Check what a server shall be connected to, for `count` servers alike. Changes nothing.

    None and "auto" take the one network that the project can use (none at all is right for None).
    Raises NetworkAmbiguous, NetworkNotFound, NetworkRequiresSubnet, ExternalNetworkAttachForbidden, PortNotFound,
    PortInUse, PortRequiresFixedIP, FixedIpAlreadyInUse, InvalidIpForNetwork, OverQuota.
    """
    if requests == "none":
        return []
    scope = scope_of(kit, context)
    if requests is None or requests == "auto" or not requests:
        planned = _the_network(tx, context)
    else:
        planned = _asked(tx, kit, context, scope, requests)
    fresh = [nic for nic in planned if nic.port_id is None]
    if fresh and context.project_id:
        reserve(tx, kit, context.project_id, port=len(fresh) * count)
    return planned


def create_ports(
    tx: Tx,
    kit: Kit,
    context: Context,
    server_id: str,
    planned: Sequence[PlannedNic],
    zone: str,
    security_group_ids: Sequence[str] | None = None,
    *,
    first_position: int = 0,
) -> list[Port]:
    """Make the ports of a server, or take those that were given for it, in the order of its interfaces.

    `security_group_ids` come from `security_groups.resolve`; None takes the project's default group. The groups
    of given ports stay. Raises what creating a port raises; PortInUse if a given port was taken meanwhile.
    """
    made: list[Port] = []
    owner = f"{COMPUTE}{zone}"
    for position, nic in enumerate(planned, first_position):
        if nic.port_id is not None:
            port = ports.get(tx, scope_of(kit, context), nic.port_id)
            _free(port, server_id)
            ports.update(
                tx,
                port.id,
                {"device_id": server_id, "device_owner": owner, "position": position, "owned_by_device": False},
            )
            pending.note(tx, "port", [port.id])
            made.append(ports.get(tx, Scope.system(), port.id))
            continue
        new = NewPort(
            project_id=context.project_id or "",
            network_id=nic.network_id,
            device_id=server_id,
            device_owner=owner,
            fixed_ips=msgspec.UNSET if nic.fixed_ip is None else [FixedIpRequest(ip_address=nic.fixed_ip)],
            security_groups=_groups_for(tx, nic.network_id, security_group_ids),
            owned_by_device=True,
            position=position,
        )
        made.append(port_service.create(tx, kit, context, new))
    return made


def bind_ports(tx: Tx, kit: Kit, server_id: str, host: str, chassis: str | None = None) -> list[str]:
    """The server's ports are plugged on this host (`chassis`: its name in OVN, if another). Returns their ids.

    A port counts as plugged only when OVN says so: it is DOWN until then.
    """
    theirs = ports.by_devices(tx, Scope.system(), [server_id], COMPUTE).get(server_id, [])
    for port in theirs:
        if (port.host, port.chassis) != (host, chassis or host):
            ports.update(tx, port.id, {"host": host, "chassis": chassis or host, "status": "DOWN"})
    ids = [port.id for port in theirs]
    pending.note(tx, "port", ids)
    return ids


def unbind_ports(tx: Tx, kit: Kit, server_id: str) -> None:
    """The server is on no host (any more)."""
    theirs = ports.by_devices(tx, Scope.system(), [server_id], COMPUTE).get(server_id, [])
    for port in theirs:
        ports.update(tx, port.id, dict(_UNBOUND))
    pending.note(tx, "port", [port.id for port in theirs])


def release_ports(tx: Tx, kit: Kit, server_id: str, port_ids: Iterable[str] | None = None) -> None:
    """The server is gone (or lets these ports go): delete the ports that were made for it, free the others."""
    theirs = ports.by_devices(tx, Scope.system(), [server_id], COMPUTE).get(server_id, [])
    if port_ids is not None:
        wanted = set(port_ids)
        theirs = [port for port in theirs if port.id in wanted]
    port_service.remove(tx, [port for port in theirs if port.owned_by_device])
    for port in theirs:
        if not port.owned_by_device:
            ports.update(tx, port.id, dict(_FREE))
            pending.note(tx, "port", [port.id])


def servers_with_ports(tx: Tx) -> list[str]:
    """Servers that ports were made for, whether they still exist or not. One statement."""
    return ports.devices(tx, COMPUTE)


def nics_by_servers(tx: Tx, server_ids: Iterable[str]) -> dict[str, list[Nic]]:
    """The interfaces of servers in their order; a constant number of statements, whatever the number of servers."""
    theirs = ports.by_devices(tx, Scope.system(), server_ids, COMPUTE)
    every = [port for found in theirs.values() for port in found]
    if not every:
        return {}
    labels = networks.by_ids(tx, Scope.system(), {port.network_id for port in every})
    names = groups.names_by_ports(tx, [port.id for port in every])
    floating = floating_ips.by_ports(tx, Scope.system(), [port.id for port in every])
    found: dict[str, list[Nic]] = {}
    for server_id, found_ports in theirs.items():
        for port in found_ports:
            outside: dict[str, list[str]] = {}
            for one in floating.get(port.id, []):
                outside.setdefault(str(one.fixed_ip_address), []).append(one.floating_ip_address)
            network = labels[port.network_id]
            found.setdefault(server_id, []).append(
                Nic(
                    port_id=port.id,
                    network_id=network.id,
                    network_label=network.name,
                    mac=port.mac_address,
                    fixed_ips=[
                        NicAddress(
                            fixed.ip_address,
                            ip_address(fixed.ip_address).version,
                            fixed.subnet_id,
                            outside.get(fixed.ip_address, []),
                        )
                        for fixed in port.fixed_ips
                    ],
                    security_groups=[name for _, name in names.get(port.id, [])],
                    security_group_ids=[id for id, _ in names.get(port.id, [])],
                    status=port.status,
                    mtu=network.mtu,
                    device_owner=port.device_owner,
                    port_security_enabled=port.port_security_enabled,
                )
            )
    return found


def interfaces(tx: Tx, server_id: str) -> list[Interface]:
    """The server's interfaces as its host needs to know them."""
    return interfaces_by_servers(tx, [server_id]).get(server_id, [])


def interfaces_by_servers(tx: Tx, server_ids: Iterable[str]) -> dict[str, list[Interface]]:
    """`interfaces` for many servers in a constant number of statements."""
    theirs = ports.by_devices(tx, Scope.system(), server_ids, COMPUTE)
    every = [port for found in theirs.values() for port in found]
    nets = networks.by_ids(tx, Scope.system(), {port.network_id for port in every})
    metadata = metadata_ports(tx, nets)
    ids = {fixed.subnet_id for port in [*every, *metadata.values()] for fixed in port.fixed_ips}
    by_id = subnets.by_ids(tx, Scope.system(), ids)
    return {
        server_id: [
            Interface(
                port_id=port.id,
                network_id=port.network_id,
                mac=port.mac_address,
                mtu=nets[port.network_id].mtu,
                addresses=[_address(fixed.ip_address, by_id[fixed.subnet_id]) for fixed in port.fixed_ips],
                metadata=_metadata(metadata.get(port.network_id), by_id),
            )
            for port in found
        ]
        for server_id, found in theirs.items()
    }


def _metadata(port: Port | None, by_id: Mapping[str, Subnet]) -> MetadataPort | None:
    """Where hosts answer the network's metadata requests; None while the port has no address."""
    if port is None or not port.fixed_ips:
        return None
    lengths = {fixed.subnet_id: ip_network(by_id[fixed.subnet_id].cidr).prefixlen for fixed in port.fixed_ips}
    addresses = [f"{fixed.ip_address}/{lengths[fixed.subnet_id]}" for fixed in port.fixed_ips]
    return MetadataPort(port_id=port.id, mac=port.mac_address, addresses=addresses)


def name_servers(tx: Tx, kit: Kit) -> list[str]:
    """Name servers for subnets that name none."""
    return list(kit.settings[OvnOptions].dns_servers)


def security_groups_of(tx: Tx, server_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """(id, name) of the groups on each server's ports, without repetition."""
    theirs = ports.by_devices(tx, Scope.system(), server_ids, COMPUTE)
    names = groups.names_by_ports(tx, [port.id for found in theirs.values() for port in found])
    return {
        server_id: sorted({pair for port in found for pair in names.get(port.id, [])}, key=lambda pair: pair[1])
        for server_id, found in theirs.items()
    }


def add_security_group(tx: Tx, kit: Kit, context: Context, server_id: str, name_or_id: str) -> None:
    """Put a group on all ports of a server that have port security and an address.

    Raises SecurityGroupNotFound, NoUniqueSecurityGroup.
    """
    theirs = ports.by_devices(tx, Scope.system(), [server_id], COMPUTE).get(server_id, [])
    (group,) = group_service.resolve(tx, kit, context, [name_or_id], theirs[0].project_id if theirs else None)
    for port in theirs:
        if port.port_security_enabled and port.fixed_ips and group not in port.security_groups:
            _set_groups(tx, port, [*port.security_groups, group])


def remove_security_group(tx: Tx, kit: Kit, context: Context, server_id: str, name_or_id: str) -> None:
    """Take a group off all ports of a server. Raises SecurityGroupNotFound, SecurityGroupNotAttached."""
    theirs = ports.by_devices(tx, Scope.system(), [server_id], COMPUTE).get(server_id, [])
    (group,) = group_service.resolve(tx, kit, context, [name_or_id], theirs[0].project_id if theirs else None)
    carrying = [port for port in theirs if group in port.security_groups]
    if not carrying:
        raise SecurityGroupNotAttached(id=name_or_id, server_id=server_id)
    for port in carrying:
        _set_groups(tx, port, [one for one in port.security_groups if one != group])


def _set_groups(tx: Tx, port: Port, ids: list[str]) -> None:
    ports.set_groups(tx, port.id, ids)
    ports.update(tx, port.id, {})
    pending.note(tx, "port", [port.id])


def _the_network(tx: Tx, context: Context) -> list[PlannedNic]:
    """The one network that a project can use without naming it: its own and shared ones, never external ones."""
    seen = networks.networks(tx, context.scope)
    usable = [network for network in seen if not network.external and network.admin_state_up and network.subnets]
    if len(usable) > 1:
        raise NetworkAmbiguous()
    return [PlannedNic(network_id=network.id) for network in usable]


def _asked(tx: Tx, kit: Kit, context: Context, scope: Scope, requests: Sequence[NetworkRequest]) -> list[PlannedNic]:
    given = ports.by_ids(tx, scope, [one.port_id for one in requests if one.port_id is not None])
    wanted = {one.network_id for one in requests if one.port_id is None and one.network_id is not None}
    nets = networks.by_ids(tx, scope, wanted | {port.network_id for port in given.values()})
    their_subnets = subnets.by_networks(tx, Scope.system(), nets)
    planned: list[PlannedNic] = []
    taken: set[str] = set()
    for one in requests:
        if one.port_id is not None:
            if one.port_id not in given:
                raise PortNotFound(id=one.port_id)
            port = given[one.port_id]
            _free(port, None)
            if one.port_id in taken:
                raise PortInUse(id=port.id, network_id=port.network_id, device_id=port.device_id)
            taken.add(one.port_id)
            if not port.fixed_ips:
                raise PortRequiresFixedIP(id=port.id)
            planned.append(PlannedNic(network_id=port.network_id, port_id=port.id, tag=one.tag))
            continue
        if one.network_id not in nets:
            raise NetworkNotFound(id=one.network_id)
        network = nets[one.network_id]
        _attachable(kit, context, network, their_subnets.get(network.id, []), one.fixed_ip)
        if one.fixed_ip is not None:
            _address_free(tx, their_subnets.get(network.id, []), one.fixed_ip)
        planned.append(PlannedNic(network_id=network.id, fixed_ip=one.fixed_ip, tag=one.tag))
    return planned


def _free(port: Port, server_id: str | None) -> None:
    if port.device_id and port.device_id != server_id:
        raise PortInUse(id=port.id, network_id=port.network_id, device_id=port.device_id)


def _attachable(
    kit: Kit, context: Context, network: Network, their_subnets: Sequence[Subnet], fixed_ip: str | None
) -> None:
    if network.external and not network.shared and not kit.policy.allows(context, "context_is_admin", {}):
        raise ExternalNetworkAttachForbidden(id=network.id)
    if not their_subnets:
        raise NetworkRequiresSubnet(id=network.id)
    if fixed_ip is not None and not any(ip_address(fixed_ip) in ip_network(subnet.cidr) for subnet in their_subnets):
        raise InvalidIpForNetwork(ip=fixed_ip)


def _address_free(tx: Tx, their_subnets: Sequence[Subnet], fixed_ip: str) -> None:
    for subnet in their_subnets:
        holder = addresses.taken_by(tx, subnet.id, str(ip_address(fixed_ip)))
        if holder is not None:
            raise FixedIpAlreadyInUse(ip=fixed_ip, server_id=ports.get(tx, Scope.system(), holder).device_id)


def _groups_for(tx: Tx, network_id: str, ids: Sequence[str] | None) -> list[str] | msgspec.UnsetType:
    """Groups make no sense on a network without port security."""
    if ids is None:
        return msgspec.UNSET
    network = networks.get(tx, Scope.system(), network_id)
    return list(ids) if network.port_security_enabled else msgspec.UNSET


def _address(ip: str, subnet: Subnet) -> FixedAddress:
    mode: Literal["dhcp", "static", "slaac", "dhcpv6-stateful", "dhcpv6-stateless"] = "static"
    if subnet.ip_version == 4:
        mode = "dhcp" if subnet.enable_dhcp else "static"
    elif subnet.ipv6_address_mode == "slaac":
        mode = "slaac"
    elif subnet.ipv6_address_mode == "dhcpv6-stateful":
        mode = "dhcpv6-stateful"
    elif subnet.ipv6_address_mode == "dhcpv6-stateless":
        mode = "dhcpv6-stateless"
    return FixedAddress(
        address=ip,
        version=4 if subnet.ip_version == 4 else 6,
        prefix_length=ip_network(subnet.cidr).prefixlen,
        subnet_id=subnet.id,
        gateway=subnet.gateway_ip,
        dns_servers=subnet.dns_nameservers,
        routes=[Route(route.destination, route.nexthop) for route in subnet.host_routes],
        mode=mode,
    )


__all__ = [
    "NetworkRequest",
    "Nic",
    "NicAddress",
    "PlannedNic",
    "add_security_group",
    "bind_ports",
    "create_ports",
    "interfaces",
    "interfaces_by_servers",
    "name_servers",
    "nics_by_servers",
    "release_ports",
    "remove_security_group",
    "security_groups_of",
    "unbind_ports",
    "validate_requests",
]
