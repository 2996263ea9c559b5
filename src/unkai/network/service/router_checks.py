"""What a router may be connected to: subnets that do not overlap."""

from collections.abc import Sequence
from ipaddress import ip_network

from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import HTTPBadRequest
from unkai.network.model import Subnet
from unkai.network.store import ports, subnets


def connected(tx: Tx, router_id: str, but_port: str | None = None) -> list[Subnet]:
    """The subnets a router is connected to (by other ports than `but_port`), its gateway's included."""
    found = ports.by_devices(tx, Scope.system(), [router_id], "network:router").get(router_id, [])
    ids = [fixed.subnet_id for port in found if port.id != but_port for fixed in port.fixed_ips]
    return list(subnets.by_ids(tx, Scope.system(), ids).values())


def no_overlap(tx: Tx, router_id: str, joining: Sequence[Subnet], port_id: str | None = None) -> None:
    """Raises HTTPBadRequest when a subnet that joins (by this port) shares addresses with one that is there."""
    for have in connected(tx, router_id, port_id):
        for subnet in joining:
            if subnet.id == have.id:
                raise HTTPBadRequest(reason=f"Bad router request: Router already has a port on subnet {subnet.id}.")
            if subnet.ip_version == have.ip_version and ip_network(subnet.cidr).overlaps(ip_network(have.cidr)):
                raise HTTPBadRequest(
                    reason=f"Bad router request: Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr "
                    f"{have.cidr} of subnet {have.id}."
                )
