"""The database: whole transactions as plain functions on a database thread, SQLite or PostgreSQL.

    servers = await db.read(store.list_servers, scope)
    server = await db.run(service.create_server, context, request)

Each function takes a `Tx` first and runs to its end on one thread: one hop per
transaction, no asynchronous colour in the domain code. SQLite has one writer
thread (BEGIN IMMEDIATE, so a writer never fails half way with "database is
locked") and a few readers; PostgreSQL a pool on threads.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
import tenacity
from sqlalchemy import event

from unkai.kernel import metrics

P = ParamSpec("P")
T = TypeVar("T")

# What a caller may catch when the database is in trouble.
StoreError = sa.exc.SQLAlchemyError
# What no column can hold: a NUL in a text, a number beyond 64 bits, too long a name. The second is SQLite's word.
UNFIT = (sa.exc.DataError, OverflowError)

# One MetaData for all rooms: migrations and create_all see the whole schema.
tables = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Tx:
    """One transaction. Opaque to services: only a room's `store.py` looks inside; others hand it on."""

    def __init__(self, conn: sa.Connection, ring: Callable[[str], None] | None = None) -> None:
        self.conn = conn
        self._ring = ring
        self._after: list[Callable[[], None]] = []

    @property
    def dialect(self) -> str:
        return self.conn.dialect.name

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        return self.conn.execute(statement, parameters)

    def all(self, statement: sa.Executable, parameters: Any = None) -> Sequence[sa.RowMapping]:
        return self.conn.execute(statement, parameters).mappings().all()

    def first(self, statement: sa.Executable, parameters: Any = None) -> sa.RowMapping | None:
        return self.conn.execute(statement, parameters).mappings().first()

    def scalar(self, statement: sa.Executable, parameters: Any = None) -> Any:
        return self.conn.execute(statement, parameters).scalar()

    def scalars(self, statement: sa.Executable, parameters: Any = None) -> Sequence[Any]:
        return self.conn.execute(statement, parameters).scalars().all()

    def count(self, statement: sa.Executable, parameters: Any = None) -> int:
        """Execute an INSERT, UPDATE or DELETE and tell how many rows it touched."""
        return self.conn.execute(statement, parameters).rowcount

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call `action` on the database thread once the commit is durable (caches, bells). Never on rollback."""
        self._after.append(action)

    def ring(self, topic: str) -> None:
        """Wake whoever listens to the topic, after the commit."""
        if self._ring is not None:
            ring = self._ring
            self._after.append(lambda: ring(topic))

    def committed(self) -> None:
        for action in self._after:
            action()


class Database:
    """Use `run` to write and `read` to read; `run_now`/`read_now` do the same without an event loop (CLI, tests)."""

    def __init__(self, url: str, *, ring: Callable[[str], None] | None = None, readers: int = 4) -> None:
        self.url = sa.make_url(url)
        self._ring = ring
        self.statements = 0
        if self.url.get_backend_name() == "sqlite":
            self._writer = _sqlite_engine(self.url, "BEGIN IMMEDIATE", 1)
            self._reader = _sqlite_engine(self.url, "BEGIN", readers)
            self._write_threads = ThreadPoolExecutor(1, thread_name_prefix="db-writer")
            self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="db-reader")
        else:
            self._writer = self._reader = sa.create_engine(self.url, pool_size=8, max_overflow=0, pool_pre_ping=True)
            self._write_threads = self._read_threads = ThreadPoolExecutor(8, thread_name_prefix="db")
        for engine in {self._writer, self._reader}:
            event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, *_args: Any) -> None:
        self.statements += 1
        metrics.STATEMENTS.inc()

    @property
    def engine(self) -> sa.Engine:
        """The writing engine (migrations)."""
        return self._writer

    def create_all(self) -> None:
        """Make every table that is known and missing (tests and simulated clouds; real clouds migrate)."""
        with self._writer.begin() as conn:
            tables.create_all(conn)

    async def run(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a writing transaction on a database thread; commit, then rings and caches."""
        loop = asyncio.get_running_loop()
        call = self._write_threads.submit(self.run_now, work, *args, **kwargs)
        # A cancelled request must not leave the caller believing that nothing happened while the commit goes on.
        return await asyncio.shield(asyncio.wrap_future(call, loop=loop))

    async def read(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a reading transaction: one consistent view, no lock on SQLite's writer."""
        loop = asyncio.get_running_loop()
        call = self._read_threads.submit(self.read_now, work, *args, **kwargs)
        return await asyncio.wrap_future(call, loop=loop)

    def run_now(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, on this thread. PostgreSQL ends one of two transactions that wait for each other: nothing of it
        happened, so `work` is simply done again. It must touch nothing but its `Tx`, which all services keep to."""

        def once() -> tuple[Tx, T]:
            with self._transaction(self._writer) as tx:
                return tx, work(tx, *args, **kwargs)

        tx, result = once() if self._writer.dialect.name == "sqlite" else _patiently(once)
        tx.committed()
        return result

    def read_now(self, work: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._transaction(self._reader) as tx:
            return work(tx, *args, **kwargs)

    @contextmanager
    def _transaction(self, engine: sa.Engine) -> Iterator[Tx]:
        with engine.begin() as conn:
            yield Tx(conn, self._ring)

    def close(self) -> None:
        for threads in {self._write_threads, self._read_threads}:
            threads.shutdown(wait=True)
        for engine in {self._writer, self._reader}:
            engine.dispose()


_CONFLICTS = ("40P01", "40001")  # deadlock_detected, serialization_failure

_patiently = tenacity.Retrying(
    retry=tenacity.retry_if_exception(lambda e: getattr(getattr(e, "orig", None), "sqlstate", None) in _CONFLICTS),
    wait=tenacity.wait_random_exponential(multiplier=0.01, max=0.5),
    stop=tenacity.stop_after_attempt(10),
    reraise=True,
)


def _sqlite_engine(url: sa.URL, begin: str, size: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=size,
        max_overflow=0 if size > 1 else 1,
        connect_args={"check_same_thread": False, "timeout": 30.0},
    )
    lock = threading.Lock()

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling would begin too late and deferred; we begin ourselves below.
        connection.isolation_level = None
        with lock:
            cursor = connection.cursor()
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "busy_timeout=30000",
                "cache_size=-16384",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(conn: sa.Connection) -> None:
        conn.exec_driver_sql(begin)

    return engine


def upsert(tx: Tx, table: sa.Table, values: dict[str, Any], keys: Sequence[str]) -> None:
    """INSERT, or UPDATE the row with the same keys. Both databases spell it alike, their modules do not."""
    insert: Any
    if tx.dialect == "postgresql":
        from sqlalchemy.dialects import postgresql as dialect_module

        insert = dialect_module.insert(table)
    else:
        from sqlalchemy.dialects import sqlite as sqlite_module

        insert = sqlite_module.insert(table)
    rest = {name: value for name, value in values.items() if name not in keys}
    statement = insert.values(**values)
    if rest:
        tx.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=rest))
    else:
        tx.execute(statement.on_conflict_do_nothing(index_elements=list(keys)))


def lock_row(tx: Tx, query: sa.Select[Any]) -> sa.RowMapping | None:
    """Read one row and hold it against other writers until the commit (SQLite's one writer already does)."""
    return tx.first(query.with_for_update() if tx.dialect == "postgresql" else query)
