"""Wake-ups between parts of one process: "look at your rows". Losing one costs latency only, never truth."""

import asyncio
import threading


class Bell:
    """Waits for a topic's ring. A ring before the wait is not lost: `wait` returns at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Safe from any thread; silent when the loop is gone (shutdown)."""
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            return

    async def wait(self, timeout: float) -> bool:
        """True when it rang, False after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Wake:
    """Bells by topic. `ring` may be called from database threads after a commit."""

    def __init__(self) -> None:
        self._bells: dict[str, set[Bell]] = {}
        self._lock = threading.Lock()

    def listen(self, topic: str) -> Bell:
        bell = Bell(asyncio.get_running_loop())
        with self._lock:
            self._bells.setdefault(topic, set()).add(bell)
        return bell

    def forget(self, topic: str, bell: Bell) -> None:
        with self._lock:
            bells = self._bells.get(topic)
            if bells is not None:
                bells.discard(bell)
                if not bells:
                    del self._bells[topic]

    def ring(self, topic: str) -> None:
        with self._lock:
            bells = tuple(self._bells.get(topic, ()))
        for bell in bells:
            bell.ring()
