"""compute.delete: the guest goes from its host, then ports, resources and the row go together.

A host that is down does not hold a server back: it removes what no longer belongs on it when it returns.
"""

from unkai.compute import model
from unkai.compute.flows.common import DESTROY_TIMEOUT, fault
from unkai.compute.flows.specs import DELETE
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import servers as store
from unkai.contracts.steps import DestroyGuest
from unkai.kernel.clock import utcnow
from unkai.kernel.flow.model import Failure, FlowKind, HostOrder, HostStep, Run, TxStep
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network import service as network
from unkai.nodes import service as nodes
from unkai.placement import service as placement

_ATTEMPTS = 3


def kind(kit: Kit) -> FlowKind:
    def destroy(tx: Tx, run: Run) -> HostOrder | None:
        server = store.get(tx, SYSTEM, run.subject)
        if server is None or server.host is None:
            return None
        alive = any(host.up for host in nodes.hosts(tx, kit, [server.host]))
        return HostOrder(server.host, DestroyGuest(server.id), DESTROY_TIMEOUT) if alive else None

    def release(tx: Tx, run: Run) -> None:
        network.release_ports(tx, kit, run.subject)
        placement.release(tx, run.subject)
        server = store.get(tx, SYSTEM, run.subject, lock=True)
        if server is not None:
            store.bury(tx, SYSTEM, server, utcnow())

    def failed(tx: Tx, run: Run) -> None:
        """The host refused again and again: an administrator has to look, and the server can be deleted anew."""
        server = store.get(tx, SYSTEM, run.subject, lock=True)
        if server is not None:
            store.change(tx, SYSTEM, server, vm_state=model.ERROR, task_state=None, fault=fault(run.failure))

    def retry_from(run: Run, failure: Failure) -> str | None:
        return "destroy" if run.attempt < _ATTEMPTS else None

    return FlowKind(
        spec=DELETE,
        steps=(HostStep("destroy", destroy), TxStep("release", release)),
        on_failed=failed,
        retry_from=retry_from,
    )
