"""What a room declares a flow with, and what its steps are given."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec

from unkai.kernel.store import Tx

State = Literal["running", "undoing", "done", "failed"]
Direction = Literal["do", "undo"]
Data = Mapping[str, Any]


class StepFailed(Exception):
    """A step that cannot be done. `code` is stable, `message` is shown to the user, `details` to administrators.

    `elsewhere` tells a flow's `retry_from` that the same step may succeed on another host.
    """

    def __init__(self, code: str, message: str, *, details: str = "", elsewhere: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.elsewhere = elsewhere


class Again(Exception):
    """Not now: run the step again after `seconds` (the flow's deadline still holds)."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Failure(msgspec.Struct, frozen=True):
    """Why a flow failed, as kept in its row."""

    code: str
    message: str
    details: str = ""
    step: str = ""
    host: str | None = None
    elsewhere: bool = False


class Run(msgspec.Struct, frozen=True):
    """A flow as its steps see it.

    `input` never changes; `data` holds what earlier steps returned. `attempt` counts from 1 and grows with each
    `retry_from`. `reason` is the trail of who asked for this and through what. `failure` is set while undoing.
    """

    id: str
    kind: str
    subject: str
    project_id: str | None
    user_id: str | None
    request_id: str
    reason: str
    input: Any
    data: dict[str, Any]
    attempt: int
    failure: Failure | None = None


class TxStep(msgspec.Struct, frozen=True):
    """A step that only touches the database: it commits together with its journal row.

    `do` may return values to merge into the run's data.
    """

    name: str
    do: Callable[[Tx, Run], Data | None]
    undo: Callable[[Tx, Run], None] | None = None


class EffectStep(msgspec.Struct, frozen=True):
    """A step that changes something outside the database (OVN, a store) from the control plane.

    `effect` is idempotent and runs without a transaction; `commit` then writes its result together with the
    journal row. Undoing runs `undo_effect`, then `undo`. Both must accept that the effect happened only in part.
    """

    name: str
    effect: Callable[[Run], Awaitable[Data | None]]
    commit: Callable[[Tx, Run, Data], Data | None] | None = None
    undo_effect: Callable[[Run], Awaitable[None]] | None = None
    undo: Callable[[Tx, Run], None] | None = None
    timeout: float = 60.0


class HostOrder(msgspec.Struct, frozen=True):
    """An order for a host: who, what (a struct of `contracts.steps`), and how long it may take in all.

    `when_dead` says what becomes of it while the host is down: "fail" it (undo, or try elsewhere), or "wait" for
    the host within the time-out.
    """

    host: str
    order: msgspec.Struct
    timeout: float
    when_dead: Literal["fail", "wait"] = "fail"


class HostStep(msgspec.Struct, frozen=True):
    """A step that a host does. `order` decides in a transaction what to ask (None: nothing to do here).

    `commit` takes the host's result. Undoing issues `undo_order` first, then runs `undo`. An undo order for a dead
    host is given up: when it returns, the host removes whatever is no longer wanted on it.
    """

    name: str
    order: Callable[[Tx, Run], HostOrder | None]
    commit: Callable[[Tx, Run, Data], Data | None] | None = None
    undo_order: Callable[[Tx, Run], HostOrder | None] | None = None
    undo: Callable[[Tx, Run], None] | None = None


Step = TxStep | EffectStep | HostStep


class FlowSpec(msgspec.Struct, frozen=True):
    """What it takes to start a flow, without knowing its steps.

    `name` is "<room>.<verb>", `input` the struct its input decodes to, `deadline` the seconds after which a flow that
    still runs is undone.
    """

    name: str
    input: type[msgspec.Struct]
    deadline: float


class FlowKind(msgspec.Struct, frozen=True):
    """A durable operation.

    `on_done` and `on_failed` commit together with the flow's end; `on_failed` gets the run with
    `failure` set, after all undos. `retry_from` may name an earlier step to go back to (its undos and those of the
    steps after it run first), or None to give up.
    """

    spec: FlowSpec
    steps: tuple[Step, ...]
    on_done: Callable[[Tx, Run], None] | None = None
    on_failed: Callable[[Tx, Run], None] | None = None
    retry_from: Callable[[Run, Failure], str | None] | None = None

    def index(self, step: str) -> int:
        for position, candidate in enumerate(self.steps):
            if candidate.name == step:
                return position
        raise KeyError(f"flow {self.spec.name} has no step {step}")


class FlowView(msgspec.Struct, frozen=True):
    """A flow as lists and explanations show it."""

    id: str
    kind: str
    subject: str
    project_id: str | None
    user_id: str | None
    request_id: str
    reason: str
    state: State
    step: str
    attempt: int
    waiting: bool
    host: str | None
    created_at: Any
    updated_at: Any
    failure: Failure | None


class StepView(msgspec.Struct, frozen=True):
    """One line of a flow's journal."""

    flow_id: str
    step: str
    direction: Direction
    attempt: int
    state: Literal["started", "done", "failed"]
    host: str | None
    started_at: Any
    finished_at: Any
    message: str
    details: str
