"""Keeps OVN as the rows say: a task writes what changed, one takes over which ports are up, one compares everything.

Whatever fails is tried again with growing pauses, and its reason stands in its pending row (`unkai status`).
"""

import asyncio
import threading
from collections.abc import Sequence
from datetime import timedelta

from unkai.kernel import log
from unkai.kernel.clock import monotonic, utcnow
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.kernel.wake import Bell
from unkai.network import metrics, reconcile
from unkai.network.hosts import gateway_chassis
from unkai.network.ovn import desired
from unkai.network.ovn.model import KINDS, Kind
from unkai.network.ovn.north import NorthError, NorthUnavailable, NorthWriter, Ups
from unkai.network.settings import WriterOptions
from unkai.network.store import pending, ports, routers
from unkai.network.store.pending import Pending

_log = log.get(__name__)
_BATCH = 200
_IDLE_SECONDS = 2.0
_LONGEST_PAUSE = 60.0


class Wiring:
    """One per process, in the kit."""

    def __init__(self, north: NorthWriter) -> None:
        self.north = north
        self._writing = asyncio.Lock()
        self._ups: Ups = {}
        self._guard = threading.Lock()
        self._ups_bell: Bell | None = None
        self._doubt = asyncio.Event()
        self._reachable = True
        self._chassis: list[str] | None = None
        self._watch_again = 0.0

    async def run(self, kit: Kit) -> None:
        """Until cancelled."""
        bell = kit.wake.listen(pending.TOPIC)
        self._ups_bell = Bell(asyncio.get_running_loop())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write_forever(kit, bell))
                tasks.create_task(self._follow_forever(kit))
                tasks.create_task(self._compare_forever(kit))
        finally:
            kit.wake.forget(pending.TOPIC, bell)
            await self.north.close()

    async def flush(self, kit: Kit) -> None:
        """Write everything that is due. Raises NorthUnavailable."""
        async with self._writing:
            while items := await kit.db.read(pending.due, _BATCH):
                await self._render(kit, sorted(items, key=lambda item: KINDS.index(_kind(item))))

    async def connect(self) -> None:
        """Raises NorthUnavailable."""
        await self.north.start(self._heard)

    # ---- writing ----

    async def _write_forever(self, kit: Kit, bell: Bell) -> None:
        connected = ready = False
        while True:
            try:
                if not connected:
                    await self.connect()
                    connected = True
                before, ready = ready, self.north.ready()
                if ready and not before:
                    # Connected anew, perhaps to another database: what it has of ours has to be seen.
                    self._doubt.set()
                if ready:
                    await self._watch_chassis(kit)
                    await self.flush(kit)
                    if not self._reachable:
                        _log.info("the north-bound database answers again")
                    self._reachable = True
            except NorthUnavailable as error:
                if self._reachable:
                    _log.warning("the north-bound database does not answer", reason=str(error))
                self._reachable = False
            await bell.wait(await self._pause(kit))

    async def _watch_chassis(self, kit: Kit) -> None:
        """External gateways move as soon as there are other chassis to carry them."""
        if self._chassis is not None and monotonic() < self._watch_again:
            return
        self._watch_again = monotonic() + _IDLE_SECONDS
        chassis = await kit.db.read(gateway_chassis, kit)
        if self._chassis is not None and set(chassis) != set(self._chassis):
            _log.info("other chassis carry the external gateways", chassis=chassis)
            await kit.db.run(_note_gateways)
        self._chassis = chassis

    async def _pause(self, kit: Kit) -> float:
        """How long to wait for a bell: another process may ring its own only, and failures have their time."""
        due = await kit.db.read(pending.next_time)
        if due is None or not self._reachable:
            return _IDLE_SECONDS
        return min(_IDLE_SECONDS, max(0.05, (due - utcnow()) / timedelta(seconds=1)))

    async def _render(self, kit: Kit, items: Sequence[Pending]) -> None:
        """Write these objects in one transaction; if that is refused, each for itself, so that one bad row does
        not hold up the others."""
        wanted: dict[Kind, list[str]] = {}
        for item in items:
            wanted.setdefault(_kind(item), []).append(item.object_id)
        try:
            put, drop = await kit.db.read(desired.objects, kit, wanted)
            ups = await self.north.apply(put, drop)
        except NorthUnavailable:
            raise
        except Exception as error:  # a row that cannot be rendered must not hold up the others, whatever the reason
            if len(items) > 1:
                for item in items:
                    await self._render(kit, [item])
                return
            await self._failed(kit, items[0], error)
            return
        metrics.WRITTEN.inc(len(items))
        await kit.db.run(_written, items, ups)

    async def _failed(self, kit: Kit, item: Pending, error: Exception) -> None:
        pause = min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(item.attempts, 10))
        _log.warning(
            "OVN was not told of a change",
            kind=item.kind,
            id=item.object_id,
            attempts=item.attempts + 1,
            again_in=pause,
            reason=str(error),
            # What the database refuses says enough; anything else is a fault of ours.
            exc_info=None if isinstance(error, NorthError) else error,
        )
        metrics.FAILED.inc()
        await kit.db.run(pending.failed, item, f"{type(error).__name__}: {error}", pause)
        self._doubt.set()

    # ---- ports going up and down ----

    def _heard(self, port_id: str, up: bool) -> None:
        """On any thread."""
        with self._guard:
            self._ups[port_id] = up
        if self._ups_bell is not None:
            self._ups_bell.ring()

    async def _follow_forever(self, kit: Kit) -> None:
        assert self._ups_bell is not None
        while True:
            await self._ups_bell.wait(_IDLE_SECONDS)
            await self.follow(kit)

    async def follow(self, kit: Kit) -> None:
        """Take over what was heard of ports since the last time."""
        with self._guard:
            heard, self._ups = self._ups, {}
        if heard:
            await kit.db.run(record, heard)

    # ---- comparing ----

    async def _compare_forever(self, kit: Kit) -> None:
        interval = kit.settings[WriterOptions].reconcile_interval
        next_time = monotonic() + interval
        while True:
            left = max(next_time - monotonic(), 0.1) if interval > 0 else None
            try:
                async with asyncio.timeout(left):
                    await self._doubt.wait()
            except TimeoutError:
                pass
            self._doubt.clear()
            next_time = monotonic() + interval
            if self.north.ready():
                await self._compare(kit)
            # A row that fails again and again must not have everything compared without a pause.
            await asyncio.sleep(1.0)

    async def _compare(self, kit: Kit) -> None:
        try:
            drifts = await reconcile.check(kit, self.north)
            await reconcile.fix(kit, drifts)
            await kit.db.run(record, await self.north.ups())
        except NorthUnavailable as error:
            _log.info("OVN was not compared", reason=str(error))


def record(tx: Tx, ups: Ups) -> None:
    """Ports' statuses as OVN says; whoever waits for one of these ports is woken."""
    for up, status in ((True, "ACTIVE"), (False, "DOWN")):
        ids = [port_id for port_id, is_up in ups.items() if is_up is up]
        for start in range(0, len(ids), 500):
            ports.set_status(tx, ids[start : start + 500], status)
    for port_id in ups:
        tx.ring(ports.topic(port_id))


def _note_gateways(tx: Tx) -> None:
    pending.note(tx, "router", routers.ids_with_gateway(tx))


def _written(tx: Tx, items: Sequence[Pending], ups: Ups) -> None:
    pending.done(tx, items)
    if ups:
        record(tx, ups)


def _kind(item: Pending) -> Kind:
    return next(kind for kind in KINDS if kind == item.kind)


async def run(kit: Kit) -> None:
    """The room's background task."""
    await kit.get(Wiring).run(kit)


async def sync_now(kit: Kit, timeout: float = 30.0) -> bool:
    """Return when OVN has been told everything, at most after `timeout` seconds. False: something is left."""
    wiring = kit.get(Wiring)
    deadline = monotonic() + timeout
    while True:
        if wiring.north.ready():
            await wiring.flush(kit)
        if not await kit.db.read(pending.everything):
            return True
        if monotonic() >= deadline:
            return False
        await asyncio.sleep(0.05)
