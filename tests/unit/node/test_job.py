"""Leases on the host's own clock, call-offs, and the stack of reverses."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from unkai.kernel.clock import monotonic
from unkai.node.job import Aborted, Job, Lost, undoing_on_failure


def job(seconds: float = 60.0, margin: float = 0.0) -> Job:
    return Job("step", "subject", 1, monotonic() + seconds, margin)


async def test_a_lease_that_is_over_stops_everything() -> None:
    late = job(-1.0)
    with pytest.raises(Lost):
        late.check()
    with pytest.raises(Lost):
        await late.sleep(10)
    late.renew(monotonic() + 10)
    late.check()


async def test_nothing_new_begins_within_the_margin() -> None:
    with pytest.raises(Lost):
        job(1.0, margin=2.0).check()


async def test_waiting_ends_when_called_off_and_the_work_is_cancelled() -> None:
    called_off = job()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(called_off.wait(work()))
    await asyncio.sleep(0)
    called_off.abort()
    with pytest.raises(Aborted):
        await task
    assert ended.is_set()
    with pytest.raises(Aborted):
        called_off.check()


async def test_losing_wins_over_calling_off() -> None:
    both = job()
    both.abort()
    both.lose("gone")
    with pytest.raises(Lost):
        both.check()


def noting(notes: list[str], text: str) -> Callable[[], Awaitable[None]]:
    async def note() -> None:
        notes.append(text)

    return note


async def test_reverses_run_newest_first_when_it_fails() -> None:
    notes: list[str] = []
    with pytest.raises(ValueError, match="broken"):
        async with undoing_on_failure(job()) as undo:
            undo.push(noting(notes, "first"))
            undo.push(noting(notes, "second"))
            raise ValueError("broken")
    assert notes == ["second", "first"]


async def test_reverses_run_when_called_off_and_may_wait() -> None:
    notes: list[str] = []
    called_off = job()

    async def reverse() -> None:
        called_off.check()
        await called_off.sleep(0.01)
        notes.append("undone")

    with pytest.raises(Aborted):
        async with undoing_on_failure(called_off) as undo:
            undo.push(reverse)
            called_off.abort()
            called_off.check()
    assert notes == ["undone"]


async def test_a_reverse_that_fails_hides_neither_the_cause_nor_the_others() -> None:
    notes: list[str] = []

    async def bad() -> None:
        raise RuntimeError("cannot")

    with pytest.raises(ValueError, match="cause"):
        async with undoing_on_failure(job()) as undo:
            undo.push(noting(notes, "first"))
            undo.push(bad)
            raise ValueError("cause")
    assert notes == ["first"]


async def test_nothing_is_undone_without_the_lease() -> None:
    notes: list[str] = []
    lost = job()
    with pytest.raises(Lost):
        async with undoing_on_failure(lost) as undo:
            undo.push(noting(notes, "undone"))
            lost.lose("taken away")
            lost.check()
    assert notes == []


async def test_a_lease_lost_while_undoing_ends_it() -> None:
    notes: list[str] = []
    going = job()

    async def lose() -> None:
        notes.append("second")
        going.lose("taken away")

    with pytest.raises(ValueError, match="cause"):
        async with undoing_on_failure(going) as undo:
            undo.push(noting(notes, "first"))
            undo.push(lose)
            raise ValueError("cause")
    assert notes == ["second"]


async def test_a_cancelled_step_without_its_lease_undoes_nothing() -> None:
    notes: list[str] = []
    lost = job()

    async def step() -> None:
        async with undoing_on_failure(lost) as undo:
            undo.push(noting(notes, "undone"))
            await asyncio.sleep(60)

    task = asyncio.create_task(step())
    await asyncio.sleep(0)
    lost.lose("the agent stops")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert notes == []


async def test_nothing_is_undone_after_success() -> None:
    notes: list[str] = []
    async with undoing_on_failure(job()) as undo:
        undo.push(noting(notes, "undone"))
    assert notes == []
