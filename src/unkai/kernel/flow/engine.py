"""Drives flows: claims what is due, runs steps under a lease, and lets go the moment the lease is in doubt.

The engine trusts the database's clock for who owns a flow and its own monotonic
clock for how long it may believe so: it counts the lease from before it asked for
it, and cancels its own work a margin before the end. A process that was frozen and
woken finds either of the two against it and writes nothing.
"""

import asyncio
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.kernel import log, metrics
from unkai.kernel.clock import monotonic, utcnow
from unkai.kernel.columns import seconds_from_now
from unkai.kernel.flow import hosts, store
from unkai.kernel.flow.model import (
    Again,
    EffectStep,
    Failure,
    FlowKind,
    HostStep,
    Run,
    Step,
    StepFailed,
    TxStep,
)
from unkai.kernel.ids import new_uuid
from unkai.kernel.store import Database, Tx
from unkai.kernel.wake import Wake

_log = log.get(__name__)
_MARGIN = 0.2  # part of a lease in which nothing new is begun
_FAR = 30.0  # seconds between looks when nothing is scheduled; bells make them rarer than needed
_SWEEP = 2.0
_UNDO_BACKOFF_MAX = 60.0


class _Held:
    """A flow under our lease."""

    def __init__(self, row: sa.RowMapping, kind: FlowKind, lease_end: float) -> None:
        self.row = row
        self.kind = kind
        self.lease_end = lease_end

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def step(self) -> Step:
        cursor: int = self.row["cursor"]
        return self.kind.steps[cursor]

    def run(self) -> Run:
        row = self.row
        return Run(
            id=row["id"],
            kind=row["kind"],
            subject=row["subject"],
            project_id=row["project_id"],
            user_id=row["user_id"],
            request_id=row["request_id"],
            reason=row["reason"],
            input=msgspec.convert(row["input"], self.kind.spec.input),
            data=row["data"],
            attempt=row["attempt"],
            failure=None if row["failure"] is None else msgspec.convert(row["failure"], Failure),
        )


class Engine:
    """One per process. `run` until cancelled; `owner` is unique to this start of this process."""

    def __init__(
        self,
        db: Database,
        wake: Wake,
        kinds: Iterable[FlowKind],
        *,
        lease: float = 15.0,
        concurrency: int = 32,
    ) -> None:
        self.owner = new_uuid()
        self._db = db
        self._wake = wake
        self._kinds = {kind.spec.name: kind for kind in kinds}
        self._lease = lease
        self._concurrency = concurrency
        self._tasks: dict[str, tuple[_Held, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Claim and drive flows until cancelled; then let go of what is held so that others may go on at once."""
        bell = self._wake.listen(hosts.FLOW_TOPIC)
        helpers = [asyncio.create_task(self._renew_forever()), asyncio.create_task(self._sweep_forever())]
        try:
            while True:
                wait = await self._claim_some()
                await bell.wait(wait)
        finally:
            self._wake.forget(hosts.FLOW_TOPIC, bell)
            for helper in helpers:
                helper.cancel()
            await self._let_go()

    async def _claim_some(self) -> float:
        """Start what is due; returns how long to sleep at most."""
        free = self._concurrency - len(self._tasks)
        if free <= 0:
            return 1.0
        began = monotonic()
        try:
            rows = await self._db.run(store.claim, self.owner, self._lease, free)
            delay = await self._db.read(store.seconds_to_next)
        except sa.exc.SQLAlchemyError:
            _log.exception("flows cannot be claimed, trying again")
            return 1.0
        for row in rows:
            kind = self._kinds.get(row["kind"])
            if kind is None:
                # Left to a process of the release that knows it; the lease keeps us from looping on it.
                _log.error("flow of an unknown kind", flow=row["id"], kind=row["kind"])
                continue
            held = _Held(row, kind, began + self._lease * (1 - _MARGIN))
            self._tasks[held.id] = (held, asyncio.create_task(self._drive(held)))
        metrics.FLOWS_ACTIVE.set(len(self._tasks))
        return min(_FAR, delay + 0.005) if delay is not None else _FAR

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 4)
            began = monotonic()
            try:
                kept = await self._db.run(store.renew, self.owner, self._lease) if self._tasks else set()
            except sa.exc.SQLAlchemyError:
                _log.exception("leases cannot be renewed")
                kept = set()
            for flow_id, (held, task) in list(self._tasks.items()):
                if flow_id in kept:
                    held.lease_end = began + self._lease * (1 - _MARGIN)
                elif monotonic() >= held.lease_end:
                    metrics.LEASES_LOST.inc()
                    task.cancel()

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            try:
                await self._db.run(hosts.sweep)
            except sa.exc.SQLAlchemyError:
                _log.exception("host steps cannot be swept")

    async def _let_go(self) -> None:
        for _, task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._tasks.values()), return_exceptions=True)

        def release_all(tx: Tx) -> None:
            tx.execute(
                sa.update(store.flows)
                .where(store.flows.c.owner == self.owner, store.flows.c.state.in_(store.ACTIVE))
                .values(owner=None, lease_until=0)
            )

        await self._db.run(release_all)

    async def _drive(self, held: _Held) -> None:
        """Run a flow until it ends, waits for a host, wants to be woken later, or is lost."""
        with log.bound_contextvars(flow=held.id, request_id=held.row["request_id"], subject=held.row["subject"]):
            try:
                while await self._advance(held):
                    pass
            except store.LeaseLost:
                metrics.LEASES_LOST.inc()
                _log.warning("flow lost to another process")
            except asyncio.CancelledError:
                raise
            except Exception:
                # The database is in trouble: the lease runs out and somebody goes on from the journal.
                _log.exception("flow interrupted")
            finally:
                self._tasks.pop(held.id, None)
                metrics.FLOWS_ACTIVE.set(len(self._tasks))
                self._wake.ring(hosts.FLOW_TOPIC)

    async def _advance(self, held: _Held) -> bool:
        """One step forth or back. False when there is nothing more to do for now."""
        if monotonic() >= held.lease_end:
            raise store.LeaseLost(held.id)
        if held.row["state"] == "running":
            return await self._forth(held)
        return await self._back(held)

    async def _write(self, held: _Held, work: Callable[[Tx], dict[str, Any]]) -> bool:
        """Run `work` under the lease and apply the changes it returns to the flow's row, in one transaction.

        Returns whether the flow is still ours to drive.
        """

        def transaction(tx: Tx) -> sa.RowMapping:
            store.hold(tx, held.id, self.owner, held.row["generation"], {})
            changes = work(tx)
            if changes:
                store.hold(tx, held.id, self.owner, held.row["generation"], changes)
            row = store.get(tx, held.id)
            assert row is not None
            return row

        held.row = await self._db.run(transaction)
        return held.row["state"] in store.ACTIVE and held.row["owner"] == self.owner

    # forth

    async def _forth(self, held: _Held) -> bool:
        row, step = held.row, held.step
        if row["cancel"] is not None:
            return await self._begin_undo(held, Failure(code="cancelled", message=row["cancel"]))
        if row["late"]:
            failure = Failure(code="deadline", message=f"Not finished in time; it was at step {step.name}.")
            return await self._begin_undo(held, failure)
        try:
            if isinstance(step, TxStep):
                return await self._write(held, lambda tx: self._done(tx, held, step.do(tx, held.run())))
            if isinstance(step, EffectStep):
                return await self._effect(held, step)
            return await self._write(held, lambda tx: self._order(tx, held, step))
        except (store.LeaseLost, asyncio.CancelledError):
            raise
        except Again as again:
            seconds = again.seconds
            return await self._write(held, lambda tx: _released(wake_at=seconds_from_now(seconds)))
        except Exception as error:
            return await self._begin_undo(held, _failure(step, error))

    async def _effect(self, held: _Held, step: EffectStep) -> bool:
        def begin(tx: Tx) -> dict[str, Any]:
            store.journal_start(tx, held.row, step.name, "do")
            return {}

        await self._write(held, begin)
        run = held.run()
        result = await asyncio.wait_for(step.effect(run), step.timeout) or {}
        if monotonic() >= held.lease_end:
            raise store.LeaseLost(held.id)

        def commit(tx: Tx) -> dict[str, Any]:
            return self._done(tx, held, result if step.commit is None else step.commit(tx, run, result))

        return await self._write(held, commit)

    def _order(self, tx: Tx, held: _Held, step: HostStep) -> dict[str, Any]:
        """Issue the host step, or take its result if it has ended."""
        issued = store.host_step_of(tx, held.row, step.name, "do")
        if issued is None:
            wanted = step.order(tx, held.run())
            if wanted is None:
                return self._done(tx, held, None)
            return self._issue(tx, held, step, "do", wanted)
        if issued["state"] == "done":
            data = issued["result"] or {}
            return self._done(tx, held, data if step.commit is None else step.commit(tx, held.run(), data))
        if issued["state"] in ("failed", "cancelled"):
            failure = msgspec.convert(issued["failure"], Failure)
            raise _HostFailed(msgspec.structs.replace(failure, step=step.name, host=issued["host"]))
        return _released(waiting=True)

    def _issue(self, tx: Tx, held: _Held, step: HostStep, direction: str, wanted: Any) -> dict[str, Any]:
        store.journal_start(tx, held.row, step.name, direction, wanted.host)
        now = utcnow()
        tx.execute(
            sa.insert(store.host_steps).values(
                id=new_uuid(),
                flow_id=held.id,
                step=step.name,
                direction=direction,
                attempt=held.row["attempt"],
                subject=held.row["subject"],
                host=wanted.host,
                order=msgspec.to_builtins(wanted.order),
                when_dead=wanted.when_dead,
                state="queued",
                deadline=seconds_from_now(wanted.timeout),
                created_at=now,
                updated_at=now,
            )
        )
        tx.ring(hosts.WORK_TOPIC.format(host=wanted.host))
        return _released(waiting=True)

    def _done(self, tx: Tx, held: _Held, data: Any) -> dict[str, Any]:
        """Close the step and move on; the last one ends the flow in the same transaction."""
        row, step = held.row, held.step
        store.journal_end(tx, row, step.name, "do", "done")
        metrics.FLOW_STEPS.labels(held.kind.spec.name, step.name, "done").inc()
        merged = {**row["data"], **(data or {})}
        changes: dict[str, Any] = {"cursor": row["cursor"] + 1, "data": merged, "tries": 0}
        if row["cursor"] + 1 == len(held.kind.steps):
            if held.kind.on_done is not None:
                held.kind.on_done(tx, msgspec.structs.replace(held.run(), data=merged))
            changes.update(state="done", finished_at=utcnow(), owner=None, lease_until=0)
            metrics.FLOWS_ENDED.labels(held.kind.spec.name, "done").inc()
            tx.ring(hosts.FLOW_TOPIC)  # the subject's next flow may begin
        return changes

    # back

    async def _begin_undo(self, held: _Held, failure: Failure) -> bool:
        """Note why, and turn round: the failed step itself is undone first, it may have happened in part."""
        row, step = held.row, held.step
        failure = msgspec.structs.replace(failure, step=failure.step or step.name)
        retry = None
        if failure.code not in ("cancelled", "deadline") and held.kind.retry_from is not None:
            retry = held.kind.retry_from(held.run(), failure)
        floor = -1 if retry is None else held.kind.index(retry)
        _log.warning(
            "flow step failed",
            step=step.name,
            code=failure.code,
            reason=failure.message,
            retry_from=retry,
            details=failure.details,
        )
        metrics.FLOW_STEPS.labels(held.kind.spec.name, step.name, "failed").inc()

        def turn(tx: Tx) -> dict[str, Any]:
            store.journal_end(tx, row, step.name, "do", "failed", failure.message, failure.details)
            return {"state": "undoing", "floor": floor, "failure": msgspec.to_builtins(failure), "tries": 0}

        return await self._write(held, turn)

    async def _back(self, held: _Held) -> bool:
        row = held.row
        if row["floor"] >= 0 and (row["cancel"] is not None or row["late"]):
            return await self._write(held, lambda tx: {"floor": -1})
        try:
            if row["cursor"] < max(row["floor"], 0):
                return await self._write(held, lambda tx: self._undone(tx, held))
            step = held.step
            if isinstance(step, HostStep):
                return await self._write(held, lambda tx: self._order_undo(tx, held, step))
            if isinstance(step, EffectStep) and step.undo_effect is not None:
                await asyncio.wait_for(step.undo_effect(held.run()), step.timeout)
                if monotonic() >= held.lease_end:
                    raise store.LeaseLost(held.id)
            return await self._write(held, lambda tx: self._step_undone(tx, held, step))
        except (store.LeaseLost, asyncio.CancelledError):
            raise
        except Exception as error:
            # An undo is never given up: it is tried again, ever more slowly, and `unkai status` shows it meanwhile.
            _log.exception("undo failed, trying again", step=row["cursor"])
            delay = min(_UNDO_BACKOFF_MAX, 0.5 * 2 ** min(row["tries"], 10))
            text = f"{type(error).__name__}: {error}"
            _log.warning("undo postponed", seconds=delay, reason=text)
            return await self._write(
                held, lambda tx: _released(tries=row["tries"] + 1, wake_at=seconds_from_now(delay))
            )

    def _order_undo(self, tx: Tx, held: _Held, step: HostStep) -> dict[str, Any]:
        issued = store.host_step_of(tx, held.row, step.name, "undo")
        if issued is None:
            wanted = None if step.undo_order is None else step.undo_order(tx, held.run())
            if wanted is None:
                return self._step_undone(tx, held, step)
            return self._issue(tx, held, step, "undo", wanted)
        if issued["state"] in ("queued", "leased"):
            return _released(waiting=True)
        failure = issued["failure"] or {}
        if issued["state"] == "failed" and failure.get("code") not in ("host_down", "host_timeout"):
            # The host is there and could not: order it again.
            tx.execute(sa.delete(store.host_steps).where(store.host_steps.c.id == issued["id"]))
            delay = min(_UNDO_BACKOFF_MAX, 0.5 * 2 ** min(held.row["tries"], 10))
            return _released(tries=held.row["tries"] + 1, wake_at=seconds_from_now(delay))
        return self._step_undone(tx, held, step)

    def _step_undone(self, tx: Tx, held: _Held, step: Step) -> dict[str, Any]:
        if step.undo is not None:
            step.undo(tx, held.run())
        store.journal_end(tx, held.row, step.name, "undo", "done")
        metrics.FLOW_STEPS.labels(held.kind.spec.name, step.name, "undone").inc()
        return {"cursor": held.row["cursor"] - 1, "tries": 0}

    def _undone(self, tx: Tx, held: _Held) -> dict[str, Any]:
        """Everything down to the floor is undone: go on from there, or end as failed."""
        row = held.row
        if row["floor"] >= 0:
            return {"state": "running", "cursor": row["floor"], "floor": -1, "attempt": row["attempt"] + 1}
        if held.kind.on_failed is not None:
            held.kind.on_failed(tx, held.run())
        metrics.FLOWS_ENDED.labels(held.kind.spec.name, "failed").inc()
        tx.ring(hosts.FLOW_TOPIC)
        return {"state": "failed", "finished_at": utcnow(), "owner": None, "lease_until": 0}


class _HostFailed(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def _released(**changes: Any) -> dict[str, Any]:
    return {"owner": None, "lease_until": 0, **changes}


def _failure(step: Step, error: Exception) -> Failure:
    if isinstance(error, _HostFailed):
        return error.failure
    if isinstance(error, StepFailed):
        return Failure(
            code=error.code, message=error.message, details=error.details, step=step.name, elsewhere=error.elsewhere
        )
    if isinstance(error, TimeoutError):
        return Failure(code="step_timeout", message=f"Step {step.name} took too long.", step=step.name, elsewhere=True)
    details = "".join(traceback.format_exception(error))
    return Failure(
        code="unexpected", message=f"Step {step.name} failed: {type(error).__name__}", details=details, step=step.name
    )
