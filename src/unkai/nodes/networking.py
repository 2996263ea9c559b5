"""Tells the network room, which stands below this one, who the hosts are."""

from functools import partial

from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network import service as network
from unkai.nodes.service.hosts import hosts, hosts_stamp


class Chassis:
    """The chassis of all hosts, kept while no host changes."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._stamp: tuple[int, ...] | None = None
        self._names: list[str] = []

    def __call__(self, tx: Tx) -> list[str]:
        stamp = hosts_stamp(tx)
        if stamp != self._stamp:
            self._names = [host.chassis for host in hosts(tx, self._kit) if host.chassis]
            self._stamp = stamp
        return self._names


def network_hosts(kit: Kit, tx: Tx) -> list[network.NetworkHost]:
    """Hosts as the network lists its agents by them."""
    return [
        network.NetworkHost(
            host=host.host,
            chassis=host.chassis,
            up=host.up,
            created_at=host.created_at,
            last_seen=host.last_seen or host.created_at,
            zone=host.zone,
        )
        for host in hosts(tx, kit)
    ]


def introduce(kit: Kit) -> None:
    network.register_hosts(kit, partial(network_hosts, kit), Chassis(kit))
