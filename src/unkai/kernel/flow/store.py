"""The rows of flows, their journal and their host steps; every statement the engine sends.

Fencing: `hold` is the first statement of every transaction that an owner writes.
It touches the flow's row only if owner, generation and an unexpired lease match,
so whatever follows commits under a valid lease or not at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.kernel.clock import utcnow
from unkai.kernel.columns import Json, Time, db_now, seconds_from_now
from unkai.kernel.columns import Sequence as RowNumber
from unkai.kernel.store import Tx, tables

flows = sa.Table(
    "flows",
    tables,
    sa.Column("seq", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("project_id", sa.String(64)),
    sa.Column("user_id", sa.String(64)),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("input", Json, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("cursor", sa.Integer, nullable=False, default=0),
    sa.Column("floor", sa.Integer, nullable=False, default=-1),
    sa.Column("attempt", sa.Integer, nullable=False, default=1),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("waiting", sa.Boolean, nullable=False, default=False),
    sa.Column("cancel", sa.Text),
    sa.Column("failure", Json),
    sa.Column("owner", sa.String(64)),
    sa.Column("generation", sa.BigInteger, nullable=False, default=0),
    sa.Column("lease_until", sa.BigInteger, nullable=False, default=0),
    sa.Column("wake_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("deadline", sa.BigInteger, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Column("finished_at", Time),
    sa.Index("ix_flows_work", "state", "waiting", "wake_at"),
    sa.Index("ix_flows_subject", "subject", "seq"),
    sa.Index("ix_flows_owner", "owner"),
)

journal = sa.Table(
    "flow_journal",
    tables,
    sa.Column("seq", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("flow_id", sa.String(36), nullable=False, index=True),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("direction", sa.String(4), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("host", sa.String(255)),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("finished_at", Time),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("details", sa.Text, nullable=False, default=""),
)

host_steps = sa.Table(
    "flow_host_steps",
    tables,
    sa.Column("seq", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("flow_id", sa.String(36), nullable=False, index=True),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("direction", sa.String(4), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("subject", sa.String(255), nullable=False, index=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("order", Json, nullable=False),
    sa.Column("when_dead", sa.String(8), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("session", sa.String(64)),
    sa.Column("generation", sa.BigInteger, nullable=False, default=0),
    sa.Column("lease_until", sa.BigInteger, nullable=False, default=0),
    sa.Column("deadline", sa.BigInteger, nullable=False),
    sa.Column("cancel", sa.Boolean, nullable=False, default=False),
    sa.Column("progress", Json),
    sa.Column("result", Json),
    sa.Column("failure", Json),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.UniqueConstraint("flow_id", "step", "direction", "attempt"),
    sa.Index("ix_flow_host_steps_host", "host", "state"),
)

ACTIVE = ("running", "undoing")


class LeaseLost(Exception):
    """Another process owns the flow now (or our lease ran out): stop at once, write nothing."""


def insert(tx: Tx, *, deadline_seconds: float, **values: Any) -> None:
    now = utcnow()
    tx.execute(
        sa.insert(flows).values(
            data={},
            state="running",
            deadline=seconds_from_now(deadline_seconds),
            created_at=now,
            updated_at=now,
            **values,
        )
    )


# A flow's row with the verdict of the database's clock on its deadline.
_with_verdict = sa.select(flows, (flows.c.deadline <= db_now()).label("late"))


def get(tx: Tx, flow_id: str) -> sa.RowMapping | None:
    return tx.first(_with_verdict.where(flows.c.id == flow_id))


def _next_of_its_subject() -> sa.ColumnElement[bool]:
    """Unfinished, not waiting for a host, and no earlier flow of the same subject is unfinished."""
    earlier = flows.alias("earlier")
    return sa.and_(
        flows.c.state.in_(ACTIVE),
        flows.c.waiting.is_(False),
        ~sa.exists().where(
            earlier.c.subject == flows.c.subject, earlier.c.seq < flows.c.seq, earlier.c.state.in_(ACTIVE)
        ),
    )


def claim(tx: Tx, owner: str, lease: float, limit: int) -> Sequence[sa.RowMapping]:
    """Take up to `limit` flows that nobody works on: the oldest unfinished one of each subject, and due."""
    ready = (
        sa.select(flows.c.id)
        .where(_next_of_its_subject(), flows.c.wake_at <= db_now(), flows.c.lease_until <= db_now())
        .order_by(flows.c.seq)
        .limit(limit)
    )
    if tx.dialect == "postgresql":
        ready = ready.with_for_update(skip_locked=True)
    ids = tx.scalars(ready)
    if not ids:
        return []
    tx.execute(
        sa.update(flows)
        .where(flows.c.id.in_(ids))
        .values(owner=owner, generation=flows.c.generation + 1, lease_until=seconds_from_now(lease))
    )
    return tx.all(_with_verdict.where(flows.c.id.in_(ids)).order_by(flows.c.seq))


def seconds_to_next(tx: Tx) -> float | None:
    """How long until some flow becomes due or claimable again; None when nothing is scheduled."""
    due = sa.case((flows.c.wake_at > flows.c.lease_until, flows.c.wake_at), else_=flows.c.lease_until)
    micros = tx.scalar(sa.select(sa.func.min(due) - db_now()).where(_next_of_its_subject()))
    return None if micros is None else max(0.0, micros / 1_000_000)


def renew(tx: Tx, owner: str, lease: float) -> set[str]:
    """Extend every lease of this owner that has not run out; returns the flows still held."""
    held = sa.and_(
        flows.c.owner == owner,
        flows.c.lease_until > db_now(),
        flows.c.state.in_(ACTIVE),
        flows.c.waiting.is_(False),
    )
    ids = set(tx.scalars(sa.select(flows.c.id).where(held)))
    if ids:
        tx.execute(sa.update(flows).where(held).values(lease_until=seconds_from_now(lease)))
    return ids


def hold(tx: Tx, flow_id: str, owner: str, generation: int, changes: Mapping[str, Any]) -> None:
    """Write to the flow's row under the lease. Raises LeaseLost when it is not ours any more."""
    touched = tx.count(
        sa.update(flows)
        .where(
            flows.c.id == flow_id,
            flows.c.owner == owner,
            flows.c.generation == generation,
            flows.c.lease_until > db_now(),
        )
        .values({"updated_at": utcnow(), **changes})
    )
    if touched != 1:
        raise LeaseLost(flow_id)


def journal_start(tx: Tx, flow: sa.RowMapping, step: str, direction: str, host: str | None = None) -> None:
    """Open the journal line of a step unless an earlier owner already did (a take-over goes on with it)."""
    open_line = tx.scalar(
        sa.select(journal.c.seq).where(
            journal.c.flow_id == flow["id"],
            journal.c.step == step,
            journal.c.direction == direction,
            journal.c.attempt == flow["attempt"],
            journal.c.state == "started",
        )
    )
    if open_line is None:
        tx.execute(
            sa.insert(journal).values(
                flow_id=flow["id"],
                subject=flow["subject"],
                step=step,
                direction=direction,
                attempt=flow["attempt"],
                state="started",
                host=host,
                started_at=utcnow(),
            )
        )
    elif host is not None:
        tx.execute(sa.update(journal).where(journal.c.seq == open_line).values(host=host))


def journal_end(
    tx: Tx, flow: sa.RowMapping, step: str, direction: str, state: str, message: str = "", details: str = ""
) -> None:
    """Close the journal line of a step, opening one when the step began and ended in one transaction."""
    now = utcnow()
    touched = tx.count(
        sa.update(journal)
        .where(
            journal.c.flow_id == flow["id"],
            journal.c.step == step,
            journal.c.direction == direction,
            journal.c.attempt == flow["attempt"],
            journal.c.state == "started",
        )
        .values(state=state, finished_at=now, message=message, details=details)
    )
    if touched == 0:
        tx.execute(
            sa.insert(journal).values(
                flow_id=flow["id"],
                subject=flow["subject"],
                step=step,
                direction=direction,
                attempt=flow["attempt"],
                state=state,
                started_at=now,
                finished_at=now,
                message=message,
                details=details,
            )
        )


def request_cancel(tx: Tx, condition: sa.ColumnElement[bool], reason: str) -> int:
    """Ask running flows to undo themselves; those waiting for a host are looked at by the engine's sweep."""
    return tx.count(
        sa.update(flows)
        .where(condition, flows.c.state == "running", flows.c.cancel.is_(None))
        .values(cancel=reason, updated_at=utcnow())
    )


def host_step_of(tx: Tx, flow: sa.RowMapping, step: str, direction: str) -> sa.RowMapping | None:
    return tx.first(
        sa.select(host_steps).where(
            host_steps.c.flow_id == flow["id"],
            host_steps.c.step == step,
            host_steps.c.direction == direction,
            host_steps.c.attempt == flow["attempt"],
        )
    )


def history(tx: Tx, subjects: Iterable[str]) -> tuple[Sequence[sa.RowMapping], Sequence[sa.RowMapping]]:
    """All flows of some subjects, newest first, and their journals, oldest first."""
    wanted = list(subjects)
    found = tx.all(sa.select(flows).where(flows.c.subject.in_(wanted)).order_by(flows.c.seq.desc()))
    lines = tx.all(sa.select(journal).where(journal.c.subject.in_(wanted)).order_by(journal.c.seq))
    return found, lines
