"""What libvirt tells by itself, as power changes of this host's guests."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from unkai.contracts.guest import PowerState
from unkai.kernel.log import get
from unkai.node.driver import PowerListener
from unkai.node.errors import HypervisorUnavailable
from unkai.node.libvirt.domains import Domains
from unkai.node.libvirt.power import power_of_event

__all__ = ["PowerEvents"]

_log = get(__name__)


class PowerEvents:
    """From `open` to `close` it tells `listener`. `reconnected` is called when it may be another libvirtd."""

    def __init__(self, domains: Domains, reconnected: Callable[[], None]) -> None:
        self._domains = domains
        self._reconnected = reconnected
        self._listener: PowerListener = lambda server_id, power: None
        self._following: set[asyncio.Task[None]] = set()

    def open(self, listener: PowerListener) -> None:
        self._listener = listener
        self._domains.open(self._on_lifecycle, self._on_connection)

    async def close(self) -> None:
        self._listener = lambda server_id, power: None
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    def _on_lifecycle(self, server_id: str, event: int, detail: int) -> None:
        power = power_of_event(event, detail)
        if power is not None:
            self._follow(self._tell_if_ours(server_id, power))

    def _on_connection(self) -> None:
        self._reconnected()
        self._follow(self._tell_all())

    async def _tell_if_ours(self, server_id: str, power: PowerState) -> None:
        if await self._domains.known(server_id):
            self._listener(server_id, power)

    async def _tell_all(self) -> None:
        """What happened while nobody was connected was told to nobody."""
        for server_id, power in (await self._domains.powers()).items():
            self._listener(server_id, power)

    def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(_logged(work))
        self._following.add(task)
        task.add_done_callback(self._following.discard)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except HypervisorUnavailable as error:
        _log.warning("an event could not be followed", details=error.details)
    except Exception:
        _log.exception("an event could not be followed")
