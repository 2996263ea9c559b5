"""The steps this host works on: one at a time for each server, each within its lease, reported until acknowledged."""

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Iterable, Mapping

import msgspec

from unkai.contracts.steps import Order, Progress, StepResult
from unkai.kernel.clock import monotonic
from unkai.kernel.log import bound_contextvars, get
from unkai.node import orders
from unkai.node.channel import Channel, GivenWork, Refused, Stale, Unknown, Unreachable, persist
from unkai.node.driver import Driver
from unkai.node.errors import Cancelled, StepFailed, Unexpected, Unsupported
from unkai.node.job import Aborted, Job, Lost
from unkai.node.journal import Journal

__all__ = ["Workers"]

_log = get(__name__)


class Workers:
    """`finished` is called with the server's id whenever no step works on it any more."""

    def __init__(self, channel: Channel, driver: Driver, journal: Journal, finished: Callable[[str], None]) -> None:
        self._channel = channel
        self._driver = driver
        self._journal = journal
        self._finished = finished
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: dict[str, int] = {}
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    # ---- what a poll sends and brings ----

    def running(self) -> dict[str, int]:
        """Generation by step, of all whose lease a poll shall renew. Those called off renew by themselves while they
        undo: named in a poll, they would be called off in each reply."""
        return {step: job.generation for step, job in self._jobs.items() if not job.stopped}

    @property
    def count(self) -> int:
        return len(self._jobs)

    def busy(self, server_id: str) -> bool:
        return server_id in self._busy

    def renewed(self, asked: Mapping[str, int], lost: Iterable[str], until: float) -> None:
        """A poll that named `asked` was answered: those not `lost` are held until then."""
        gone = set(lost)
        for step, generation in asked.items():
            job = self._jobs.get(step)
            if job is None or job.generation != generation:
                continue
            if step in gone:
                job.lose("the control plane has given the step away")
            else:
                job.renew(until)

    def abort(self, steps: Iterable[str]) -> None:
        for step in steps:
            if step in self._jobs:
                self._jobs[step].abort()

    def begin(self, work: GivenWork, asked: float) -> None:
        """Take up a step that was asked for at `asked` (monotonic). One that is older than what runs is dropped."""
        known = self._jobs.get(work.step_id)
        if known is not None and known.generation >= work.generation:
            return
        for job in self._jobs.values():
            if job.subject == work.subject and job.generation < work.generation:
                job.lose("a newer order for the same subject has come")
        job = Job(work.step_id, work.subject, work.generation, asked + work.lease_seconds, work.lease_seconds / 10)
        self._jobs[work.step_id] = job
        task = asyncio.get_running_loop().create_task(self._work(job, work), name=f"step {work.step_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, patience: float = 5.0) -> None:
        """Leave all steps where they are, for the next session of this host."""
        for job in self._jobs.values():
            job.lose("the agent stops")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- one step ----

    async def _work(self, job: Job, work: GivenWork) -> None:
        keeper = asyncio.create_task(self._keep(job, work.lease_seconds))
        with bound_contextvars(step=job.step_id, subject=job.subject, generation=job.generation):
            try:
                result = await self._result(job, work)
                if result is not None:
                    await self._report(job, result)
            finally:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
                if self._jobs.get(job.step_id) is job:
                    del self._jobs[job.step_id]

    async def _result(self, job: Job, work: GivenWork) -> StepResult | None:
        """None: the step is not ours to report."""
        try:
            order = work.decode()
        except msgspec.MsgspecError as error:
            failure = Unsupported(what="this operation", details=str(error))
            return StepResult(generation=job.generation, error=failure.report())
        server_id = orders.server_of(order)
        self._busy[server_id] = self._busy.get(server_id, 0) + 1
        turn = self._turns.setdefault(server_id, asyncio.Lock())
        try:
            async with turn:
                if job.lost or not await asyncio.to_thread(self._journal.accept, job.subject, job.generation):
                    _log.info("order dropped", newest=self._journal.newest(job.subject))
                    return None
                _log.info("step begun", order=type(order).__name__, server=server_id)
                return await self._perform(job, order)
        finally:
            self._busy[server_id] -= 1
            if not self._busy[server_id]:
                del self._busy[server_id]
                self._finished(server_id)

    async def _perform(self, job: Job, order: Order) -> StepResult | None:
        began = monotonic()
        failure: StepFailed
        try:
            job.check()
            data = await orders.perform(self._driver, job, order)
            _log.info("step done", seconds=round(monotonic() - began, 3))
            return StepResult(generation=job.generation, data=data)
        except Lost as error:
            _log.warning("step lost", reason=str(error))
            return None
        except Aborted:
            failure = Cancelled()
        except StepFailed as error:
            failure = error
        except Exception as error:
            _log.exception("step failed unexpectedly")
            failure = Unexpected(details=f"{type(error).__name__}: {error}")
        _log.warning("step failed", code=failure.code, reason=failure.message, details=failure.details)
        return StepResult(generation=job.generation, error=failure.report())

    async def _keep(self, job: Job, lease: float) -> None:
        """Renew the lease by progress posts; stop the step when it cannot be renewed in time."""
        while not job.lost:
            # At once when a good part of the lease went by in the poll that brought it. Progress goes out soon, but
            # no oftener than ten times a lease.
            if job.until - monotonic() > 0.7 * lease:
                await asyncio.sleep(lease / 10)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(lease / 4):
                        await job.told.wait()
            job.told.clear()
            asked = monotonic()
            if asked >= job.until:
                job.lose("the lease ended before it could be renewed")
                return
            try:
                progress = Progress(generation=job.generation, message=job.message, done=job.done, total=job.total)
                async with asyncio.timeout(job.until - asked):
                    reply = await self._channel.progress(job.step_id, progress)
            except (Stale, Unknown) as error:
                job.lose(str(error))
            except (Unreachable, Refused, TimeoutError):
                await asyncio.sleep(lease / 20)
            else:
                job.renew(asked + lease)
                if reply.cancel:
                    job.abort()

    async def _report(self, job: Job, result: StepResult) -> None:
        async def post() -> None:
            # Without its lease the step is somebody else's to report.
            if job.lost:
                raise Stale("the lease ended before the result was acknowledged")
            await self._channel.result(job.step_id, result)

        try:
            await persist("result", post, longest=2.0)
        except (Stale, Unknown, Refused) as error:
            _log.warning("result dropped", reason=str(error))
