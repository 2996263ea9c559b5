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


class Hosts:
    """Who knows the hosts. Put into the kit by `register_hosts`; without it there are none."""

    def __init__(self) -> None:
        self.provider: Callable[[Tx], Sequence[NetworkHost]] = lambda tx: ()


def register_hosts(kit: Kit, provider: Callable[[Tx], Sequence[NetworkHost]]) -> None:
    """Tell the network how to list the hosts, in a transaction."""
    kit.get(Hosts).provider = provider


def hosts(tx: Tx, kit: Kit) -> Sequence[NetworkHost]:
    return kit.get(Hosts).provider(tx)


def gateway_chassis(tx: Tx, kit: Kit) -> list[str]:
    """Chassis that may carry external gateways: those of the settings, else those of all hosts, the living first."""
    configured = kit.settings[WriterOptions].gateway_chassis
    if configured:
        return list(configured)
    known = sorted(hosts(tx, kit), key=lambda host: (not host.up, host.host))
    return [host.chassis for host in known if host.chassis]
