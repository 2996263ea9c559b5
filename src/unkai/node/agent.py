"""The process on a hypervisor host that calls the control plane: it registers, reports, asks for work and does it.

With the control plane away, guests go on; the agent asks again with growing pauses and then takes up where things
are. Everything it starts is found again by the next agent from what is on the host, not from its memory.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import tenacity

from unkai.contracts.guest import PowerState
from unkai.contracts.reports import Heartbeat, HostReport
from unkai.contracts.steps import Answer, PollRequest
from unkai.kernel.clock import monotonic
from unkai.kernel.ids import new_uuid
from unkai.kernel.log import get
from unkai.node import orders, reconcile
from unkai.node.channel import Channel, GivenAsk, Refused, Stale, Unknown, Unreachable, persist
from unkai.node.driver import Driver
from unkai.node.errors import HypervisorUnavailable, StepFailed, Unexpected, Unsupported
from unkai.node.journal import Journal
from unkai.node.powers import Powers
from unkai.node.workers import Workers

__all__ = ["Agent", "Options"]

_log = get(__name__)
_ASK_SECONDS = 25.0
_ASKS_AT_ONCE = 16
_QUICK = 0.1
_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """`boot_record` is the file that remembers the host's boot (None: reboots are not noticed, as for simulated
    hosts). Times in seconds."""

    capacity: int = 10
    poll_seconds: float = 20.0
    heal_seconds: float = 60.0
    tidy_seconds: float = 2400.0
    resume: bool = False
    unknown: Literal["noop", "log", "shutdown", "reap"] = "reap"
    boot_record: Path | None = None


class Agent:
    """One host's agent. `run` ends only by being cancelled."""

    def __init__(self, driver: Driver, channel: Channel, journal: Journal, options: Options | None = None) -> None:
        self._driver = driver
        self._channel = channel
        self._options = options or Options()
        self._session = new_uuid()
        self._powers = Powers()
        self._changed = asyncio.Event()
        self._workers = Workers(channel, driver, journal, self._finished)
        self._reported: HostReport | None = None
        self._beat_seconds = 5.0
        self._lease_seconds = 15.0
        self._tidied = monotonic()
        self._asides: set[asyncio.Task[None]] = set()
        self._ask_slots = asyncio.Semaphore(_ASKS_AT_ONCE)

    async def run(self) -> None:
        await self._driver.open(self._powered)
        try:
            while True:
                try:
                    await self._serve()
                except* Unknown as group:
                    # A control plane that lost its memory, or a host that was removed and added again.
                    _log.warning("this host is not known any more; registering anew", error=str(group.exceptions[0]))
                    await asyncio.sleep(_PAUSE)
        finally:
            await self._workers.stop()
            for task in self._asides:
                task.cancel()
            await asyncio.gather(*self._asides, return_exceptions=True)
            await self._driver.close()

    async def _serve(self) -> None:
        self._powers.begin_anew()
        self._reported = None
        await self._insist("register", self._register)
        await self._insist("reconcile", self._reconcile)
        await self._insist("first heartbeat", self._beat)
        _log.info("serving", session=self._session)
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._forever("poll", self._poll))
            loops.create_task(self._forever("heartbeat", self._next_beat))
            loops.create_task(self._forever("heal", self._heal))

    # ---- starting ----

    async def _insist(self, what: str, call: Callable[[], Awaitable[None]]) -> None:
        """Until both control plane and hypervisor are there."""
        async for attempt in tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((Unreachable, HypervisorUnavailable, Refused)),
            wait=tenacity.wait_random_exponential(multiplier=0.25, max=10.0),
            before_sleep=lambda state: _complain(what, state),
        ):
            with attempt:
                await call()

    async def _register(self) -> None:
        report = await self._driver.report()
        registered = await self._channel.register(report)
        self._reported = report
        self._beat_seconds = registered.heartbeat_seconds
        self._lease_seconds = registered.lease_seconds

    async def _reconcile(self) -> None:
        wanted = await self._channel.wanted()
        record = self._options.boot_record
        rebooted = record is not None and reconcile.boot_changed(record)
        resume = self._options.resume and rebooted
        await reconcile.reconcile(
            self._driver, wanted, resume=resume, busy=self._workers.busy, unknown=self._options.unknown
        )
        if record is not None:
            reconcile.keep_boot(record)
        self._powers.compare(await self._driver.guests(), self._workers.busy)

    # ---- the three loops ----

    async def _forever(self, what: str, once: Callable[[], Awaitable[None]]) -> None:
        """Nothing but being unknown (or cancelled) ends a loop."""
        while True:
            try:
                await once()
            except Unknown:
                raise
            except HypervisorUnavailable as error:
                _log.warning("hypervisor unavailable", loop=what, details=error.details)
                await asyncio.sleep(2.0)
            except Refused as error:
                _log.error("refused by the control plane", loop=what, error=str(error))
                await asyncio.sleep(5.0)
            except Exception:
                _log.exception("a loop met an unexpected error", loop=what)
                await asyncio.sleep(5.0)

    async def _poll(self) -> None:
        async def ask() -> None:
            running = self._workers.running()
            capacity = max(0, self._options.capacity - self._workers.count)
            # A lease counts from here, however long the poll is held: half of it must be left when work comes.
            wait = min(self._options.poll_seconds, self._lease_seconds / 2)
            if capacity == 0:
                wait = min(wait, 1.0)
            asked = monotonic()
            reply = await self._channel.poll(PollRequest(self._session, running, capacity, wait))
            self._workers.renewed(running, reply.lost, asked + self._lease_seconds)
            self._workers.abort(reply.cancel)
            for work in reply.work:
                self._workers.begin(work, asked)
            for one in reply.asks:
                self._spawn(self._answer(one))
            if not reply.work and not reply.asks and monotonic() - asked < _QUICK:
                # Whatever makes a control plane answer at once with nothing, it shall not be asked in a circle.
                await asyncio.sleep(_QUICK)

        await persist("poll", ask, longest=5.0)

    async def _next_beat(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._beat_seconds):
                await self._changed.wait()
            # What happens together is told together.
            await asyncio.sleep(min(0.2, self._beat_seconds / 4))
        self._changed.clear()
        await persist("heartbeat", self._beat, longest=self._beat_seconds)

    async def _beat(self) -> None:
        complete = self._powers.complete
        guests = self._powers.pending(self._workers.busy)
        load = await self._driver.load()
        await self._channel.heartbeat(Heartbeat(session=self._session, load=load, guests=guests, complete=complete))
        self._powers.told(guests)

    async def _heal(self) -> None:
        """Notice what no event told, and what the host has become."""
        await asyncio.sleep(self._options.heal_seconds)
        self._powers.compare(await self._driver.guests(), self._workers.busy)
        self._changed.set()
        report = await self._driver.report()
        if self._reported is None or _differs(self._reported, report):
            await self._insist("register", self._register)
        if monotonic() - self._tidied >= self._options.tidy_seconds:
            self._tidied = monotonic()
            wanted = await persist("wanted", self._channel.wanted)
            await self._driver.tidy(reconcile.images_of(wanted))

    # ---- what drivers and workers tell ----

    def _powered(self, server_id: str, power: PowerState) -> None:
        self._powers.note(server_id, power)
        self._changed.set()

    def _finished(self, server_id: str) -> None:
        """A step has ended: from here on the guest's power is its own again."""
        self._spawn(self._look(server_id))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    async def _look(self, server_id: str) -> None:
        with contextlib.suppress(HypervisorUnavailable):
            found = await self._driver.guests()
            if server_id in found:
                self._powers.note(server_id, found[server_id])
            else:
                self._powers.forget(server_id)
        self._changed.set()

    # ---- questions ----

    async def _answer(self, given: GivenAsk) -> None:
        failure: StepFailed | None = None
        data: dict[str, object] = {}
        try:
            async with self._ask_slots, asyncio.timeout(_ASK_SECONDS):
                data = await orders.answer(self._driver, given.decode())
        except StepFailed as error:
            failure = error
        except msgspec.MsgspecError as error:
            failure = Unsupported(what="this question", details=str(error))
        except Exception as error:
            _log.exception("a question met an unexpected error", ask=given.ask_id)
            failure = Unexpected(details=f"{type(error).__name__}: {error}")
        answer = Answer(data=data, error=failure.report() if failure else None)
        with contextlib.suppress(Stale, Unknown, Refused, TimeoutError):
            async with asyncio.timeout(_ASK_SECONDS):
                await persist("answer", lambda: self._channel.answer(given.ask_id, answer), longest=2.0)


def _complain(what: str, state: tenacity.RetryCallState) -> None:
    if state.attempt_number % 10 == 1:
        error = state.outcome.exception() if state.outcome else None
        details = error.details if isinstance(error, StepFailed) else ""
        _log.warning("cannot yet", what=what, attempt=state.attempt_number, error=str(error), details=details)


def _differs(told: HostReport, now: HostReport) -> bool:
    """Whether the control plane should hear: anything but what is free, or that by more than a hundredth."""
    before, after = told.inventory, now.inventory
    if msgspec.structs.replace(told, inventory=after) != now:
        return True
    if (before.vcpus, before.memory_mb, before.disk_gb, before.cells) != (
        after.vcpus,
        after.memory_mb,
        after.disk_gb,
        after.cells,
    ):
        return True
    return (
        abs(before.memory_mb_free - after.memory_mb_free) > after.memory_mb / 100
        or abs(before.disk_gb_free - after.disk_gb_free) > max(1.0, after.disk_gb / 100)
        or abs(before.disk_available_least - after.disk_available_least) > max(1.0, after.disk_gb / 100)
    )
