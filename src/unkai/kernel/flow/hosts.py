"""The host's side of host steps: lease, renew, report, and what becomes of the steps of a dead host.

The room that hosts call (nodes) uses these verbs; it has already checked who the
host is. A host that was frozen and woken presents an old generation and is
refused with `StaleStep`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.kernel.clock import utcnow
from unkai.kernel.columns import db_now, seconds_from_now
from unkai.kernel.flow.model import Failure
from unkai.kernel.flow.store import flows, host_steps
from unkai.kernel.store import Tx

WORK_TOPIC = "host:{host}"
FLOW_TOPIC = "flow"


class StaleStep(Exception):
    """The step is not this host's any more at this generation: drop it and everything about it."""


class LeasedStep(msgspec.Struct, frozen=True):
    step_id: str
    subject: str
    generation: int
    order: dict[str, Any]


def lease(
    tx: Tx, host: str, session: str, running: Mapping[str, int], capacity: int, lease_seconds: float
) -> tuple[list[LeasedStep], list[str], list[str]]:
    """Give out up to `capacity` steps and renew those the host still runs.

    Returns (new steps, running ones it lost, running ones it shall abort). A step leased to an earlier session of
    the same host is given out anew with a higher generation: that session is dead, since a host has one agent.
    """
    _expire(tx, host, session)
    rows = tx.all(
        sa.select(host_steps)
        .where(host_steps.c.host == host, host_steps.c.state == "leased")
        .order_by(host_steps.c.seq)
    )
    held = {row["id"]: row for row in rows}
    lost = [step for step, generation in running.items() if step not in held or held[step]["generation"] != generation]
    kept = [step for step in running if step not in lost]
    if kept:
        tx.execute(
            sa.update(host_steps)
            .where(host_steps.c.id.in_(kept))
            .values(lease_until=seconds_from_now(lease_seconds), updated_at=utcnow())
        )
    abort = [step for step in kept if held[step]["cancel"]]
    return _give_out(tx, host, session, set(held), capacity, lease_seconds), lost, abort


def _expire(tx: Tx, host: str, session: str) -> None:
    tx.execute(
        sa.update(host_steps)
        .where(
            host_steps.c.host == host,
            host_steps.c.state == "leased",
            sa.or_(host_steps.c.session != session, host_steps.c.lease_until <= db_now()),
        )
        .values(state="queued", updated_at=utcnow())
    )


def _give_out(
    tx: Tx, host: str, session: str, held: set[str], capacity: int, lease_seconds: float
) -> list[LeasedStep]:
    if capacity <= 0:
        return []
    queued = (
        sa.select(host_steps)
        .where(host_steps.c.host == host, host_steps.c.state == "queued", host_steps.c.id.not_in(held))
        .order_by(host_steps.c.seq)
        .limit(capacity)
    )
    if tx.dialect == "postgresql":
        queued = queued.with_for_update(skip_locked=True)
    given: list[LeasedStep] = []
    for row in tx.all(queued):
        if row["cancel"]:
            finish(tx, row, "cancelled", failure=Failure(code="cancelled", message="Cancelled before it began."))
            continue
        # One sequence per subject, over all its steps: a host refuses any order older than the newest it has seen.
        generation = 1 + tx.scalar(
            sa.select(sa.func.max(host_steps.c.generation)).where(host_steps.c.subject == row["subject"])
        )
        tx.execute(
            sa.update(host_steps)
            .where(host_steps.c.id == row["id"])
            .values(
                state="leased",
                session=session,
                generation=generation,
                lease_until=seconds_from_now(lease_seconds),
                updated_at=utcnow(),
            )
        )
        given.append(LeasedStep(row["id"], row["subject"], generation, row["order"]))
    return given


def _mine(tx: Tx, host: str, step_id: str, generation: int) -> sa.RowMapping:
    row = tx.first(
        sa.select(host_steps).where(
            host_steps.c.id == step_id,
            host_steps.c.host == host,
            host_steps.c.state == "leased",
            host_steps.c.generation == generation,
            host_steps.c.lease_until > db_now(),
        )
    )
    if row is None:
        raise StaleStep(step_id)
    return row


def progress(tx: Tx, host: str, step_id: str, generation: int, what: Mapping[str, Any], lease_seconds: float) -> bool:
    """Keep what the host says about its step and renew the lease. Returns whether it shall abort.

    Raises StaleStep.
    """
    row = _mine(tx, host, step_id, generation)
    tx.execute(
        sa.update(host_steps)
        .where(host_steps.c.id == step_id)
        .values(progress=dict(what), lease_until=seconds_from_now(lease_seconds), updated_at=utcnow())
    )
    return bool(row["cancel"])


def result(
    tx: Tx, host: str, step_id: str, generation: int, data: Mapping[str, Any] | None, failure: Failure | None
) -> None:
    """The host is done with its step. Raises StaleStep; a repeated report is accepted: its answer was lost."""
    earlier = tx.first(
        sa.select(host_steps.c.state).where(
            host_steps.c.id == step_id,
            host_steps.c.host == host,
            host_steps.c.generation == generation,
            host_steps.c.state.in_(("done", "failed")),
        )
    )
    if earlier is not None:
        return
    row = _mine(tx, host, step_id, generation)
    finish(tx, row, "failed" if failure else "done", result=data, failure=failure)


def finish(
    tx: Tx,
    row: sa.RowMapping,
    state: str,
    *,
    result: Mapping[str, Any] | None = None,
    failure: Failure | None = None,
) -> None:
    """End a host step and wake its flow. The order is forgotten: it may hold what only the host should know."""
    tx.execute(
        sa.update(host_steps)
        .where(host_steps.c.id == row["id"])
        .values(
            state=state,
            order={},
            result=dict(result or {}),
            failure=None if failure is None else msgspec.to_builtins(failure),
            updated_at=utcnow(),
        )
    )
    tx.execute(sa.update(flows).where(flows.c.id == row["flow_id"]).values(waiting=False, wake_at=0))
    tx.ring(FLOW_TOPIC)


def fail_dead(tx: Tx, hosts: Sequence[str], reason: str) -> int:
    """Fail the unfinished steps of hosts that are down, except those declared to wait. Returns how many."""
    rows = tx.all(
        sa.select(host_steps).where(
            host_steps.c.host.in_(hosts),
            host_steps.c.state.in_(("queued", "leased")),
            sa.or_(host_steps.c.when_dead == "fail", host_steps.c.direction == "undo"),
            sa.or_(host_steps.c.state == "queued", host_steps.c.lease_until <= db_now()),
        )
    )
    for row in rows:
        failure = Failure(
            code="host_down", message=f"Host {row['host']} is down: {reason}", host=row["host"], elsewhere=True
        )
        finish(tx, row, "failed", failure=failure)
    return len(rows)


def sweep(tx: Tx) -> int:
    """End host steps whose time is over, and pass on cancels of the flows waiting for them. Returns how many ended."""
    ended = 0
    late = tx.all(
        sa.select(host_steps).where(
            host_steps.c.state.in_(("queued", "leased")),
            host_steps.c.deadline <= db_now(),
        )
    )
    for row in late:
        message = f"Host {row['host']} did not finish step {row['step']} in time."
        failure = Failure(code="host_timeout", message=message, host=row["host"], elsewhere=True)
        finish(tx, row, "failed", failure=failure)
        ended += 1
    cancelled = tx.all(
        sa.select(host_steps)
        .join(flows, flows.c.id == host_steps.c.flow_id)
        .where(
            flows.c.state == "running",
            flows.c.waiting.is_(True),
            sa.or_(flows.c.cancel.is_not(None), flows.c.deadline <= db_now()),
            host_steps.c.direction == "do",
            host_steps.c.state.in_(("queued", "leased")),
            host_steps.c.cancel.is_(False),
        )
    )
    for row in cancelled:
        tx.execute(sa.update(host_steps).where(host_steps.c.id == row["id"]).values(cancel=True))
        if row["state"] == "queued":
            finish(tx, row, "cancelled", failure=Failure(code="cancelled", message="Cancelled before it began."))
            ended += 1
        tx.ring(WORK_TOPIC.format(host=row["host"]))
    return ended
