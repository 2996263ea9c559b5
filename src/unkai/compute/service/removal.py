"""Deleting servers: from any state, also while they are being built (ACT-014)."""

from unkai.compute import model
from unkai.compute.flows.specs import DELETE, Nothing
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.service.servers import get_server, require
from unkai.compute.store import servers as store
from unkai.kernel.context import Context
from unkai.kernel.flow import service as flows
from unkai.kernel.store import Tx


def delete_server(tx: Tx, context: Context, server_id: str) -> None:
    """Whatever is being done to the server is cancelled and undone; then the delete flow has its turn.

    A second request while the first is at work changes nothing. Raises ServerNotFound, ServerLocked.
    """
    server = get_server(tx, context, server_id, lock=True)
    require(context, server, "delete")
    if server.task_state == model.DELETING:
        return
    store.change(tx, SYSTEM, server, task_state=model.DELETING, progress=0)
    flows.cancel(tx, server.id, "the server is being deleted")
    flows.start(tx, DELETE, server.id, Nothing(), context, reason="DELETE /servers")
