"""The store on both databases: transactions, times, paging, quotas, keys, scopes."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from unkai.kernel.columns import Json, Time, db_now, from_micros, to_micros
from unkai.kernel.errors import QuotaExceeded
from unkai.kernel.keys import ensure_key
from unkai.kernel.paging import Direction, Page, SortKey, order
from unkai.kernel.quota import Quota, Resource
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Database, Tx, lock_row, upsert

things = sa.Table(
    "test_things",
    sa.MetaData(),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("project_id", sa.String(64)),
    sa.Column("name", sa.String(64)),
    sa.Column("size", sa.Integer),
    sa.Column("made", Time),
    sa.Column("extra", Json),
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/s.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    db = Database(url)
    db.create_all()
    with db.engine.begin() as connection:
        things.create(connection)
    yield db
    db.close()


def put(tx: Tx, **values: Any) -> None:
    tx.execute(sa.insert(things).values(**values))


def test_times_and_json_come_back_as_they_went(db: Database) -> None:
    when = datetime(2026, 2, 3, 4, 5, 6, 789012, UTC)
    db.run_now(put, id="1", made=when, extra={"a": [1, None, "é"]})
    row = db.read_now(lambda tx: tx.first(sa.select(things)))
    assert row is not None and (row["made"], row["extra"]) == (when, {"a": [1, None, "é"]})


def test_the_databases_clock_is_now(db: Database) -> None:
    micros = db.read_now(lambda tx: tx.scalar(sa.select(db_now())))
    assert abs(from_micros(micros) - datetime.now(UTC)) < timedelta(seconds=5)


def test_nothing_of_a_failed_transaction_stays(db: Database) -> None:
    rung: list[str] = []

    def half(tx: Tx) -> None:
        put(tx, id="1")
        tx.after_commit(lambda: rung.append("x"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.run_now(half)
    assert db.read_now(lambda tx: tx.scalars(sa.select(things.c.id))) == [] and rung == []
    db.run_now(lambda tx: tx.after_commit(lambda: rung.append("y")))
    assert rung == ["y"]


async def test_a_cancelled_request_waits_for_its_commit(db: Database) -> None:
    begun = threading.Event()
    go = threading.Event()

    def slow(tx: Tx) -> None:
        put(tx, id="1")
        begun.set()
        go.wait(5)

    task = asyncio.create_task(db.run(slow))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await db.run(lambda tx: None)
    assert await db.read(lambda tx: tx.scalars(sa.select(things.c.id))) == ["1"]


async def test_writers_do_not_lose_each_others_writes(db: Database) -> None:
    await db.run(put, id="n", size=0)

    def add(tx: Tx) -> None:
        row = lock_row(tx, sa.select(things).where(things.c.id == "n"))
        assert row is not None
        tx.execute(sa.update(things).where(things.c.id == "n").values(size=row["size"] + 1))

    await asyncio.gather(*(db.run(add) for _ in range(40)))
    assert await db.read(lambda tx: tx.scalar(sa.select(things.c.size))) == 40


async def test_two_that_wait_for_each_other_both_get_through(db: Database) -> None:
    for name in "ab":
        await db.run(put, id=name, size=0)
    met = threading.Barrier(2) if db.engine.dialect.name == "postgresql" else None
    rung: list[str] = []

    def both(tx: Tx, first: str, second: str) -> None:
        for name in (first, second):
            tx.execute(sa.update(things).where(things.c.id == name).values(size=things.c.size + 1))
            if met is not None and not met.broken:
                try:
                    met.wait(1)
                except threading.BrokenBarrierError:
                    met.abort()
        tx.after_commit(lambda: rung.append(first))

    await asyncio.gather(db.run(both, "a", "b"), db.run(both, "b", "a"))
    assert await db.read(lambda tx: tx.scalars(sa.select(things.c.size))) == [2, 2]
    assert sorted(rung) == ["a", "b"]


def test_upsert(db: Database) -> None:
    for size in (1, 2):
        db.run_now(upsert, things, {"id": "1", "name": "a", "size": size}, ["id"])
    rows = db.read_now(lambda tx: tx.all(sa.select(things.c.id, things.c.size)))
    assert [tuple(row.values()) for row in rows] == [("1", 2)]


def test_keys_stay_the_same(db: Database) -> None:
    assert db.run_now(ensure_key, "a") == db.run_now(ensure_key, "a") != db.run_now(ensure_key, "b")


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (Scope.project("p"), ["1"]),
        (Scope.system(), ["1", "2"]),
        (Scope.domain("d"), []),
        (Scope.nothing(), []),
    ],
)
def test_scopes_filter(db: Database, scope: Scope, seen: list[str]) -> None:
    db.run_now(put, id="1", project_id="p")
    db.run_now(put, id="2", project_id="q")
    query = restrict(sa.select(things.c.id).order_by(things.c.id), scope, things.c.project_id)
    assert db.read_now(lambda tx: tx.scalars(query)) == seen


def usage(tx: Tx, project_id: str) -> dict[str, int]:
    row = tx.first(
        sa.select(sa.func.count().label("n"), sa.func.coalesce(sa.func.sum(things.c.size), 0).label("s")).where(
            things.c.project_id == project_id
        )
    )
    assert row is not None
    return {"things": row["n"], "size": row["s"]}


QUOTA = Quota([Resource("test", "things", 2, usage), Resource("test", "size", -1, usage)])


def test_quota_refuses_what_does_not_fit_and_names_it(db: Database) -> None:
    db.run_now(put, id="1", project_id="p", size=5)
    db.run_now(QUOTA.check, "test", "p", {"things": 1, "size": 1000})
    with pytest.raises(QuotaExceeded, match=r"things: requested 2, but already used 1 of 2"):
        db.run_now(QUOTA.check, "test", "p", {"things": 2})
    db.run_now(QUOTA.set_limits, "test", "p", {"things": 10, "size": 6})
    db.run_now(QUOTA.check, "test", "p", {"things": 2})
    with pytest.raises(QuotaExceeded, match="size"):
        db.run_now(QUOTA.check, "test", "p", {"things": 20, "size": 2})
    db.run_now(QUOTA.set_class_limits, "test", "default", {"size": 1})
    assert db.run_now(QUOTA.limits, "test", "q") == {"things": 2, "size": 1}
    db.run_now(QUOTA.reset, "test", "p")
    assert db.run_now(QUOTA.limits, "test", "p") == {"things": 2, "size": 1}


async def test_quota_cannot_be_raced(db: Database) -> None:
    def take(tx: Tx, name: str) -> bool:
        try:
            QUOTA.check(tx, "test", "p", {"things": 1})
        except QuotaExceeded:
            return False
        put(tx, id=name, project_id="p")
        return True

    taken = await asyncio.gather(*(db.run(take, str(n)) for n in range(12)))
    assert sum(taken) == 2


_rows = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.sampled_from("ab"))), max_size=12
)


@given(rows=_rows, directions=st.tuples(*[st.sampled_from(["asc", "desc"])] * 2), limit=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_pages_neither_skip_nor_repeat(
    rows: list[tuple[int | None, str | None]], directions: tuple[Direction, Direction], limit: int
) -> None:
    db = Database("sqlite://")
    with db.engine.begin() as connection:
        things.create(connection)
        for number, (size, name) in enumerate(rows):
            connection.execute(sa.insert(things).values(id=str(number), size=size, name=name))
        columns = {"size": things.c.size, "name": things.c.name}
        sort = (SortKey("size", directions[0]), SortKey("name", directions[1]))
        whole = [row["id"] for row in _fetch(connection, columns, Page(sort=sort))]
        paged: list[str] = []
        marker: Any = None
        while page := _fetch(connection, columns, Page(limit=limit, sort=sort), marker):
            paged += [row["id"] for row in page]
            marker = page[-1]
    db.close()
    assert paged == whole and len(whole) == len(rows)


def _fetch(connection: sa.Connection, columns: Any, page: Page, marker: Any = None) -> list[Any]:
    query = order(sa.select(things), columns, page, things.c.id, marker)
    return list(connection.execute(query).mappings())


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_micros_are_exact(when: datetime) -> None:
    assert from_micros(to_micros(when)) == when
