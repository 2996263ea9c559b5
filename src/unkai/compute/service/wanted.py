"""Which guests belong on a host: its agent compares them with what it finds when it starts."""

from unkai.compute import guest, model
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import servers as store
from unkai.contracts.steps import Wanted
from unkai.kernel.flow import service as flows
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx


def wanted_on(tx: Tx, kit: Kit, host: str) -> list[Wanted]:
    """All servers of the host that are not deleted. A constant number of statements.

    A build that failed left nothing behind, so an ERROR that never ran is not wanted anywhere.
    """
    servers = [
        server
        for server in store.on_host(tx, SYSTEM, host)
        if server.vm_state != model.ERROR or server.launched_at is not None
    ]
    busy = set(flows.active(tx, [server.id for server in servers]))
    return guest.wanted_on(tx, kit, servers, busy)
