"""The hosts, as the network needs to know them.

They belong to a room above this one, which says who they are by `register_hosts`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network.settings import WriterOptions


class NetworkHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host as the network needs to know it. `chassis` is its name in OVN (None: it carries no network)."""

    host: str
    chassis: str | None
    up: bool
    created_at: datetime
    last_seen: datetime
    zone: str = "nova"


ListHosts = Callable[[Tx], Sequence[NetworkHost]]
ListChassis = Callable[[Tx], Sequence[str]]


class Hosts:
    """Who knows the hosts. Put into the kit by the room; until `register_hosts` there are none."""

    def __init__(self) -> None:
        self.hosts: ListHosts = lambda tx: ()
        self.chassis: ListChassis = lambda tx: ()


def register_hosts(kit: Kit, hosts: ListHosts, chassis: ListChassis) -> None:
    """Tell the network how to list the hosts, and the names of their chassis alone (asked for often: be quick)."""
    known = Hosts()
    known.hosts, known.chassis = hosts, chassis
    kit.put(Hosts, known)


def hosts(tx: Tx, kit: Kit) -> Sequence[NetworkHost]:
    return kit.get(Hosts).hosts(tx)


def gateway_chassis(tx: Tx, kit: Kit) -> list[str]:
    """Chassis that may carry external gateways: those of the settings, else those of all hosts.

    Also of hosts that are down: OVN itself moves a gateway to the next living one, at once and without us.
    """
    return list(kit.settings[WriterOptions].gateway_chassis) or sorted(kit.get(Hosts).chassis(tx))
