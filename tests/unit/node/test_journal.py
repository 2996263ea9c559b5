"""The journal of generations: fencing that outlives the agent, and what happens to it on a bad disk."""

import sqlite3
from pathlib import Path

import pytest

from unkai.node import journal as module
from unkai.node.journal import Journal


def test_older_is_refused_same_and_newer_pass(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert journal.newest("a") == 0
    assert journal.accept("a", 2)
    assert journal.accept("a", 2)
    assert not journal.accept("a", 1)
    assert journal.accept("b", 1)
    assert journal.accept("a", 5)
    journal.close()

    again = Journal(tmp_path / "journal")
    assert (again.newest("a"), again.newest("b")) == (5, 1)
    assert not again.accept("a", 4)
    again.close()


def test_every_acceptance_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.accept("a", 1)
    # Read through a second connection while the first is open: nothing waits for an orderly end.
    with sqlite3.connect(tmp_path / "journal") as other:
        assert other.execute("SELECT subject, generation FROM generations").fetchall() == [("a", 1)]
        assert other.execute("PRAGMA synchronous").fetchone() == (2,)
    journal.close()


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"not a database at all" * 100)
    journal = Journal(tmp_path / "journal")
    assert journal.accept("a", 1)
    journal.close()
    assert (tmp_path / "journal.damaged").exists()


def test_an_unwritable_disk_still_fences_in_memory(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert journal._store is not None
    journal._store.execute("PRAGMA query_only = ON")
    assert journal.accept("a", 3)
    assert not journal.accept("a", 2)
    journal.close()


def test_old_entries_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    journal = Journal(tmp_path / "journal")
    for number in range(10):
        journal.accept(f"s{number}", 1)
    journal.accept("s7", 2)
    journal.close()
    again = Journal(tmp_path / "journal")
    assert again.newest("s7") == 2
    assert again.newest("s9") == 1
    assert again.newest("s0") == 0
    again.close()


def test_in_memory() -> None:
    journal = Journal(None)
    assert journal.accept("a", 2)
    assert not journal.accept("a", 1)
    journal.close()
