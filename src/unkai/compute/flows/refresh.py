"""compute.refresh: the host serves the newest rendering of what a guest may read about itself."""

from unkai.compute import guest
from unkai.compute.flows.common import REFRESH_TIMEOUT
from unkai.compute.flows.specs import REFRESH
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import servers as store
from unkai.contracts.steps import RefreshData
from unkai.kernel.flow.model import FlowKind, HostOrder, HostStep, Run
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx


def kind(kit: Kit) -> FlowKind:
    def order(tx: Tx, run: Run) -> HostOrder | None:
        server = store.get(tx, SYSTEM, run.subject)
        if server is None or server.host is None:
            return None
        around = guest.surroundings(tx, kit, [server])[server.id]
        return HostOrder(server.host, RefreshData(guest.guest_data(kit, server, around)), REFRESH_TIMEOUT)

    # A host that cannot be told now asks for everything that is wanted on it when it is back.
    return FlowKind(spec=REFRESH, steps=(HostStep("refresh", order),))
