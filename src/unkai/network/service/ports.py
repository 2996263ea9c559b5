"""Ports: what a server, a router or anything else has on a network."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from unkai.kernel.context import Context
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import (
    AddressPairAndPortSecurityRequired,
    AddressPairsExhausted,
    DuplicateAddressPairInRequest,
    HTTPBadRequest,
    MacAddressInUse,
    PortBound,
    PortInUse,
    PortSecurityAndIPRequiredForSecurityGroups,
    PortSecurityPortHasSecurityGroup,
    SecurityGroupConflict,
    SecurityGroupNotFound,
    ServicePortInUse,
)
from unkai.network.model import (
    DISTRIBUTED,
    FLOATING_IP,
    NOT_ATTACHED,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    AddressPair,
    DhcpOption,
    FixedIp,
    Network,
    Port,
)
from unkai.network.service import addressing, security_groups
from unkai.network.service.access import changed, reserve, scope_of
from unkai.network.service.addressing import FixedIpRequest
from unkai.network.service.macs import new_mac
from unkai.network.service.router_checks import no_overlap
from unkai.network.settings import NetworkOptions
from unkai.network.store import addresses, floating_ips, networks, pending, ports, subnets
from unkai.network.store import common as rows
from unkai.network.store import security_groups as groups

_SERVED_BY_OTHERS = (ROUTER_INTERFACE, ROUTER_GATEWAY, FLOATING_IP, DISTRIBUTED)


class NewPort(msgspec.Struct, frozen=True, kw_only=True):
    """What a port is made from. UNSET: the addresses are chosen, the group is the project's default one."""

    project_id: str
    network_id: str
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    mac_address: str | None = None
    fixed_ips: list[FixedIpRequest] | UnsetType = UNSET
    device_id: str = ""
    device_owner: str = ""
    security_groups: list[str] | UnsetType = UNSET
    port_security_enabled: bool | UnsetType = UNSET
    allowed_address_pairs: list[AddressPair] = []
    extra_dhcp_opts: list[DhcpOption] = []
    host: str = msgspec.field(default="", name="binding:host_id")
    vnic_type: str = msgspec.field(default="normal", name="binding:vnic_type")
    profile: dict[str, Any] = msgspec.field(default={}, name="binding:profile")
    tags: list[str] = []
    owned_by_device: bool = False
    position: int = NOT_ATTACHED


class PortChange(msgspec.Struct, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    admin_state_up: bool | UnsetType = UNSET
    mac_address: str | UnsetType = UNSET
    fixed_ips: list[FixedIpRequest] | UnsetType = UNSET
    device_id: str | UnsetType = UNSET
    device_owner: str | UnsetType = UNSET
    security_groups: list[str] | UnsetType = UNSET
    port_security_enabled: bool | UnsetType = UNSET
    allowed_address_pairs: list[AddressPair] | UnsetType = UNSET
    extra_dhcp_opts: list[DhcpOption] | UnsetType = UNSET
    host: str | UnsetType = msgspec.field(default=UNSET, name="binding:host_id")
    vnic_type: str | UnsetType = msgspec.field(default=UNSET, name="binding:vnic_type")
    profile: dict[str, Any] | UnsetType = msgspec.field(default=UNSET, name="binding:profile")


def create(tx: Tx, kit: Kit, context: Context, new: NewPort) -> Port:
    """Raises NetworkNotFound, OverQuota, MacAddressInUse, SecurityGroupNotFound, what `addressing` raises..."""
    network = networks.get(tx, scope_of(kit, context), new.network_id)
    reserve(tx, kit, new.project_id, port=1)
    secure = _secure(new, network)
    chosen = _groups(tx, kit, context, new, secure)
    mac = _mac(tx, kit, network.id, new.mac_address)
    _check_pairs(kit, new.allowed_address_pairs, mac, secure)
    on_network = subnets.on_network(tx, Scope.system(), network.id)
    if new.fixed_ips is UNSET:
        given = addressing.allocate(tx, network.id, on_network, mac, new.device_owner)
    else:
        given = addressing.requested(tx, network.id, on_network, mac, new.device_owner, new.fixed_ips)
    id = new_uuid()
    plain = ("project_id", "network_id", "name", "description", "admin_state_up", "device_id", "device_owner", "host")
    ports.insert(
        tx,
        {
            **{name: getattr(new, name) for name in plain},
            "id": id,
            "mac_address": mac,
            "status": "DOWN",
            "port_security_enabled": secure,
            "chassis": "",
            "vnic_type": new.vnic_type,
            "profile": new.profile,
            "allowed_address_pairs": msgspec.to_builtins(_full_pairs(new.allowed_address_pairs, mac)),
            "extra_dhcp_opts": msgspec.to_builtins([one for one in new.extra_dhcp_opts if one.opt_value is not None]),
            "owned_by_device": new.owned_by_device,
            "position": new.position,
        },
    )
    addresses.insert(tx, id, given)
    ports.set_groups(tx, id, chosen)
    rows.set_tags(tx, id, new.tags)
    _note(tx, [id], new.device_owner, new.device_id)
    return ports.get(tx, Scope.system(), id)


def update(tx: Tx, kit: Kit, context: Context, port: Port, change: PortChange) -> Port:
    """Raises PortInUse, HTTPBadRequest, PortBound, MacAddressInUse, SecurityGroupNotFound, what `addressing` raises...

    A port that the cloud gave to a device stays with it. The system's own ports keep their addresses, and those of
    a router must go on fitting together.
    """
    if port.attached:
        if any(
            wanted is not UNSET and wanted != have
            for wanted, have in ((change.device_id, port.device_id), (change.device_owner, port.device_owner))
        ):
            raise PortInUse(id=port.id, network_id=port.network_id, device_id=port.device_id)
        moves = change.fixed_ips is not UNSET or change.mac_address is not UNSET
        if moves and port.serves(ROUTER_GATEWAY, FLOATING_IP, DISTRIBUTED):
            raise HTTPBadRequest(
                reason=f"Port {port.id} belongs to {port.device_owner} {port.device_id}: its addresses do not change"
            )
    after = alter(tx, kit, context, port, change)
    if after.serves(ROUTER_INTERFACE):
        theirs = subnets.by_ids(tx, Scope.system(), [fixed.subnet_id for fixed in after.fixed_ips])
        no_overlap(tx, after.device_id, list(theirs.values()), after.id)
    return after


def alter(tx: Tx, kit: Kit, context: Context, port: Port, change: PortChange) -> Port:
    """`update` without asking whose the port is."""
    values = changed(change)
    for name in ("fixed_ips", "security_groups", "extra_dhcp_opts"):
        values.pop(name, None)
    mac = _new_mac(tx, port, change)
    values["mac_address"] = mac
    secure = port.port_security_enabled if change.port_security_enabled is UNSET else change.port_security_enabled
    chosen = _changed_groups(tx, kit, context, port, change, secure)
    pairs = port.allowed_address_pairs if change.allowed_address_pairs is UNSET else change.allowed_address_pairs
    _check_pairs(kit, pairs, mac, secure)
    values["allowed_address_pairs"] = msgspec.to_builtins(_full_pairs(pairs, mac))
    if change.extra_dhcp_opts is not UNSET:
        values["extra_dhcp_opts"] = msgspec.to_builtins(_merged(port.extra_dhcp_opts, change.extra_dhcp_opts))
    if change.host is not UNSET and change.host != port.host:
        values["chassis"] = ""
    if change.fixed_ips is not UNSET or mac != port.mac_address:
        _change_addresses(tx, port, mac, None if change.fixed_ips is UNSET else change.fixed_ips)
    ports.update(tx, port.id, values)
    if chosen is not None:
        ports.set_groups(tx, port.id, chosen)
    after = ports.get(tx, Scope.system(), port.id)
    _let_go_of_floating(tx, [after])
    _note(tx, [port.id], after.device_owner, after.device_id)
    return after


def delete(tx: Tx, kit: Kit, context: Context, port: Port) -> None:
    """Raises ServicePortInUse for a port that belongs to a router, a floating IP or the system."""
    if port.serves(*_SERVED_BY_OTHERS):
        raise ServicePortInUse(id=port.id, reason=f"has device owner {port.device_owner}")
    remove(tx, [port])


def remove(tx: Tx, gone: Sequence[Port]) -> None:
    """Delete ports whatever they serve; floating IPs that lead to them lead nowhere then."""
    if not gone:
        return
    _let_go_of_floating(tx, [msgspec.structs.replace(port, fixed_ips=[]) for port in gone])
    ports.delete(tx, [port.id for port in gone])
    for port in gone:
        _note(tx, [port.id], port.device_owner, port.device_id)


def _note(tx: Tx, ids: Iterable[str], device_owner: str, device_id: str) -> None:
    pending.note(tx, "port", ids)
    if device_owner in (ROUTER_INTERFACE, ROUTER_GATEWAY) and device_id:
        pending.note(tx, "router", [device_id])


def _secure(new: NewPort, network: Network) -> bool:
    if new.port_security_enabled is not UNSET:
        return new.port_security_enabled
    return network.port_security_enabled and not new.device_owner.startswith("network:")


def _groups(tx: Tx, kit: Kit, context: Context, new: NewPort, secure: bool) -> list[str]:
    if new.security_groups is not UNSET:
        if new.security_groups and not secure:
            raise PortSecurityAndIPRequiredForSecurityGroups()
        return _seen(tx, kit, context, new.project_id, new.security_groups)
    if not secure or new.device_owner.startswith("network:") or not new.project_id:
        return []
    return [security_groups.ensure_default(tx, kit, new.project_id)]


def _seen(tx: Tx, kit: Kit, context: Context, project_id: str, ids: Sequence[str]) -> list[str]:
    """The groups a port is asked to carry, if the caller may use them and they go together.

    Raises SecurityGroupNotFound, SecurityGroupConflict.
    """
    scope = scope_of(kit, context)
    found = groups.by_ids(tx, scope, ids)
    for id in ids:
        if id not in found or (scope.kind != "system" and found[id].project_id != project_id):
            raise SecurityGroupNotFound(id=id)
    if len({found[id].stateful for id in ids}) > 1:
        raise SecurityGroupConflict(
            reason="Cannot apply both stateful and stateless security groups on the same port at the same time"
        )
    return list(dict.fromkeys(ids))


def _changed_groups(
    tx: Tx, kit: Kit, context: Context, port: Port, change: PortChange, secure: bool
) -> list[str] | None:
    """The port's new groups, or None to leave them."""
    if change.security_groups is not UNSET:
        if change.security_groups and not secure:
            raise PortSecurityAndIPRequiredForSecurityGroups()
        return _seen(tx, kit, context, port.project_id, change.security_groups)
    if port.security_groups and not secure:
        raise PortSecurityPortHasSecurityGroup()
    return None


def _mac(tx: Tx, kit: Kit, network_id: str, wanted: str | None) -> str:
    if wanted is None:
        return new_mac(tx, kit.settings, network_id)
    if ports.mac_taken(tx, network_id, wanted):
        raise MacAddressInUse(network_id=network_id, mac=wanted)
    return wanted


def _new_mac(tx: Tx, port: Port, change: PortChange) -> str:
    if change.mac_address is UNSET or change.mac_address == port.mac_address:
        return port.mac_address
    host = port.host if change.host is UNSET else change.host
    if host:
        raise PortBound(id=port.id, vif_type="ovs", old_mac=port.mac_address, new_mac=change.mac_address)
    if ports.mac_taken(tx, port.network_id, change.mac_address):
        raise MacAddressInUse(network_id=port.network_id, mac=change.mac_address)
    return change.mac_address


def _check_pairs(kit: Kit, pairs: Sequence[AddressPair], mac: str, secure: bool) -> None:
    if not pairs:
        return
    if not secure:
        raise AddressPairAndPortSecurityRequired()
    most = kit.settings[NetworkOptions].max_allowed_address_pair
    if len(pairs) > most:
        raise AddressPairsExhausted(quota=most)
    seen: set[tuple[str, str]] = set()
    for pair in _full_pairs(pairs, mac):
        identity = (str(pair.mac_address), str(ip_network(pair.ip_address, strict=False)))
        if identity in seen:
            raise DuplicateAddressPairInRequest(mac=pair.mac_address, ip=pair.ip_address)
        seen.add(identity)


def _full_pairs(pairs: Iterable[AddressPair], mac: str) -> list[AddressPair]:
    return [AddressPair(pair.ip_address, pair.mac_address or mac) for pair in pairs]


def _merged(have: Iterable[DhcpOption], change: Iterable[DhcpOption]) -> list[DhcpOption]:
    """Options are replaced one by one; a None value takes one away."""
    merged = {(one.opt_name, one.ip_version): one for one in have}
    for one in change:
        merged[one.opt_name, one.ip_version] = one
    return [one for one in merged.values() if one.opt_value is not None]


def _change_addresses(tx: Tx, port: Port, mac: str, wanted: list[FixedIpRequest] | None) -> None:
    """Keep what is wanted again, give the rest back, get what is new."""
    on_network = subnets.on_network(tx, Scope.system(), port.network_id)
    automatic = {subnet.id for subnet in on_network if subnet.automatic}
    if port.device_owner.startswith("network:router"):
        automatic = set()
    requests = (
        [FixedIpRequest(fixed.subnet_id, fixed.ip_address) for fixed in port.fixed_ips] if wanted is None else wanted
    )
    if mac != port.mac_address:
        # What guests make from their MAC changes with it.
        requests = [FixedIpRequest(one.subnet_id) if one.subnet_id in automatic else one for one in requests]
        kept, fresh = _match([fixed for fixed in port.fixed_ips if fixed.subnet_id not in automatic], requests)
    else:
        kept, fresh = _match(port.fixed_ips, requests)
        kept += [fixed for fixed in port.fixed_ips if fixed.subnet_id in automatic and fixed not in kept]
    addresses.take_back(tx, [port.id])
    bases = {subnet.id: int(ip_network(subnet.cidr).network_address) for subnet in on_network}
    stay = [(fixed, int(ip_address(fixed.ip_address)) - bases[fixed.subnet_id]) for fixed in kept]
    addresses.insert(tx, port.id, stay)
    given = addressing.requested(tx, port.network_id, on_network, mac, port.device_owner, fresh)
    addresses.insert(tx, port.id, given, len(stay))


def _match(have: Sequence[FixedIp], requests: Sequence[FixedIpRequest]) -> tuple[list[FixedIp], list[FixedIpRequest]]:
    """Which addresses meet a request already (exact wishes first), and the requests that none meets."""
    left, kept, fresh = list(have), [], []
    for request in sorted(requests, key=lambda one: one.ip_address is None):
        ip = None if request.ip_address is None else str(ip_address(request.ip_address))
        same = next(
            (
                fixed
                for fixed in left
                if (ip is None or fixed.ip_address == ip) and request.subnet_id in (None, fixed.subnet_id)
            ),
            None,
        )
        if same is None:
            fresh.append(request)
        else:
            left.remove(same)
            kept.append(same)
    return kept, fresh


def _let_go_of_floating(tx: Tx, after: Sequence[Port]) -> None:
    """Floating IPs whose fixed address a port no longer has lead nowhere from now on."""
    held = {port.id: {fixed.ip_address for fixed in port.fixed_ips} for port in after}
    for port_id, theirs in floating_ips.by_ports(tx, Scope.system(), held).items():
        for one in theirs:
            if one.fixed_ip_address not in held[port_id]:
                nowhere = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": "DOWN"}
                floating_ips.update(tx, one.id, nowhere)
                if one.router_id:
                    pending.note(tx, "router", [one.router_id])
