"""Durable flows: steps, undo, retry, cancel, deadlines, host steps, and fencing against a second owner."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from unkai.kernel.columns import db_now
from unkai.kernel.context import Context
from unkai.kernel.flow import hosts, service, store
from unkai.kernel.flow.engine import Engine
from unkai.kernel.flow.model import (
    Again,
    EffectStep,
    Failure,
    FlowKind,
    FlowSpec,
    HostOrder,
    HostStep,
    Run,
    StepFailed,
    TxStep,
)
from unkai.kernel.store import Database, Tx
from unkai.kernel.wake import Wake

CONTEXT = Context(request_id="req-1", user_id="u", project_id="p")


class Input(msgspec.Struct, frozen=True):
    n: int = 0


class Order(msgspec.Struct, frozen=True, tag="test.order"):
    what: str


SPEC = FlowSpec(name="test.flow", input=Input, deadline=60.0)


class World:
    """A database, an engine over some kinds, and a record of what steps did."""

    def __init__(self, db: Database, wake: Wake) -> None:
        self.db = db
        self.wake = wake
        self.seen: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    def note(self, what: str) -> None:
        self.seen.append(what)

    def engine(self, *kinds: FlowKind, lease: float = 5.0) -> Engine:
        engine = Engine(self.db, self.wake, kinds, lease=lease)
        self._tasks.append(asyncio.create_task(engine.run()))
        return engine

    async def start(self, spec: FlowSpec = SPEC, subject: str = "thing:1") -> str:
        return await self.db.run(service.start, spec, subject, Input(), CONTEXT)

    async def row(self, flow_id: str) -> sa.RowMapping:
        row = await self.db.read(store.get, flow_id)
        assert row is not None
        return row

    async def until(self, flow_id: str, *states: str) -> sa.RowMapping:
        for _ in range(400):
            row = await self.row(flow_id)
            if row["state"] in states:
                return row
            await asyncio.sleep(0.01)
        raise AssertionError(f"flow is {dict(row)}, did {self.seen}")

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    wake = Wake()
    db = Database(f"sqlite:///{tmp_path}/flow.db", ring=wake.ring)
    db.create_all()
    world = World(db, wake)
    yield world
    await world.stop()
    db.close()


def tx_step(world: World, name: str, fail: Callable[[Run], Exception | None] = lambda run: None) -> TxStep:
    def do(tx: Tx, run: Run) -> dict[str, Any]:
        error = fail(run)
        if error is not None:
            raise error
        world.note(f"do {name}")
        return {name: run.attempt}

    return TxStep(name, do, lambda tx, run: world.note(f"undo {name}"))


async def test_steps_run_in_order_and_share_data(world: World) -> None:
    async def effect(run: Run) -> dict[str, Any]:
        world.note("effect b")
        return {"b": run.data["a"] + 1}

    done: list[dict[str, Any]] = []
    kind = FlowKind(
        SPEC,
        (tx_step(world, "a"), EffectStep("b", effect), tx_step(world, "c")),
        on_done=lambda tx, run: done.append(run.data),
    )
    world.engine(kind)
    flow = await world.start()
    row = await world.until(flow, "done")
    assert world.seen == ["do a", "effect b", "do c"]
    assert row["data"] == {"a": 1, "b": 2, "c": 1} == done[0]
    assert row["owner"] is None and row["finished_at"] is not None
    _, steps = await world.db.read(service.history, ["thing:1"])
    assert [(s.step, s.direction, s.state) for s in steps[flow]] == [
        ("a", "do", "done"),
        ("b", "do", "done"),
        ("c", "do", "done"),
    ]


async def test_failure_undoes_in_reverse_and_tells_why(world: World) -> None:
    failed: list[Failure | None] = []
    kind = FlowKind(
        SPEC,
        (tx_step(world, "a"), tx_step(world, "b"), tx_step(world, "c", lambda run: StepFailed("no", "no room"))),
        on_failed=lambda tx, run: failed.append(run.failure),
    )
    world.engine(kind)
    row = await world.until(await world.start(), "failed")
    assert world.seen == ["do a", "do b", "undo c", "undo b", "undo a"]
    assert failed[0] is not None and (failed[0].code, failed[0].message, failed[0].step) == ("no", "no room", "c")
    assert row["failure"]["message"] == "no room"


async def test_unexpected_error_keeps_its_traceback_for_administrators(world: World) -> None:
    kind = FlowKind(SPEC, (tx_step(world, "a", lambda run: KeyError("secret detail")),))
    world.engine(kind)
    row = await world.until(await world.start(), "failed")
    assert "secret detail" not in row["failure"]["message"]
    assert "secret detail" in row["failure"]["details"]


async def test_retry_goes_back_and_counts_attempts(world: World) -> None:
    def fail(run: Run) -> Exception | None:
        return StepFailed("busy", "host busy", elsewhere=True) if run.attempt < 3 else None

    kind = FlowKind(
        SPEC,
        (tx_step(world, "a"), tx_step(world, "place"), tx_step(world, "spawn", fail)),
        retry_from=lambda run, failure: "place" if failure.elsewhere and run.attempt < 3 else None,
    )
    world.engine(kind)
    row = await world.until(await world.start(), "done", "failed")
    assert row["state"] == "done" and row["attempt"] == 3
    assert world.seen.count("do a") == 1 and world.seen.count("do place") == 3
    assert world.seen.count("undo place") == 2 and "undo a" not in world.seen


async def test_again_waits_and_repeats(world: World) -> None:
    calls = 0

    def later(run: Run) -> Exception | None:
        nonlocal calls
        calls += 1
        return Again(0.05, "not yet") if calls < 3 else None

    world.engine(FlowKind(SPEC, (tx_step(world, "a", later),)))
    await world.until(await world.start(), "done")
    assert calls == 3


async def test_undo_is_tried_until_it_works(world: World) -> None:
    tries = 0

    def undo(tx: Tx, run: Run) -> None:
        nonlocal tries
        tries += 1
        if tries < 2:
            raise OSError("store away")

    step = TxStep("a", lambda tx, run: None, undo)
    world.engine(FlowKind(SPEC, (step, tx_step(world, "b", lambda run: StepFailed("x", "x")))))
    await world.until(await world.start(), "failed")
    assert tries == 2


async def test_deadline_undoes(world: World) -> None:
    spec = msgspec.structs.replace(SPEC, deadline=0.1)
    world.engine(FlowKind(spec, (tx_step(world, "a"), tx_step(world, "b", lambda run: Again(0.05, "never")))))
    row = await world.until(await world.start(spec), "failed")
    assert row["failure"]["code"] == "deadline"
    assert world.seen[-2:] == ["undo b", "undo a"]


async def test_flows_of_one_subject_run_one_after_the_other(world: World) -> None:
    gate = asyncio.Event()
    running: list[int] = []
    most = 0

    async def effect(run: Run) -> None:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        await gate.wait()
        running.pop()

    world.engine(FlowKind(SPEC, (EffectStep("a", effect),)))
    flows = [await world.start(), await world.start()]
    await asyncio.sleep(0.1)
    assert len(running) == 1
    gate.set()
    for flow in flows:
        await world.until(flow, "done")
    assert most == 1


async def test_cancel_undoes_at_the_next_step(world: World) -> None:
    gate = asyncio.Event()

    async def effect(run: Run) -> None:
        world.note("effect")
        await gate.wait()

    world.engine(FlowKind(SPEC, (tx_step(world, "a"), EffectStep("b", effect), tx_step(world, "c"))))
    flow = await world.start()
    while "effect" not in world.seen:
        await asyncio.sleep(0.01)
    assert await world.db.run(service.cancel, "thing:1", "deleted meanwhile") == 1
    gate.set()
    row = await world.until(flow, "failed")
    assert row["failure"]["code"] == "cancelled" and "do c" not in world.seen


def host_step(world: World, when_dead: str = "fail") -> HostStep:
    def order(tx: Tx, run: Run) -> HostOrder:
        return HostOrder("h1", Order("make"), 30.0, when_dead)  # type: ignore[arg-type]

    def undo_order(tx: Tx, run: Run) -> HostOrder:
        return HostOrder("h1", Order("unmake"), 30.0)

    return HostStep("spawn", order, lambda tx, run, data: {"got": data["x"]}, undo_order, lambda tx, run: None)


async def lease(world: World, session: str = "s1", **kw: Any) -> Any:
    for _ in range(300):
        given = await world.db.run(
            hosts.lease, "h1", session, kw.get("running", {}), kw.get("capacity", 1), kw.get("seconds", 5.0)
        )
        if given[0] or kw.get("once"):
            return given
        await asyncio.sleep(0.01)
    raise AssertionError("no work for the host")


async def test_host_step_is_leased_and_its_result_goes_on(world: World) -> None:
    world.engine(FlowKind(SPEC, (host_step(world), tx_step(world, "after"))))
    flow = await world.start()
    (step,), lost, abort = await lease(world)
    assert (step.order, lost, abort) == ({"type": "test.order", "what": "make"}, [], [])
    assert (await world.row(flow))["waiting"] is True
    assert await world.db.run(hosts.progress, "h1", step.step_id, step.generation, {"done": 1}, 5.0) is False
    await world.db.run(hosts.result, "h1", step.step_id, step.generation, {"x": 7}, None)
    row = await world.until(flow, "done")
    assert row["data"]["got"] == 7 and world.seen == ["do after"]
    # The host's answer got lost and it reports again: accepted, nothing happens twice.
    await world.db.run(hosts.result, "h1", step.step_id, step.generation, {"x": 7}, None)


async def test_host_failure_undoes_on_the_host_first(world: World) -> None:
    world.engine(FlowKind(SPEC, (tx_step(world, "a"), host_step(world))))
    flow = await world.start()
    (step,), _, _ = await lease(world)
    failure = Failure(code="disk_full", message="No space")
    await world.db.run(hosts.result, "h1", step.step_id, step.generation, None, failure)
    (undo,), _, _ = await lease(world)
    assert undo.order["what"] == "unmake" and undo.generation > step.generation
    assert world.seen == ["do a"]
    await world.db.run(hosts.result, "h1", undo.step_id, undo.generation, {}, None)
    row = await world.until(flow, "failed")
    assert world.seen == ["do a", "undo a"]
    assert (row["failure"]["code"], row["failure"]["host"]) == ("disk_full", "h1")


async def test_restarted_agent_gets_its_step_again_and_the_old_one_is_refused(world: World) -> None:
    world.engine(FlowKind(SPEC, (host_step(world),)))
    flow = await world.start()
    (step,), _, _ = await lease(world)
    (again,), _, _ = await lease(world, session="s2")
    assert again.step_id == step.step_id and again.generation == step.generation + 1
    with pytest.raises(hosts.StaleStep):
        await world.db.run(hosts.result, "h1", step.step_id, step.generation, {"x": 1}, None)
    with pytest.raises(hosts.StaleStep):
        await world.db.run(hosts.result, "h2", again.step_id, again.generation, {"x": 1}, None)
    await world.db.run(hosts.result, "h1", again.step_id, again.generation, {"x": 2}, None)
    assert (await world.until(flow, "done"))["data"]["got"] == 2


async def test_dead_host_fails_its_steps_and_the_undo_is_given_up(world: World) -> None:
    world.engine(FlowKind(SPEC, (tx_step(world, "a"), host_step(world))))
    flow = await world.start()
    while not (await world.row(flow))["waiting"]:
        await asyncio.sleep(0.01)
    assert await world.db.run(hosts.fail_dead, ["h1"], "no heartbeat") == 1
    while not ((row := await world.row(flow))["state"] == "undoing" and row["waiting"]):
        await asyncio.sleep(0.01)
    assert await world.db.run(hosts.fail_dead, ["h1"], "no heartbeat") == 1
    row = await world.until(flow, "failed")
    assert row["failure"]["code"] == "host_down" and world.seen == ["do a", "undo a"]


async def test_cancel_of_a_queued_host_step_ends_it_at_once(world: World) -> None:
    world.engine(FlowKind(SPEC, (host_step(world),)))
    flow = await world.start()
    while not (await world.row(flow))["waiting"]:
        await asyncio.sleep(0.01)
    await world.db.run(service.cancel, "thing:1", "changed my mind")
    assert await world.db.run(hosts.sweep) == 1
    (undo,), _, _ = await lease(world)
    assert undo.order["what"] == "unmake"
    await world.db.run(hosts.result, "h1", undo.step_id, undo.generation, {}, None)
    assert (await world.until(flow, "failed"))["failure"]["code"] == "cancelled"


async def test_a_stale_owner_writes_nothing(world: World) -> None:
    """A frozen process: its lease ran out, another took the flow; what it then tries to commit is refused."""
    gate = asyncio.Event()

    async def effect(run: Run) -> None:
        world.note("effect")
        await gate.wait()

    flow = await world.start()
    world.engine(FlowKind(SPEC, (EffectStep("a", effect), tx_step(world, "b"))))
    while "effect" not in world.seen:
        await asyncio.sleep(0.01)

    def expire(tx: Tx) -> None:
        tx.execute(sa.update(store.flows).values(lease_until=db_now() - 1))

    await world.db.run(expire)
    taken = await world.db.run(store.claim, "thief", 5.0, 10)
    assert [row["id"] for row in taken] == [flow]
    gate.set()
    await asyncio.sleep(0.1)
    row = await world.row(flow)
    assert (row["owner"], row["cursor"], row["state"]) == ("thief", 0, "running")
    assert "do b" not in world.seen


async def test_unfinished_flow_is_taken_over(world: World) -> None:
    flow = await world.start()
    dead = await world.db.run(store.claim, "dead", 0.2, 10)
    assert [row["id"] for row in dead] == [flow]
    world.engine(FlowKind(SPEC, (tx_step(world, "a"),)))
    row = await world.until(flow, "done")
    assert row["generation"] == 2


async def test_shutdown_hands_over_at_once(world: World) -> None:
    started = asyncio.Event()

    async def effect(run: Run) -> None:
        started.set()
        await asyncio.sleep(30)

    world.engine(FlowKind(SPEC, (EffectStep("a", effect),)))
    flow = await world.start()
    await started.wait()
    await world.stop()
    row = await world.row(flow)
    assert (row["owner"], row["lease_until"], row["state"]) == (None, 0, "running")


async def test_a_flow_behind_another_is_not_looked_for_again_and_again(world: World) -> None:
    world.engine(FlowKind(SPEC, (host_step(world),)))
    first, second = await world.start(), await world.start()
    (step,), _, _ = await lease(world)
    before = world.db.statements
    await asyncio.sleep(0.5)
    assert world.db.statements - before < 10
    await world.db.run(hosts.result, "h1", step.step_id, step.generation, {"x": 1}, None)
    await world.until(first, "done")
    (step,), _, _ = await lease(world)
    await world.db.run(hosts.result, "h1", step.step_id, step.generation, {"x": 2}, None)
    assert (await world.until(second, "done"))["data"]["got"] == 2
