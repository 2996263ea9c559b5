"""Networks."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from unkai.kernel.context import Context
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import (
    DefaultExternalNetworkExists,
    ExternalNetworkInUse,
    InvalidInput,
    InvalidSharedSetting,
    NetworkInUse,
    NetworkMTUSubnetConflict,
)
from unkai.network.model import AUTO_DELETED, FLOATING_IP, ROUTER_GATEWAY, Listing, Network
from unkai.network.service import segments, system_ports
from unkai.network.service.access import changed, reserve
from unkai.network.service.segments import Segment
from unkai.network.store import common, floating_ips, networks, pending, ports, routers, subnets

_LEAST_MTU = {4: 68, 6: 1280}


class NewNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """What a network is made from; `mtu` 0 takes the largest that its segment carries."""

    project_id: str
    name: str = ""
    description: str = ""
    admin_state_up: bool = True
    shared: bool = False
    external: bool = msgspec.field(default=False, name="router:external")
    is_default: bool = False
    mtu: int = 0
    port_security_enabled: bool = True
    network_type: str | None = msgspec.field(default=None, name="provider:network_type")
    physical_network: str | None = msgspec.field(default=None, name="provider:physical_network")
    segmentation_id: int | None = msgspec.field(default=None, name="provider:segmentation_id")
    tags: list[str] = []


class NetworkChange(msgspec.Struct, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    admin_state_up: bool | UnsetType = UNSET
    shared: bool | UnsetType = UNSET
    external: bool | UnsetType = msgspec.field(default=UNSET, name="router:external")
    is_default: bool | UnsetType = UNSET
    mtu: int | UnsetType = UNSET
    port_security_enabled: bool | UnsetType = UNSET


def create(tx: Tx, kit: Kit, context: Context, new: NewNetwork) -> Network:
    """Raises OverQuota, InvalidInput and what `segments.choose` raises."""
    reserve(tx, kit, new.project_id, network=1)
    asked = None
    if new.network_type is not None:
        asked = Segment(new.network_type, new.physical_network, new.segmentation_id)
    elif new.physical_network is not None or new.segmentation_id is not None:
        raise InvalidInput(reason="provider:network_type required")
    segment = segments.choose(tx, kit.settings, asked)
    if new.is_default:
        _only_default(tx, new.external)
    id = new_uuid()
    networks.insert(
        tx,
        {
            "id": id,
            "project_id": new.project_id,
            "name": new.name,
            "description": new.description,
            "admin_state_up": new.admin_state_up,
            "status": "ACTIVE",
            "shared": new.shared,
            "external": new.external,
            "is_default": new.is_default,
            "mtu": _mtu(kit, segment, new.mtu),
            "port_security_enabled": new.port_security_enabled,
            "network_type": segment.network_type,
            "physical_network": segment.physical_network,
            "segmentation_id": segment.segmentation_id,
            "segment": segment.key,
        },
    )
    common.set_tags(tx, id, new.tags)
    pending.note(tx, "network", [id])
    system_ports.make_metadata_port(tx, kit, id, new.project_id)
    return networks.get(tx, Scope.system(), id)


def update(tx: Tx, kit: Kit, context: Context, network: Network, change: NetworkChange) -> Network:
    """Raises InvalidSharedSetting, ExternalNetworkInUse, InvalidInput, DefaultExternalNetworkExists."""
    networks.hold(tx, network.id)
    if network.shared and change.shared is False:
        _not_used_by_others(tx, network)
    if network.external and change.external is False and _leads_outside(tx, network):
        raise ExternalNetworkInUse(id=network.id)
    if change.is_default is True and not network.is_default:
        _only_default(tx, network.external if change.external is UNSET else bool(change.external))
    values = changed(change)
    if change.mtu is not UNSET:
        versions = {subnet.ip_version for subnet in subnets.on_network(tx, Scope.system(), network.id)}
        check_mtu(network.id, change.mtu, versions)
        segment = Segment(network.network_type, network.physical_network, network.segmentation_id)
        values["mtu"] = _mtu(kit, segment, change.mtu)
    networks.update(tx, network.id, values)
    pending.note(tx, "network", [network.id])
    if values.get("mtu", network.mtu) != network.mtu:
        pending.note(tx, "subnet", network.subnets)
        for subnet_id in network.subnets:
            pending.note(tx, "router", routers.ids_at_subnet(tx, subnet_id))
        pending.note(tx, "port", ports.ids_on_networks(tx, [network.id]))
    return networks.get(tx, Scope.system(), network.id)


def delete(tx: Tx, kit: Kit, context: Context, network: Network) -> None:
    """Delete a network with its subnets, the system's own ports and, as upstream, floating IPs that lead nowhere.

    Raises NetworkInUse.
    """
    networks.hold(tx, network.id)
    idle = _idle_floating_ips(tx, network.id)
    theirs = ports.on_network(tx, Scope.system(), network.id)
    used = [port.id for port in theirs if port.device_owner not in AUTO_DELETED and port.device_id not in idle]
    if used:
        raise NetworkInUse(id=network.id, ports=", ".join(used))
    for id in idle:
        floating_ips.delete(tx, id)
    ports.delete(tx, [port.id for port in theirs])
    for subnet_id in network.subnets:
        subnets.delete(tx, subnet_id)
    networks.delete(tx, network.id)
    pending.note(tx, "port", [port.id for port in theirs])
    pending.note(tx, "subnet", network.subnets)
    pending.note(tx, "network", [network.id])


def _mtu(kit: Kit, segment: Segment, wanted: int) -> int:
    largest = segments.largest_mtu(kit.settings, segment)
    if wanted > largest:
        raise InvalidInput(reason=f"Requested MTU is too big, maximum is {largest}")
    return wanted or largest


def _leads_outside(tx: Tx, network: Network) -> bool:
    return any(port.serves(ROUTER_GATEWAY, FLOATING_IP) for port in ports.on_network(tx, Scope.system(), network.id))


def _idle_floating_ips(tx: Tx, network_id: str) -> set[str]:
    wanted = Listing({"floating_network_id": (network_id,), "port_id": (None,)})
    return {one.id for one in floating_ips.floating_ips(tx, Scope.system(), wanted)}


def check_mtu(network_id: str, mtu: int, versions: Iterable[int]) -> None:
    """Each version of IP asks for a minimum. Raises NetworkMTUSubnetConflict. `mtu` 0 is chosen by us."""
    needed = max((_LEAST_MTU[version] for version in versions), default=0)
    if 0 < mtu < needed:
        raise NetworkMTUSubnetConflict(id=network_id, mtu=needed)


def _only_default(tx: Tx, external: bool) -> None:
    if not external:
        return
    found = networks.networks(tx, Scope.system(), Listing({"is_default": (True,), "router:external": (True,)}))
    if found:
        raise DefaultExternalNetworkExists(id=found[0].id)


def _not_used_by_others(tx: Tx, network: Network) -> None:
    mine = {network.project_id, ""}
    theirs = ports.on_network(tx, Scope.system(), network.id)
    others = {port.project_id for port in theirs if not port.device_owner.startswith("network:router_gateway")}
    others |= {subnet.project_id for subnet in subnets.on_network(tx, Scope.system(), network.id)}
    if others - mine:
        raise InvalidSharedSetting(id=network.id)
