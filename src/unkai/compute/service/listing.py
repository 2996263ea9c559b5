"""Servers with what other rooms know of them, in a constant number of statements whatever their number."""

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from unkai.compute.server import Server
from unkai.compute.service.servers import get_server
from unkai.compute.store import server_list as store
from unkai.compute.store.server_list import Filters
from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.paging import Page
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network import service as network
from unkai.network.service import Nic
from unkai.nodes import service as nodes
from unkai.nodes.service import Host

_PART = 5000


class Facts(msgspec.Struct, frozen=True):
    """Interfaces by server, hosts by name."""

    nics: Mapping[str, Sequence[Nic]]
    hosts: Mapping[str, Host]


class Addresses(msgspec.Struct, frozen=True):
    """Patterns that a server's addresses must match: upstream's filters ip and ip6."""

    ip: str | None = None
    ip6: str | None = None


def facts(tx: Tx, kit: Kit, servers: Sequence[Server]) -> Facts:
    if not servers:
        return Facts({}, {})
    return Facts(
        nics=network.nics_by_servers(tx, [server.id for server in servers]),
        hosts={host.host: host for host in nodes.hosts(tx, kit)},
    )


def list_servers(
    tx: Tx, kit: Kit, scope: Scope, filters: Filters, page: Page, addresses: Addresses, *, detailed: bool
) -> tuple[list[Server], Facts] | None:
    """A page of servers; None when the marker does not exist."""
    values = None
    if page.marker is not None:
        values = store.marker_values(tx, scope, page.marker)
        if values is None:
            return None
    if page.limit == 0:
        return [], Facts({}, {})
    if addresses != Addresses():
        filters = msgspec.structs.replace(filters, ids=_with_addresses(tx, scope, filters, addresses))
    found = store.listing(tx, scope, filters, page, values)
    return found, facts(tx, kit, found) if detailed else Facts({}, {})


def _with_addresses(tx: Tx, scope: Scope, filters: Filters, wanted: Addresses) -> tuple[str, ...]:
    """Servers with a fixed address that matches every pattern."""
    candidates = store.ids_of(tx, scope, filters)
    patterns = [(version, re.compile(text)) for version, text in ((4, wanted.ip), (6, wanted.ip6)) if text is not None]
    found = []
    for server_id, nics in _nics(tx, candidates):
        have = [address for nic in nics for address in nic.fixed_ips]
        if all(
            any(address.version == version and pattern.search(address.ip_address) for address in have)
            for version, pattern in patterns
        ):
            found.append(server_id)
    return tuple(found)


def _nics(tx: Tx, ids: Sequence[str]) -> Iterator[tuple[str, Sequence[Nic]]]:
    """In parts: a statement takes a bounded number of ids."""
    for start in range(0, len(ids), _PART):
        yield from network.nics_by_servers(tx, ids[start : start + _PART]).items()


def show_server(tx: Tx, kit: Kit, context: Context, server_id: str) -> tuple[Server, Facts]:
    """Raises ServerNotFound."""
    server = get_server(tx, context, server_id)
    return server, facts(tx, kit, [server])
