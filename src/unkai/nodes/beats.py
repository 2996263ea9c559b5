"""Heartbeats and what their absence means. Many hosts' beats become one statement a second."""

import asyncio

from unkai.kernel import log
from unkai.kernel.flow import hosts as flow_hosts
from unkai.kernel.kit import Kit
from unkai.kernel.store import StoreError, Tx
from unkai.nodes import store
from unkai.nodes.settings import NodesDefault

_log = log.get(__name__)
_FLUSH = 1.0
_DEAD = 5.0


class Beats:
    """Hosts heard of since the last flush."""

    def __init__(self) -> None:
        self._heard: set[str] = set()

    def add(self, host: str) -> None:
        self._heard.add(host)

    def take(self) -> set[str]:
        heard, self._heard = self._heard, set()
        return heard


async def flush_forever(kit: Kit) -> None:
    """Write who was heard of."""
    beats = kit.get(Beats)
    while True:
        await asyncio.sleep(_FLUSH)
        heard = beats.take()
        if heard:
            try:
                await kit.db.run(store.beat, heard)
            except StoreError:
                _log.exception("heartbeats cannot be written")


async def bury_forever(kit: Kit) -> None:
    """Fail what dead hosts were given, so that its flows undo themselves or go elsewhere.

    Waits one down time first: right after a start of the control plane nobody could have been heard of.
    """
    down_after = kit.settings[NodesDefault].service_down_time
    await asyncio.sleep(down_after)
    while True:
        try:
            failed = await kit.db.run(_bury, down_after)
            if failed:
                _log.warning("steps of dead hosts failed", steps=failed)
        except StoreError:
            _log.exception("dead hosts cannot be looked for")
        await asyncio.sleep(_DEAD)


def _bury(tx: Tx, down_after: int) -> int:
    dead = store.long_unheard(tx, down_after)
    return flow_hosts.fail_dead(tx, dead, f"no heartbeat for {down_after} seconds") if dead else 0
