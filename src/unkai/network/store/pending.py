"""What OVN has not been told yet."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from unkai.kernel.clock import utcnow
from unkai.kernel.store import Tx, upsert
from unkai.network.store import tables as t

TOPIC = "network_pending"
_p = t.pending.c


class Pending(msgspec.Struct, frozen=True):
    kind: str
    object_id: str
    token: int
    since: datetime
    attempts: int
    error: str


def note(tx: Tx, kind: str, ids: Iterable[str]) -> None:
    """The objects changed (or are gone): the writer will render them after the commit."""
    when = utcnow()
    noted = False
    for id in sorted(set(ids)):
        noted = True
        values = {"kind": kind, "object_id": id, "token": secrets.randbits(62), "since": when}
        upsert(tx, t.pending, {**values, "attempts": 0, "not_before": when, "error": ""}, ["kind", "object_id"])
    if noted:
        tx.ring(TOPIC)


def due(tx: Tx, limit: int) -> list[Pending]:
    """What may be tried now, oldest first."""
    rows = tx.all(sa.select(t.pending).where(_p.not_before <= utcnow()).order_by(_p.since).limit(limit))
    return [_build(row) for row in rows]


def everything(tx: Tx) -> list[Pending]:
    return [_build(row) for row in tx.all(sa.select(t.pending).order_by(_p.since))]


def count(tx: Tx) -> int:
    """How many changes OVN has not been told."""
    return int(tx.scalar(sa.select(sa.func.count()).select_from(t.pending)))


def next_time(tx: Tx) -> datetime | None:
    """When the next one may be tried."""
    found: datetime | None = tx.scalar(sa.select(sa.func.min(_p.not_before, type_=_p.not_before.type)))
    return found


def done(tx: Tx, items: Sequence[Pending]) -> None:
    """Forget what was rendered, unless it changed again meanwhile."""
    for item in items:
        tx.execute(
            sa.delete(t.pending).where(_p.kind == item.kind, _p.object_id == item.object_id, _p.token == item.token)
        )


def failed(tx: Tx, item: Pending, error: str, seconds: float) -> None:
    """Try again after some seconds."""
    tx.execute(
        sa.update(t.pending)
        .where(_p.kind == item.kind, _p.object_id == item.object_id, _p.token == item.token)
        .values(attempts=_p.attempts + 1, error=error[:1000], not_before=utcnow() + timedelta(seconds=seconds))
    )


def _build(row: sa.RowMapping) -> Pending:
    return Pending(row["kind"], row["object_id"], row["token"], row["since"], row["attempts"], row["error"])
