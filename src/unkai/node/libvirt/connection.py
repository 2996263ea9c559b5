"""The connection to libvirt: calls in a few threads, events in one, and a new connection when the old one breaks.

libvirtd may be killed at any time; guests go on, and a supervisor brings it back. So each call is written so that it
can be made again, and is, for a while, when the connection breaks under it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import tenacity

from unkai.kernel.log import get
from unkai.node.errors import GuestNotFound, HypervisorRefused, HypervisorUnavailable, OutOfMemory, StepFailed

__all__ = ["Connection", "LifecycleListener", "binding", "translate"]

_log = get(__name__)
T = TypeVar("T")
# (domain's UUID, event, detail), in the event loop.
LifecycleListener = Callable[[str, int, int], None]
_THREADS = 6

_events_lock = threading.Lock()
_events_running = False


def binding() -> Any:
    """libvirt's Python binding. Raises HypervisorUnavailable where it is not installed."""
    try:
        import libvirt
    except ImportError as error:
        raise HypervisorUnavailable(details=f"python has no libvirt binding: {error}") from error
    return libvirt


class _Broken(Exception):
    """The connection broke: what was asked may or may not have happened."""


class Connection:
    """`patience`: seconds for which a call is repeated while libvirt does not answer. A supervisor's longest pause
    before it starts libvirtd again is shorter."""

    def __init__(self, uri: str, patience: float = 45.0) -> None:
        self._uri = uri or "qemu:///system"
        self._patience = patience
        self._pool = ThreadPoolExecutor(_THREADS, "libvirt")
        self._guard = threading.Lock()
        self._current: Any = None
        self._listener: LifecycleListener = lambda uuid, event, detail: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reconnected: Callable[[], None] = lambda: None

    def open(self, listener: LifecycleListener, reconnected: Callable[[], None]) -> None:
        """Nothing is connected yet. `reconnected` is called, in the loop, after each connection but the first: events
        in between were lost."""
        self._listener = listener
        self._reconnected = reconnected
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        self._loop = None
        self._drop(self._current)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def call(self, work: Callable[[Any], T], patience: float | None = None) -> T:
        """`work(virConnect)` in a thread; repeated when the connection breaks, so it must be idempotent.

        Raises HypervisorUnavailable and what `translate` makes of libvirt's refusals; whatever else `work` raises.
        """
        loop = asyncio.get_running_loop()
        try:
            async for attempt in tenacity.AsyncRetrying(
                retry=tenacity.retry_if_exception_type(_Broken),
                wait=tenacity.wait_random_exponential(multiplier=0.1, max=2.0),
                stop=tenacity.stop_after_delay(self._patience if patience is None else patience),
                reraise=True,
            ):
                with attempt:
                    return await loop.run_in_executor(self._pool, self._run, work)
        except _Broken as error:
            raise HypervisorUnavailable(details=str(error)) from error
        raise AssertionError("either an answer or an error")

    # ---- in threads ----

    def _run(self, work: Callable[[Any], T]) -> T:
        libvirt = binding()
        connection = self._connected(libvirt)
        try:
            return work(connection)
        except libvirt.libvirtError as error:
            if _is_broken(libvirt, error) or not _alive(libvirt, connection):
                self._drop(connection)
                raise _Broken(str(error)) from error
            raise translate(libvirt, error) from error

    def _connected(self, libvirt: Any) -> Any:
        with self._guard:
            if self._current is not None:
                return self._current
            _run_events(libvirt)
            try:
                connection = libvirt.open(self._uri)
                connection.setKeepAlive(5, 3)
                connection.domainEventRegisterAny(
                    None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle, None
                )
            except libvirt.libvirtError as error:
                raise _Broken(str(error)) from error
            self._current = connection
            _log.info("connected to libvirt", uri=self._uri, version=connection.getLibVersion())
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._reconnected)
        return connection

    def _drop(self, connection: Any) -> None:
        with self._guard:
            if connection is None or self._current is not connection:
                return
            self._current = None
        with contextlib.suppress(Exception):
            connection.close()

    def _on_lifecycle(self, connection: Any, domain: Any, event: int, detail: int, opaque: Any) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self._listener, domain.UUIDString(), event, detail)


def _run_events(libvirt: Any) -> None:
    """One event loop of libvirt's own for the process, in a thread. Must be there before the first connection."""
    global _events_running  # noqa: PLW0603  libvirt keeps it for the whole process too
    with _events_lock:
        if _events_running:
            return
        libvirt.registerErrorHandler(lambda context, error: None, None)  # errors are raised; not printed as well
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=_dispatch, args=(libvirt,), name="libvirt-events", daemon=True).start()
        _events_running = True


def _dispatch(libvirt: Any) -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except Exception:
            _log.exception("libvirt's events")


def _is_broken(libvirt: Any, error: Any) -> bool:
    channel = error.get_error_domain() in (libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_RPC)
    codes = (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_RPC)
    return error.get_error_code() == libvirt.VIR_ERR_INVALID_CONN or (channel and error.get_error_code() in codes)


def _alive(libvirt: Any, connection: Any) -> bool:
    try:
        return bool(connection.isAlive())
    except libvirt.libvirtError:
        return False


def translate(libvirt: Any, error: Any) -> StepFailed:
    """libvirt's refusal as a step reports it. Users get its kind only: the rest may name paths of the host."""
    message = str(error)
    if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
        return GuestNotFound(server_id="", details=message)
    if "cannot allocate memory" in message.lower() or "cannot set up guest memory" in message.lower():
        return OutOfMemory(details=message)
    return HypervisorRefused(reason=message.partition(":")[0], details=message)
