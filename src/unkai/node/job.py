"""One step being worked on: how long the host may, whether it was called off, how far it is.

The lease counts on the host's own monotonic clock from the moment the host asked, so it ends here before it ends
at the control plane. A process that was frozen and woken finds its lease over at its next `check`, and whoever
changes something on the host calls `check` immediately before, in threads too.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Self, TypeVar

from unkai.kernel.clock import monotonic
from unkai.kernel.log import get
from unkai.node.errors import StepFailed

__all__ = ["Aborted", "Job", "Lost", "Stopped", "Undo", "undoing_on_failure"]

_log = get(__name__)
T = TypeVar("T")


class Stopped(Exception):
    """Go no further."""


class Lost(Stopped):
    """The lease is over: another generation may be at work. Leave everything as it is, the undoing included."""


class Aborted(Stopped):
    """The control plane called the step off: undo what was done, then say so."""


class Job:
    """`until` is the end of the lease on `clock.monotonic`; `margin` seconds before it nothing new is begun."""

    def __init__(self, step_id: str, subject: str, generation: int, until: float, margin: float = 0.0) -> None:
        self.step_id = step_id
        self.subject = subject
        self.generation = generation
        self.message, self.done, self.total = "", 0, 0
        self.told = asyncio.Event()
        self._until = until
        self._margin = margin
        self._why: Stopped | None = None
        self._undoing = False
        self._bell = asyncio.Event()

    @classmethod
    def unleased(cls, subject: str) -> Self:
        """Work of the host's own, such as reconciling; its generation is below any order's."""
        return cls("", subject, 0, float("inf"))

    # ---- for whoever works on the step ----

    def check(self) -> None:
        """Raise Lost or Aborted when the step must not change anything any more. Safe in threads."""
        if isinstance(self._why, Lost):
            raise self._why
        if monotonic() >= self._until - self._margin:
            raise Lost(f"the lease of step {self.step_id} is over")
        if self._why is not None and not self._undoing:
            raise self._why

    async def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns. When the step is stopped, `work` is cancelled and awaited before that is raised."""
        try:
            self.check()
        except Stopped:
            work.close()
            raise
        if self._undoing:
            return await work
        task = asyncio.ensure_future(work)
        bell = asyncio.ensure_future(self._bell.wait())
        try:
            await asyncio.wait({task, bell}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            bell.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        self.check()
        raise Lost(f"step {self.step_id} was stopped")

    async def sleep(self, seconds: float) -> None:
        await self.wait(asyncio.sleep(seconds))

    def tell(self, message: str, done: int = 0, total: int = 0) -> None:
        """Progress, sent with the next renewal. Only from the event loop."""
        self.message, self.done, self.total = message, done, total
        self.told.set()

    # ---- for the agent ----

    @property
    def until(self) -> float:
        return self._until

    @property
    def lost(self) -> bool:
        return isinstance(self._why, Lost)

    @property
    def stopped(self) -> bool:
        """Called off or lost."""
        return self._why is not None

    def renew(self, until: float) -> None:
        self._until = max(self._until, until)

    def abort(self) -> None:
        if self._why is None:
            self._why = Aborted(f"step {self.step_id} was called off")
            self._bell.set()

    def lose(self, why: str) -> None:
        if not isinstance(self._why, Lost):
            self._why = Lost(why)
            self._bell.set()

    def undo(self) -> None:
        """From now on a call-off stops nothing: what runs is the undoing."""
        self._undoing = True


class Undo:
    """The reverse of each effect so far. Each runs only with the lease still held."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._steps: list[Callable[[], Awaitable[None]]] = []

    def push(self, step: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        self._steps.append(partial(step, *arguments))

    async def run(self) -> None:
        """Newest first. One that fails is logged and the others still run: the control plane's own undo comes after.
        Raises Lost."""
        self._job.undo()
        while self._steps:
            self._job.check()
            step = self._steps.pop()
            try:
                await step()
            except Lost:
                raise
            except Exception as error:
                details = error.details if isinstance(error, StepFailed) else ""
                _log.warning("undo failed", subject=self._job.subject, error=str(error), details=details)


@contextlib.asynccontextmanager
async def undoing_on_failure(job: Job) -> AsyncIterator[Undo]:
    """Reverses that run when the block fails or is called off; not when it succeeds, nor without the lease."""
    undo = Undo(job)
    try:
        yield undo
    except Lost:
        raise
    except BaseException:
        # Lost while undoing: the block's own failure is still what is told, to a control plane that will not hear it.
        with contextlib.suppress(Lost):
            await undo.run()
        raise
