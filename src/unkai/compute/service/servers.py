"""Finding servers and asking the state table before anything is done to them."""

from typing import Any

from unkai.compute import model
from unkai.compute.errors import ServerLocked, ServerNotFound, ServerNotReady, WrongState
from unkai.compute.server import Server
from unkai.compute.service.scopes import SYSTEM, scope_of
from unkai.compute.store import servers as store
from unkai.kernel.context import Context
from unkai.kernel.ids import is_uuid
from unkai.kernel.store import Tx


def get_server(tx: Tx, context: Context, server_id: str, *, lock: bool = False, deleted: bool = False) -> Server:
    """A server that the caller may see. Raises ServerNotFound."""
    found = None
    if is_uuid(server_id):
        found = store.get(tx, scope_of(context), server_id, lock=lock, deleted=deleted)
    if found is None:
        raise ServerNotFound(server=server_id[:64])
    return found


def require(context: Context, server: Server, action: str, called: str | None = None) -> None:
    """Whether the state table allows an action; `called` is the API's name for it where it differs.

    Raises WrongState, ServerLocked, ServerNotReady.
    """
    refused = model.refusal(
        action,
        vm_state=server.vm_state,
        task_state=server.task_state,
        launched=server.launched_at is not None,
        on_host=server.host is not None,
        locked=server.locked_by is not None,
        is_admin=context.is_admin,
    )
    if refused is None:
        return
    if refused.attribute == "locked":
        raise ServerLocked(server=server.id)
    if refused.attribute == "host":
        raise ServerNotReady(server=server.id)
    raise WrongState(action=called or action, server=server.id, attribute=refused.attribute, state=refused.state)


def settle(tx: Tx, server_id: str, **values: Any) -> Server | None:
    """What a flow's end leaves of a server: fields are set, unless the server is being deleted or is gone.

    Returns the server as it is afterwards, None when it is gone.
    """
    server = store.get(tx, SYSTEM, server_id, lock=True)
    if server is None:
        return None
    if server.task_state == model.DELETING:
        for name in ("task_state", "vm_state", "fault"):
            values.pop(name, None)
        if not values:
            return server
    return store.change(tx, SYSTEM, server, **values)
