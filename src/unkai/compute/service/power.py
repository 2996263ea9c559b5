"""Start, stop and reboot; and what hosts report of their guests' power (ACT-010 to ACT-012, ACT-023)."""

from collections.abc import Sequence

from unkai.compute import model
from unkai.compute.flows.specs import REBOOT, START, STOP, Nothing, RebootInput, StopInput
from unkai.compute.server import Server
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.service.servers import get_server, require
from unkai.compute.settings import ComputeOptions
from unkai.compute.store import servers as store
from unkai.contracts.reports import GuestStatus
from unkai.kernel import log
from unkai.kernel.context import Context
from unkai.kernel.flow import service as flows
from unkai.kernel.ids import new_request_id
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

_log = log.get(__name__)


def start(tx: Tx, context: Context, server_id: str) -> None:
    """Raises ServerNotFound, WrongState, ServerLocked, ServerNotReady."""
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "start")
    store.change(tx, SYSTEM, server, task_state=model.POWERING_ON)
    flows.start(tx, START, server.id, Nothing(), context, reason="os-start")


def stop(tx: Tx, kit: Kit, context: Context, server_id: str) -> None:
    """Raises ServerNotFound, WrongState, ServerLocked, ServerNotReady."""
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "stop")
    _begin_stop(tx, context, server, shutdown_timeout(kit, server), "os-stop")


def _begin_stop(tx: Tx, context: Context, server: Server, timeout: int, reason: str) -> None:
    store.change(tx, SYSTEM, server, task_state=model.POWERING_OFF, progress=0)
    flows.start(tx, STOP, server.id, StopInput(timeout=timeout), context, reason=reason)


def shutdown_timeout(kit: Kit, server: Server) -> int:
    """How long a guest has to power off by itself: the image knows best (os_shutdown_timeout)."""
    text = server.image.properties.get("os_shutdown_timeout", "")
    return int(text) if text.isdigit() and len(text) < 6 else kit.settings[ComputeOptions].shutdown_timeout


def reboot(tx: Tx, context: Context, server_id: str, *, hard: bool) -> None:
    """A hard reboot may follow a soft one that hangs: then it takes its place.

    Raises ServerNotFound, WrongState, ServerLocked.
    """
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "reboot_hard" if hard else "reboot", "reboot")
    if hard and server.task_state is not None:
        flows.cancel(tx, server.id, "a hard reboot takes its place", (REBOOT,))
    store.change(tx, SYSTEM, server, task_state=model.REBOOTING_HARD if hard else model.REBOOTING)
    flows.start(tx, REBOOT, server.id, RebootInput(hard=hard), context, reason=f"reboot {'HARD' if hard else 'SOFT'}")


def sync_powers(tx: Tx, kit: Kit, host: str, guests: Sequence[GuestStatus], complete: bool) -> None:
    """Take in what a host says about its guests, as upstream's periodic synchronisation does.

    A server that something is being done to is left alone: its flow says what it is. With `complete`, a server that
    the host does not name has no power state there.
    """
    reported = {guest.server_id: guest.power for guest in guests}
    changed: list[tuple[str, int]] = []
    for server in store.on_host(tx, SYSTEM, host):
        power = reported.get(server.id, "nostate" if complete else None)
        if power is None or server.task_state is not None:
            continue
        if model.POWER[power] != server.power_state:
            changed.append((server.id, model.POWER[power]))
        target = model.SYNC.get((server.vm_state, power))
        if target is not None:
            _log.info("guest changed its power by itself", server=server.id, power=power, vm_state=target)
            store.change(tx, SYSTEM, server, vm_state=target)
        elif (server.vm_state, power) in model.STOP_IF:
            _log.warning("guest is not stopped as it should be", server=server.id, power=power)
            _begin_stop(tx, _system_context(server), server, 0, "power state of the host")
    store.set_powers(tx, SYSTEM, changed)


def _system_context(server: Server) -> Context:
    """For what the cloud does by itself on behalf of a server's owner."""
    return Context(request_id=new_request_id(), user_id=server.user_id, project_id=server.project_id)
