"""compute.start, compute.stop and compute.reboot."""

from collections.abc import Callable

from unkai.compute import model
from unkai.compute.flows.common import POWER_TIMEOUT, cancelled, fault, rendered, server_of
from unkai.compute.flows.specs import REBOOT, START, STOP, RebootInput, StopInput
from unkai.compute.service.servers import settle
from unkai.compute.settings import LibvirtRebootOptions
from unkai.contracts.steps import RebootGuest, StartGuest, StopGuest
from unkai.kernel.flow.model import Data, FlowKind, FlowSpec, HostOrder, HostStep, Run, StepFailed
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

Commit = Callable[[Tx, Run, Data], Data | None]


def kinds(kit: Kit) -> tuple[FlowKind, ...]:
    return _start(kit), _stop(), _reboot(kit)


def _on(server_host: str | None) -> str:
    if server_host is None:
        raise StepFailed("no_host", "The server is on no host.")
    return server_host


def _settled(vm_state: str, power: int) -> Commit:
    def commit(tx: Tx, run: Run, result: Data) -> Data:
        settle(tx, run.subject, vm_state=vm_state, task_state=None, power_state=power)
        return {}

    return commit


def _failed(tx: Tx, run: Run) -> None:
    """The server is as it was, as far as anybody knows; the fault says what was tried in vain."""
    if not cancelled(run.failure):
        settle(tx, run.subject, task_state=None, fault=fault(run.failure))


def _start(kit: Kit) -> FlowKind:
    def order(tx: Tx, run: Run) -> HostOrder:
        server = server_of(tx, run)
        guest, data = rendered(tx, kit, server)
        return HostOrder(_on(server.host), StartGuest(guest=guest, data=data), POWER_TIMEOUT)

    return _one_step(START, HostStep("start", order, commit=_settled(model.ACTIVE, model.RUNNING)))


def _stop() -> FlowKind:
    def order(tx: Tx, run: Run) -> HostOrder:
        wanted: StopInput = run.input
        return HostOrder(
            _on(server_of(tx, run).host), StopGuest(run.subject, wanted.timeout), POWER_TIMEOUT + wanted.timeout
        )

    return _one_step(STOP, HostStep("stop", order, commit=_settled(model.STOPPED, model.SHUTDOWN)))


def _reboot(kit: Kit) -> FlowKind:
    timeout = kit.settings[LibvirtRebootOptions].wait_soft_reboot_seconds

    def order(tx: Tx, run: Run) -> HostOrder:
        wanted: RebootInput = run.input
        server = server_of(tx, run)
        guest, data = rendered(tx, kit, server)
        return HostOrder(
            _on(server.host),
            RebootGuest(guest=guest, data=data, hard=wanted.hard, timeout=0 if wanted.hard else timeout),
            POWER_TIMEOUT + timeout,
        )

    def failed(tx: Tx, run: Run) -> None:
        """A hard reboot that failed leaves nobody knowing what runs: ERROR, from which a hard reboot may be tried."""
        if not cancelled(run.failure):
            state = {"vm_state": model.ERROR} if run.input.hard else {}
            settle(tx, run.subject, task_state=None, fault=fault(run.failure), **state)

    step = HostStep("reboot", order, commit=_settled(model.ACTIVE, model.RUNNING))
    return FlowKind(spec=REBOOT, steps=(step,), on_failed=failed)


def _one_step(spec: FlowSpec, step: HostStep) -> FlowKind:
    return FlowKind(spec=spec, steps=(step,), on_failed=_failed)
