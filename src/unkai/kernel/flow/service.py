"""What rooms call: start a flow in their own transaction, cancel it, read its history."""

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa

from unkai.kernel.context import Context
from unkai.kernel.flow import store
from unkai.kernel.flow.hosts import FLOW_TOPIC
from unkai.kernel.flow.model import Failure, FlowSpec, FlowView, StepView
from unkai.kernel.ids import new_uuid
from unkai.kernel.store import Tx


def start(tx: Tx, spec: FlowSpec, subject: str, input: msgspec.Struct, context: Context, reason: str = "") -> str:
    """Write the flow's row; it begins after the commit, or later if an earlier flow of the subject still runs.

    The caller has locked the subject's own row, which puts flows of one subject in order. Returns the flow's id.
    """
    flow_id = new_uuid()
    store.insert(
        tx,
        id=flow_id,
        kind=spec.name,
        subject=subject,
        project_id=context.project_id,
        user_id=context.user_id or None,
        request_id=context.request_id,
        reason=reason or spec.name,
        input=msgspec.to_builtins(input),
        deadline_seconds=spec.deadline,
    )
    tx.ring(FLOW_TOPIC)
    return flow_id


def cancel(tx: Tx, subject: str, reason: str, kinds: Iterable[FlowSpec] = ()) -> int:
    """Ask the subject's running flows (of these kinds, or all) to undo themselves. Returns how many were asked."""
    names = [spec.name for spec in kinds]
    condition = store.flows.c.subject == subject
    if names:
        condition = sa.and_(condition, store.flows.c.kind.in_(names))
    asked = store.request_cancel(tx, condition, reason)
    if asked:
        tx.ring(FLOW_TOPIC)
    return asked


def active(tx: Tx, subjects: Iterable[str]) -> dict[str, list[FlowView]]:
    """Unfinished flows by subject, oldest first."""
    found: dict[str, list[FlowView]] = {}
    rows = tx.all(
        sa.select(store.flows)
        .where(store.flows.c.subject.in_(list(subjects)), store.flows.c.state.in_(store.ACTIVE))
        .order_by(store.flows.c.seq)
    )
    for row in rows:
        found.setdefault(row["subject"], []).append(view(row))
    return found


def history(tx: Tx, subjects: Iterable[str]) -> tuple[list[FlowView], dict[str, list[StepView]]]:
    """All flows of the subjects, newest first, and each flow's journal, oldest line first. Two statements."""
    rows, lines = store.history(tx, subjects)
    steps: dict[str, list[StepView]] = {}
    for line in lines:
        steps.setdefault(line["flow_id"], []).append(
            StepView(
                flow_id=line["flow_id"],
                step=line["step"],
                direction=line["direction"],
                attempt=line["attempt"],
                state=line["state"],
                host=line["host"],
                started_at=line["started_at"],
                finished_at=line["finished_at"],
                message=line["message"],
                details=line["details"],
            )
        )
    return [view(row) for row in rows], steps


def unfinished(tx: Tx, limit: int = 1000) -> list[FlowView]:
    """Every flow that has not ended, oldest first (status, drift)."""
    rows = tx.all(
        sa.select(store.flows).where(store.flows.c.state.in_(store.ACTIVE)).order_by(store.flows.c.seq).limit(limit)
    )
    return [view(row) for row in rows]


def view(row: sa.RowMapping) -> FlowView:
    failure = row["failure"]
    return FlowView(
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        project_id=row["project_id"],
        user_id=row["user_id"],
        request_id=row["request_id"],
        reason=row["reason"],
        state=row["state"],
        step=str(row["cursor"]),
        attempt=row["attempt"],
        waiting=row["waiting"],
        host=failure.get("host") if failure else None,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        failure=None if failure is None else msgspec.convert(failure, Failure),
    )


def count_unfinished(tx: Tx) -> int:
    return int(
        tx.scalar(sa.select(sa.func.count()).select_from(store.flows).where(store.flows.c.state.in_(store.ACTIVE)))
    )
