"""Compares OVN with the rows: one function per kind of difference, and one way to mend them all.

Mending only notes the object as pending: the writer renders it from its row of that moment, so that a change which
came in between is never undone.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from unkai.kernel import log
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network import metrics
from unkai.network.ovn import desired
from unkai.network.ovn.model import North
from unkai.network.ovn.north import NorthWriter
from unkai.network.store import pending

_log = log.get(__name__)


class Drift(msgspec.Struct, frozen=True, order=True):
    """missing: a row without its object; stale: an object that is not as its row says; orphan: one without a row."""

    what: Literal["missing", "stale", "orphan"]
    kind: str
    id: str


def missing(wanted: North, actual: North) -> list[Drift]:
    return [Drift("missing", *key) for key in wanted if key not in actual]


def stale(wanted: North, actual: North) -> list[Drift]:
    return [Drift("stale", *key) for key, one in wanted.items() if key in actual and actual[key] != one]


def orphans(wanted: North, actual: North) -> list[Drift]:
    return [Drift("orphan", *key) for key in actual if key not in wanted]


async def check(kit: Kit, north: NorthWriter) -> list[Drift]:
    """All differences, without those that are about to be written. Raises NorthUnavailable."""
    actual = await north.read()
    wanted, known = await kit.db.read(_wanted, kit)
    found = [*missing(wanted, actual), *stale(wanted, actual), *orphans(wanted, actual)]
    return sorted(drift for drift in found if (drift.kind, drift.id) not in known)


async def fix(kit: Kit, drifts: Sequence[Drift]) -> None:
    """Have the writer render every object that differs."""
    if not drifts:
        return
    for drift in drifts:
        metrics.DRIFT.labels(drift.what).inc()
    _log.warning(
        "OVN differed from the rows",
        differences=len(drifts),
        first=[f"{drift.what} {drift.kind} {drift.id}" for drift in drifts[:5]],
    )
    await kit.db.run(_note, drifts)


def _wanted(tx: Tx, kit: Kit) -> tuple[North, set[tuple[str, str]]]:
    noted = {(item.kind, item.object_id) for item in pending.everything(tx)}
    return desired.whole(tx, kit), noted


def _note(tx: Tx, drifts: Sequence[Drift]) -> None:
    for kind in {drift.kind for drift in drifts}:
        pending.note(tx, kind, [drift.id for drift in drifts if drift.kind == kind])


__all__ = ["Drift", "check", "fix", "missing", "orphans", "stale"]
