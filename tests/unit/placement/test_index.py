"""The index: follows the log, reads everything when it has to, keeps nothing that was not committed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from unit.placement.support import Inventory, add, assert_index_is_ledger, changes, open_ledger, tables, uid
from unkai.kernel.store import Database, Tx
from unkai.placement import service as placement
from unkai.placement.index import Index, RowSet


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = open_ledger(tmp_path)
    made.run_now(lambda tx: [add(tx, f"h{number}", {"VCPU": 8, "MEMORY_MB": 1024}) for number in range(3)])
    yield made
    made.close()


def test_only_what_changed_is_read(db: Database) -> None:
    index = Index()
    assert db.read_now(index.refresh) == 3
    assert db.read_now(index.refresh) == 0
    db.run_now(placement.claim, uid("c"), {uid("h1"): {"VCPU": 2}}, "p", "u")
    assert db.read_now(index.refresh) == 1
    assert index.columns["VCPU"].used[index.row_by_uuid[uid("h1")]] == 2
    before = db.statements
    db.read_now(index.refresh)
    assert db.statements - before <= 2  # BEGIN, and where the log ends


def test_rows_are_used_again(db: Database) -> None:
    index = Index()
    db.read_now(index.refresh)
    layout = index.layout
    db.run_now(placement.remove_provider, uid("h1"))
    db.run_now(lambda tx: add(tx, "other", {"VGPU": 4}, traits=["CUSTOM_T"], parent="h0"))
    db.read_now(assert_index_is_ledger, index)
    assert index.count == 3
    assert index.layout != layout


def test_a_transaction_that_wrote_does_not_refresh(db: Database) -> None:
    index = Index()
    db.read_now(index.refresh)

    def write(tx: Tx) -> None:
        placement.claim(tx, uid("c"), {uid("h1"): {"VCPU": 2}}, "p", "u")
        assert index.refresh(tx) == 0
        assert index.columns["VCPU"].used.sum() == 0

    db.run_now(write)
    assert db.read_now(index.refresh) == 1


def test_a_log_that_was_pruned_is_no_gap(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index()
    db.read_now(index.refresh)
    db.run_now(placement.claim, uid("c"), {uid("h1"): {"VCPU": 2}}, "p", "u")
    db.run_now(lambda tx: tx.execute(sa.update(tables.changes).values(at=0)))
    assert db.run_now(changes.prune) > 0
    # Nothing of the log is left, and the reader slept longer than lines are kept.
    monkeypatch.setattr(changes, "KEEP_SECONDS", -1)
    db.read_now(assert_index_is_ledger, index)


def test_matching(db: Database) -> None:
    def fill(tx: Tx) -> None:
        add(
            tx, "x", {"VCPU": Inventory(8, min_unit=2, step_size=2, max_unit=6)}, traits=["CUSTOM_A"], aggregates=["z"]
        )
        add(tx, "y", {"VCPU": 1}, traits=["CUSTOM_A", "CUSTOM_B"])

    db.run_now(fill)
    index = Index()
    db.read_now(index.refresh)

    def names(**asked: object) -> set[str]:
        return {index.names[row] for row in np.flatnonzero(index.matching(**asked))}  # type: ignore[arg-type]

    assert names(resources={"VCPU": 1}) == {"h0", "h1", "h2", "y"}
    assert names(resources={"VCPU": 4}) == {"h0", "h1", "h2", "x"}
    assert names(resources={"VCPU": 8}) == {"h0", "h1", "h2"}
    assert names(resources={"VCPU": 1, "VGPU": 1}) == set()
    assert names(resources={}, required=[["CUSTOM_A"]]) == {"x", "y"}
    assert names(resources={}, required=[["CUSTOM_A"]], forbidden=["CUSTOM_B"]) == {"x"}
    assert names(resources={}, member_of=[[uid("z")]]) == {"x"}
    assert names(resources={}, not_member_of=[uid("z")]) == {"h0", "h1", "h2", "y"}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=300))
def test_a_set_of_rows_is_a_set(work: list[tuple[bool, int]]) -> None:
    rows, model = RowSet(), set[int]()
    for add_it, row in work:
        if add_it:
            rows.add(row)
            model.add(row)
        else:
            rows.discard(row)
            model.discard(row)
    assert set(rows) == model
    assert set(np.flatnonzero(rows.mask(500)).tolist()) == model
    assert all((row in rows) == (row in model) for row in range(401))
