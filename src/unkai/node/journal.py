"""The newest generation seen for each subject, kept over restarts: an older order is never begun.

SQLite gives the atomic, synced writes; nothing else uses the file.
"""

import sqlite3
import threading
from pathlib import Path

from unkai.kernel.log import get

__all__ = ["Journal"]

_log = get(__name__)
# Each entry matters only while a reply with an older order can still be on its way; this many is weeks of work.
_KEPT = 20_000


class Journal:
    """`path` None keeps it in memory (simulated hosts). The methods block for a disk write: call them in a thread."""

    def __init__(self, path: Path | None) -> None:
        self._guard = threading.Lock()
        self._newest: dict[str, int] = {}
        self._store: sqlite3.Connection | None = None
        if path is None:
            return
        try:
            self._store = self._open(path)
        except sqlite3.DatabaseError as error:
            # Damaged: begin anew. What is lost only fences orders of connections that ended with the last agent.
            _log.error("journal unreadable, begun anew", path=str(path), error=str(error))
            path.replace(path.with_name(f"{path.name}.damaged"))
            self._store = self._open(path)

    def _open(self, path: Path) -> sqlite3.Connection:
        store = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        store.execute("PRAGMA synchronous = FULL")
        store.execute(
            "CREATE TABLE IF NOT EXISTS generations"
            " (seq INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT UNIQUE NOT NULL, generation INTEGER NOT NULL)"
        )
        store.execute("DELETE FROM generations WHERE seq <= (SELECT max(seq) - ? FROM generations)", (_KEPT,))
        self._newest = dict(store.execute("SELECT subject, generation FROM generations"))
        return store

    def newest(self, subject: str) -> int:
        """0 for a subject never seen."""
        return self._newest.get(subject, 0)

    def accept(self, subject: str, generation: int) -> bool:
        """Note an order that is about to begin. False: a newer one was seen, this one must not begin."""
        with self._guard:
            if generation < self._newest.get(subject, 0):
                return False
            if generation > self._newest.get(subject, 0):
                self._newest[subject] = generation
                self._write(subject, generation)
            return True

    def _write(self, subject: str, generation: int) -> None:
        if self._store is None:
            return
        try:
            self._store.execute(
                "INSERT OR REPLACE INTO generations (subject, generation) VALUES (?, ?)", (subject, generation)
            )
        except sqlite3.OperationalError as error:
            # On a full disk the order that frees it must still be possible; memory fences until the next start.
            _log.error("journal cannot be written", subject=subject, error=str(error))

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
