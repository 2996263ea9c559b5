"""The writer: what changes is written, what fails is tried again and does not hold up the rest, drift is mended."""

import asyncio
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pytest

from unit.network import world
from unit.network.world import ALICE, World
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.network import reconcile, service
from unkai.network.hosts import Hosts
from unkai.network.ovn.memory import MemoryNorth
from unkai.network.ovn.model import Key, NorthObject, Switch
from unkai.network.ovn.north import NorthError, NorthUnavailable, Ups
from unkai.network.service import guests, networks, ports
from unkai.network.settings import WriterOptions
from unkai.network.store import pending
from unkai.network.store import ports as port_rows
from unkai.network.wiring import Wiring


class Fragile(MemoryNorth):
    """Refuses some objects, or everything."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[str] = set()
        self.down = False
        self.applied: list[int] = []

    async def apply(self, put: Collection[NorthObject], drop: Iterable[Key] = ()) -> Ups:
        if self.down:
            raise NorthUnavailable("down")
        if any(one.key.id in self.bad for one in put):
            raise NorthError("refused for the test")
        self.applied.append(len(put))
        return await super().apply(put, drop)


@pytest.fixture
def north() -> Fragile:
    return Fragile()


@pytest.fixture
def wired(tmp_path: Path, north: Fragile) -> World:
    made = world.make(tmp_path, WriterOptions(reconcile_interval=0.0))
    made.kit.put(Wiring, Wiring(north))
    return made


async def in_step(kit: Kit, north: MemoryNorth) -> bool:
    return await reconcile.check(kit, north) == []


async def test_everything_is_written_and_forgotten(wired: World, north: Fragile) -> None:
    network = wired.network()
    subnet = wired.subnet(network, "10.0.0.0/24")
    external = wired.external()
    wired.router(ALICE, external, subnet)
    port = wired.port(network)
    assert await service.sync_now(wired.kit)
    assert wired.read(service.count_pending) == 0
    assert await in_step(wired.kit, north)
    wired.do(ports.delete, ALICE, port)
    assert await service.sync_now(wired.kit)
    assert Key("port", port.id) not in await north.read()
    assert await in_step(wired.kit, north)


async def test_one_bad_row_does_not_hold_up_the_others(wired: World, north: Fragile) -> None:
    bad, good = wired.network(name="bad"), wired.network(name="good")
    north.bad.add(bad.id)
    await wired.kit.get(Wiring).flush(wired.kit)
    assert Key("network", good.id) in await north.read()
    left = {(item.kind, item.object_id): item for item in wired.read(pending.everything)}
    # Its metadata port waits for it too.
    assert ("network", bad.id) in left and len(left) == 2
    assert "refused for the test" in left["network", bad.id].error
    assert left["network", bad.id].attempts >= 1
    again = wired.read(pending.next_time)
    assert again is not None and again > left["network", bad.id].since
    north.bad.clear()
    wired.do(networks.update, ALICE, bad, networks.NetworkChange(name="better"))
    assert await service.sync_now(wired.kit, 30)
    assert await in_step(wired.kit, north)


async def test_a_change_while_writing_is_not_lost(wired: World, north: Fragile, monkeypatch: Any) -> None:
    network = wired.network(name="first")
    apply = north.apply

    async def slow(put: Collection[NorthObject], drop: Iterable[Key] = ()) -> Ups:
        if any(isinstance(one, Switch) and one.notes["neutron:network_name"] == "first" for one in put):
            change = networks.NetworkChange(name="second")
            wired.kit.db.run_now(lambda tx: networks.update(tx, wired.kit, ALICE, network, change))
        return await apply(put, drop)

    monkeypatch.setattr(north, "apply", slow)
    assert await service.sync_now(wired.kit)
    made = (await north.read())[Key("network", network.id)]
    assert isinstance(made, Switch) and made.notes["neutron:network_name"] == "second"


async def test_an_unreachable_database_loses_nothing(wired: World, north: Fragile) -> None:
    network = wired.network()
    north.down = True
    with pytest.raises(NorthUnavailable):
        await wired.kit.get(Wiring).flush(wired.kit)
    assert {item.attempts for item in wired.read(pending.everything)} == {0}
    north.down = False
    assert await service.sync_now(wired.kit)
    assert Key("network", network.id) in await north.read()


async def test_drift_is_found_and_mended(wired: World, north: Fragile) -> None:
    kept, lost, bent = (wired.network(name=name) for name in ("kept", "lost", "bent"))
    await service.sync_now(wired.kit)
    stranger = Switch(id="stranger", options={}, notes={})
    wrong = Switch(id=bent.id, options={}, notes={})
    await north.apply([stranger, wrong], [Key("network", lost.id)])
    metadata = wired.read(port_rows.on_network, Scope.system(), lost.id)[0].id
    found = await reconcile.check(wired.kit, north)
    assert [(one.what, one.kind, one.id) for one in found] == sorted(
        [
            ("missing", "network", lost.id),
            ("missing", "port", metadata),
            ("orphan", "network", "stranger"),
            ("stale", "network", bent.id),
        ]
    )
    await reconcile.fix(wired.kit, found)
    assert await reconcile.check(wired.kit, north) == [], "what is about to be written is no drift"
    assert await service.sync_now(wired.kit)
    assert await in_step(wired.kit, north)
    assert Key("network", "stranger") not in await north.read()
    assert Key("network", kept.id) in await north.read()


async def background(cloud: World) -> asyncio.Task[None]:
    task = asyncio.create_task(cloud.kit.get(Wiring).run(cloud.kit))
    await asyncio.sleep(0)
    return task


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_server_waits_for_its_ports(wired: World, north: Fragile) -> None:
    network = wired.network()
    wired.subnet(network, "10.0.0.0/24")
    task = await background(wired)
    planned = wired.do(guests.validate_requests, ALICE, None)
    (port,) = await wired.kit.db.run(guests.create_ports, wired.kit, ALICE, "server", planned, "nova")
    assert await service.wait_ports_active(wired.kit, [port.id], 0.2) == {port.id}
    bound = await wired.kit.db.run(guests.bind_ports, wired.kit, "server", "host", "chassis")
    assert await service.wait_ports_active(wired.kit, bound, 5) == set()
    assert wired.read(port_rows.statuses, [port.id]) == {port.id: "ACTIVE"}
    await wired.kit.db.run(guests.unbind_ports, wired.kit, "server")
    assert await service.wait_ports_active(wired.kit, ["gone"], 0.1) == {"gone"}
    await stop(task)


async def test_gateways_follow_the_hosts(wired: World, north: Fragile) -> None:
    external = wired.external()
    router = wired.router(ALICE, external)
    task = await background(wired)
    assert await service.sync_now(wired.kit)

    async def chassis() -> tuple[str, ...]:
        made: Any = (await north.read())[Key("router", router.id)]
        return made.ports[0].chassis  # type: ignore[no-any-return]

    assert await chassis() == ()
    known = Hosts()
    known.chassis = lambda tx: ["c1"]
    wired.kit.put(Hosts, known)
    async with asyncio.timeout(10):
        while await chassis() != ("c1",):
            await asyncio.sleep(0.05)
    await stop(task)


async def test_a_wiped_database_is_filled_again_at_the_start(wired: World, north: Fragile) -> None:
    network = wired.network()
    await service.sync_now(wired.kit)
    await north.apply([], list(await north.read()))
    assert await north.read() == {}
    task = await background(wired)
    async with asyncio.timeout(10):
        while Key("network", network.id) not in await north.read():
            await asyncio.sleep(0.05)
    await stop(task)
