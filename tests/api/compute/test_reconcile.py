"""What does not fit together any more is found and put right, kind by kind; what fits is left alone."""

import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from harness.simulated_cloud import SimulatedCloud
from unkai.compute import reconcile
from unkai.compute.store.tables import servers
from unkai.kernel.store import Tx
from unkai.network import service as network
from unkai.placement import service as placement

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("no_servers_left")]


async def change(cloud: SimulatedCloud, server_id: str, **values: Any) -> None:
    """What a fault of ours or a restored backup might have left."""

    def write(tx: Tx) -> None:
        tx.execute(sa.update(servers).where(servers.c.id == server_id).values(**values))

    await cloud.house.kit.db.run(write)


async def drifts(cloud: SimulatedCloud, *, fix: bool) -> list[str]:
    kit = cloud.house.kit
    return [drift.kind for drift in await kit.db.run(reconcile.reconcile, kit, fix)]


async def with_port(cloud: SimulatedCloud) -> dict[str, Any]:
    made = await cloud.call("POST", "/network/v2.0/networks", {"network": {"name": "net"}}, user="demo")
    net = made.body["network"]["id"]
    subnet = {"network_id": net, "ip_version": 4, "cidr": "10.6.0.0/24"}
    await cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet}, user="demo")
    return await cloud.boot(networks=[{"uuid": net}])


async def test_nothing_to_do(cloud: SimulatedCloud) -> None:
    await with_port(cloud)
    assert await drifts(cloud, fix=True) == []


async def test_builds_that_nobody_works_on(cloud: SimulatedCloud) -> None:
    one, two = await cloud.boot(name="a"), await cloud.boot(name="b")
    await change(cloud, one["id"], vm_state="building", task_state="spawning")
    await change(cloud, two["id"], task_state="powering-off")
    assert await drifts(cloud, fix=False) == ["abandoned", "abandoned"]
    assert (await cloud.server(one["id"]))["status"] == "BUILD", "looking changes nothing"
    await drifts(cloud, fix=True)
    failed = await cloud.settled(one["id"], "ERROR")
    assert "interrupted" in failed["fault"]["message"]
    await cloud.settled(two["id"], "ACTIVE")
    assert await drifts(cloud, fix=True) == []


async def test_what_a_server_left_behind(cloud: SimulatedCloud) -> None:
    """A row that says deleted while its resources and ports are still there."""
    one = await with_port(cloud)
    kit = cloud.house.kit
    now = datetime.datetime.now(datetime.UTC)
    await change(cloud, one["id"], deleted=True, vm_state="deleted", terminated_at=now, host=None)
    assert sorted(await drifts(cloud, fix=True)) == ["leftover allocation", "leftover ports"]
    assert await kit.db.read(placement.amounts_by_consumers, [one["id"]]) == {}
    assert await kit.db.read(network.nics_by_servers, [one["id"]]) in ({}, {one["id"]: []})
    assert await drifts(cloud, fix=True) == []


async def test_a_server_that_holds_nothing(cloud: SimulatedCloud) -> None:
    """Only told: the room may be somebody else's by now."""
    one = await cloud.boot()
    await cloud.house.kit.db.run(placement.release, one["id"])
    assert await drifts(cloud, fix=True) == ["missing allocation"]
    assert await drifts(cloud, fix=True) == ["missing allocation"]
