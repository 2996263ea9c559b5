"""compute.create: a row in BUILD becomes a guest that runs, or an ERROR that says why and leaves nothing behind.

place (a host, its resources claimed) - placed (turns a refusal, explained and committed, into the flow's failure) -
network (ports, bound to the host) - spawn (the host) - plugged (the network carries the ports) - activate.
"""

from typing import Any

from unkai.compute import model
from unkai.compute.flows.common import DESTROY_TIMEOUT, SPAWN_TIMEOUT, cancelled, fault, owner, rendered, server_of
from unkai.compute.flows.placing import request_for
from unkai.compute.flows.specs import CREATE, CreateInput
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.service.servers import settle
from unkai.compute.settings import BuildOptions, ComputeOptions
from unkai.compute.store import servers as store
from unkai.contracts.steps import CreateGuest, DestroyGuest
from unkai.kernel.clock import utcnow
from unkai.kernel.errors import ApiError
from unkai.kernel.flow.model import (
    Again,
    Data,
    EffectStep,
    Failure,
    FlowKind,
    HostOrder,
    HostStep,
    Run,
    StepFailed,
    TxStep,
)
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network import service as network
from unkai.nodes import service as nodes
from unkai.placement import service as placement
from unkai.scheduler import service as scheduler
from unkai.scheduler.service import Placed

# Seconds after which a wait looks up.
_PATIENCE = 2.0


def kind(kit: Kit) -> FlowKind:
    steps = _Steps(kit)
    return FlowKind(
        spec=CREATE,
        steps=(
            TxStep("place", steps.place, steps.unplace),
            TxStep("placed", steps.placed),
            TxStep("network", steps.connect, steps.disconnect),
            HostStep("spawn", steps.spawn, commit=steps.spawned, undo_order=steps.destroy),
            EffectStep("plugged", steps.plugged),
            TxStep("activate", steps.activate),
        ),
        on_failed=steps.failed,
        retry_from=steps.retry_from,
    )


class _Steps:
    """The steps with what they share: the kit and the options."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self.options = kit.settings[ComputeOptions]
        self._attempts = kit.settings[BuildOptions].max_attempts

    def place(self, tx: Tx, run: Run) -> Data:
        server = server_of(tx, run)
        tried = run.data.get("tried", [])
        answer = scheduler.place(tx, self._kit, request_for(tx, self._kit, server, tried, run.request_id))
        if not isinstance(answer, Placed):
            return {"refused": answer.message}
        host = nodes.host_by_name(tx, self._kit, answer.host)
        where = {"host": host.host, "node": host.hypervisor_hostname, "host_id": host.host_id, "zone": host.zone}
        _tell(tx, run, model.NETWORKING, **where)
        return {"host": host.host, "chassis": host.chassis or "", "tried": [*tried, host.host], "refused": None}

    def unplace(self, tx: Tx, run: Run) -> None:
        placement.release(tx, run.subject)
        _tell(tx, run, model.SCHEDULING, host=None, node=None, host_id=None, zone=None)

    def placed(self, tx: Tx, run: Run) -> None:
        if run.data.get("refused"):
            raise StepFailed("no_valid_host", _no_host(run))

    def connect(self, tx: Tx, run: Run) -> Data:
        server = server_of(tx, run)
        wanted: CreateInput = run.input
        zone = server.zone or ""
        try:
            made = network.create_ports(
                tx, self._kit, owner(run), server.id, wanted.nics, zone, wanted.security_groups
            )
        except ApiError as error:
            raise StepFailed("network", error.message) from error
        ports = network.bind_ports(tx, self._kit, server.id, run.data["host"], run.data["chassis"])
        tags = {port.id: nic.tag for port, nic in zip(made, wanted.nics, strict=True) if nic.tag}
        _tell(tx, run, model.SPAWNING, nic_tags=tags)
        return {"ports": ports}

    def disconnect(self, tx: Tx, run: Run) -> None:
        network.release_ports(tx, self._kit, run.subject)

    def spawn(self, tx: Tx, run: Run) -> HostOrder:
        guest, data = rendered(tx, self._kit, server_of(tx, run), first_boot=True)
        return HostOrder(run.data["host"], CreateGuest(guest=guest, data=data), SPAWN_TIMEOUT)

    def destroy(self, tx: Tx, run: Run) -> HostOrder | None:
        host = run.data.get("host")
        return None if host is None else HostOrder(host, DestroyGuest(run.subject), DESTROY_TIMEOUT)

    def spawned(self, tx: Tx, run: Run, result: Data) -> Data:
        return {"spawned_at": utcnow().timestamp()}

    async def plugged(self, run: Run) -> Data:
        """OVN says of each port that it is plugged: the guest can be reached from now on.

        The wait is cut into short ones, between which a request to delete the server is heeded.
        """
        ports = run.data.get("ports") or []
        left = run.data["spawned_at"] + self.options.vif_plugging_timeout - utcnow().timestamp()
        if not ports or self.options.vif_plugging_timeout <= 0:
            return {}
        missing = await network.wait_ports_active(self._kit, ports, min(max(left, 0.0), _PATIENCE))
        if missing and left > _PATIENCE:
            raise Again(0.0, "ports are not plugged yet")
        if missing and self.options.vif_plugging_is_fatal:
            raise StepFailed(
                "vif_plugging",
                "Virtual Interface creation failed",
                details=f"not active in time: {', '.join(sorted(missing))}",
                elsewhere=True,
            )
        return {}

    def activate(self, tx: Tx, run: Run) -> None:
        settle(
            tx,
            run.subject,
            vm_state=model.ACTIVE,
            task_state=None,
            power_state=model.RUNNING,
            launched_at=utcnow(),
            fault=None,
            admin_password=None,
        )

    def failed(self, tx: Tx, run: Run) -> None:
        if not cancelled(run.failure):
            settle(
                tx,
                run.subject,
                vm_state=model.ERROR,
                task_state=None,
                power_state=model.NOSTATE,
                fault=fault(run.failure),
                admin_password=None,
            )

    def retry_from(self, run: Run, failure: Failure) -> str | None:
        return "place" if failure.elsewhere and run.attempt < self._attempts else None


def _no_host(run: Run) -> str:
    """Why there is no host; after failures on other hosts, that of the last one too."""
    if run.attempt == 1 or run.failure is None:
        return str(run.data["refused"])
    return f"Exceeded maximum number of retries. {run.failure.message} {run.data['refused']}"


def _tell(tx: Tx, run: Run, task_state: str, **values: Any) -> None:
    """What is being done now; a server that is being deleted says so and nothing else."""
    server = store.get(tx, SYSTEM, run.subject, lock=True)
    if server is not None:
        state = model.DELETING if server.task_state == model.DELETING else task_state
        store.change(tx, SYSTEM, server, task_state=state, **values)
