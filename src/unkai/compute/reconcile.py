"""Compares servers with what belongs to them in other rooms, and puts right what differs. One function per kind.

With `fix` a function repairs what it finds; without, it only tells. None of this happens as long as flows and
transactions keep their promises: the tasks are here for what an operator, a restored backup or a fault of ours did.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from unkai.compute import model
from unkai.compute.server import Fault, Server
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import servers as store
from unkai.kernel import log
from unkai.kernel.clock import utcnow
from unkai.kernel.flow import service as flows
from unkai.kernel.kit import Kit
from unkai.kernel.store import StoreError, Tx
from unkai.network import service as network
from unkai.placement import service as placement

_log = log.get(__name__)
_EVERY = 60.0


class Drift(msgspec.Struct, frozen=True):
    """One difference: its kind, the server it is about, and what is wrong in words."""

    kind: str
    server_id: str
    text: str


Check = Callable[[Tx, Kit, bool], list[Drift]]


def abandoned(tx: Tx, kit: Kit, fix: bool) -> list[Drift]:
    """Servers that something is being done to, and nothing is: builds become errors, others come to rest."""
    found = _without_flow(tx, store.in_motion(tx, SYSTEM))
    for server in found if fix else ():
        if server.vm_state == model.BUILDING:
            text = "The build was interrupted and nobody works on it any more."
            fault = Fault(code=500, message=text, created=utcnow())
            store.change(tx, SYSTEM, server, vm_state=model.ERROR, task_state=None, fault=fault)
        else:
            store.change(tx, SYSTEM, server, task_state=None)
    return [Drift("abandoned", server.id, f"{server.vm_state}, {server.task_state}, no flow") for server in found]


def _without_flow(tx: Tx, servers: Sequence[Server]) -> list[Server]:
    busy = flows.active(tx, [server.id for server in servers])
    return [server for server in servers if server.id not in busy]


def leftover_allocations(tx: Tx, kit: Kit, fix: bool) -> list[Drift]:
    """Resources held by servers that are deleted or on no host. Consumers that are no servers of ours stay."""
    holders = placement.consumers_of_type(tx, "INSTANCE")
    known = store.by_ids(tx, SYSTEM, holders, deleted=True)
    found = _without_flow(tx, [server for server in known.values() if server.deleted or server.host is None])
    for server in found if fix else ():
        placement.release(tx, server.id)
    return [Drift("leftover allocation", server.id, "it holds resources of a host and is on none") for server in found]


def leftover_ports(tx: Tx, kit: Kit, fix: bool) -> list[Drift]:
    """Ports that were made for servers that are gone."""
    owners = network.servers_with_ports(tx)
    alive = store.by_ids(tx, SYSTEM, owners)
    found = [owner for owner in owners if owner not in alive]
    for owner in found if fix else ():
        network.release_ports(tx, kit, owner)
    return [Drift("leftover ports", owner, "ports were made for it and it is gone") for owner in found]


def missing_allocations(tx: Tx, kit: Kit, fix: bool) -> list[Drift]:
    """Servers on a host that hold nothing there. Only told: the room may be somebody else's by now."""
    placed = store.placed(tx, SYSTEM)
    held = placement.amounts_by_consumers(tx, [server.id for server in placed])
    return [
        Drift("missing allocation", server.id, f"it is on {server.host} and holds no resources there")
        for server in placed
        if server.id not in held
    ]


CHECKS: Sequence[Check] = (abandoned, leftover_allocations, leftover_ports, missing_allocations)


def reconcile(tx: Tx, kit: Kit, fix: bool) -> list[Drift]:
    """All kinds, in the order in which one's repair may show the next."""
    return [drift for check in CHECKS for drift in check(tx, kit, fix)]


async def reconcile_forever(kit: Kit) -> None:
    """Look now and then; write only when something was found, each kind in a transaction of its own."""
    told: set[Drift] = set()
    while True:
        await asyncio.sleep(_EVERY)
        try:
            for check in CHECKS:
                if await kit.db.read(check, kit, False):
                    found = set(await kit.db.run(check, kit, True))
                    for drift in found - told:
                        _log.warning("drift", kind=drift.kind, server=drift.server_id, reason=drift.text)
                    told |= found
        except StoreError:
            _log.exception("servers cannot be reconciled, trying again")
