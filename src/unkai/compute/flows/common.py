"""What the flows of Compute have in common."""

from unkai.compute import guest
from unkai.compute.server import Fault, Server
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import servers as store
from unkai.contracts.guest import Guest, GuestData
from unkai.kernel.clock import utcnow
from unkai.kernel.context import Context
from unkai.kernel.flow.model import Failure, Run, StepFailed
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

# How long hosts may take, in seconds.
SPAWN_TIMEOUT = 1800.0
POWER_TIMEOUT = 300.0
DESTROY_TIMEOUT = 600.0
REFRESH_TIMEOUT = 60.0


def server_of(tx: Tx, run: Run) -> Server:
    """The flow's server, locked. Raises StepFailed when it is gone."""
    server = store.get(tx, SYSTEM, run.subject, lock=True)
    if server is None:
        raise StepFailed("server_gone", "The server does not exist any more.")
    return server


def rendered(tx: Tx, kit: Kit, server: Server, *, first_boot: bool = False) -> tuple[Guest, GuestData]:
    """The server as its host shall know it now."""
    around = guest.surroundings(tx, kit, [server])[server.id]
    return (
        guest.guest(tx, kit, server, around),
        guest.guest_data(kit, server, around, first_boot=first_boot),
    )


def owner(run: Run) -> Context:
    """Who a flow acts for when it asks other rooms: the one who asked for the flow, in the server's project."""
    return Context(
        request_id=run.request_id, user_id=run.user_id or "", project_id=run.project_id, roles=("member", "reader")
    )


def fault(failure: Failure | None) -> Fault | None:
    """A failure as the server's fault. A flow that was cancelled failed by somebody's wish: no fault."""
    if failure is None or cancelled(failure):
        return None
    return Fault(code=500, message=failure.message[:255], created=utcnow(), details=failure.details)


def cancelled(failure: Failure | None) -> bool:
    return failure is not None and failure.code == "cancelled"
