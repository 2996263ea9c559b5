"""The rows that objects of the north-bound database are made from, in a constant number of statements."""

from collections.abc import Collection, Mapping

import msgspec

from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.hosts import gateway_chassis
from unkai.network.model import DISTRIBUTED, FloatingIp, Network, Port, Router, SecurityGroup, Subnet
from unkai.network.ovn.model import Kind
from unkai.network.store import floating_ips, networks, ports, routers, security_groups, subnets

_ALL = Scope.system()
Wanted = Mapping[Kind, Collection[str]]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`ports` holds also the routers' ports, `by_router` names them; `metadata` is each network's metadata port;
    `chassis` may carry gateways, best first."""

    networks: dict[str, Network]
    subnets: dict[str, Subnet]
    ports: dict[str, Port]
    groups: dict[str, SecurityGroup]
    routers: dict[str, Router]
    by_router: dict[str, list[Port]]
    floating: dict[str, list[FloatingIp]]
    metadata: dict[str, Port]
    chassis: list[str]


def load(tx: Tx, kit: Kit, wanted: Wanted) -> Facts:
    """What is needed to render these objects."""
    their_routers = routers.by_ids(tx, _ALL, wanted.get("router", ()))
    by_router = ports.by_devices(tx, _ALL, their_routers, "network:router_")
    every = ports.by_ids(tx, _ALL, wanted.get("port", ()))
    every |= {port.id: port for found in by_router.values() for port in found}
    subnet_ids = {fixed.subnet_id for port in every.values() for fixed in port.fixed_ips}
    their_subnets = subnets.by_ids(tx, _ALL, subnet_ids | set(wanted.get("subnet", ())))
    network_ids = {*wanted.get("network", ()), *(port.network_id for port in every.values())}
    network_ids |= {subnet.network_id for subnet in their_subnets.values()}
    devices = [f"ovnmeta-{subnet.network_id}" for subnet in their_subnets.values()]
    metadata = ports.by_devices(tx, _ALL, devices, DISTRIBUTED)
    return Facts(
        networks=networks.by_ids(tx, _ALL, network_ids),
        subnets=their_subnets,
        ports=every,
        groups=security_groups.by_ids(tx, _ALL, wanted.get("security_group", ())),
        routers=their_routers,
        by_router=by_router,
        floating=floating_ips.by_routers(tx, _ALL, their_routers),
        metadata={found[0].network_id: found[0] for found in metadata.values()},
        chassis=gateway_chassis(tx, kit),
    )


def everything(tx: Tx) -> dict[Kind, list[str]]:
    """The ids of all rows that have an object."""
    return {
        "network": [network.id for network in networks.networks(tx, _ALL)],
        "subnet": [subnet.id for subnet in subnets.subnets(tx, _ALL)],
        "security_group": [group.id for group in security_groups.groups(tx, _ALL)],
        "router": [router.id for router in routers.routers(tx, _ALL)],
        "port": [port.id for port in ports.ports(tx, _ALL)],
    }
