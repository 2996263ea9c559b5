"""The contract of the north-bound database: the same for the one in memory and for a real one."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from unkai.network.ovn import acls
from unkai.network.ovn.database import OvnNorth
from unkai.network.ovn.memory import MemoryNorth
from unkai.network.ovn.model import (
    Acl,
    DhcpOptions,
    Group,
    Localnet,
    Nat,
    NorthObject,
    Router,
    RouterPort,
    StaticRoute,
    Switch,
    SwitchPort,
)
from unkai.network.ovn.north import NorthError, NorthUnavailable, NorthWriter

SCHEMA = Path("/usr/share/ovn/ovn-nb.ovsschema")


def until(what: str, condition: Callable[[], object], seconds: float, pause: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not in {seconds} s"
        time.sleep(pause)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A north-bound database server, and nothing behind it."""
    subprocess.run(["ovsdb-tool", "create", tmp_path / "db", SCHEMA], check=True)
    options = [f"--remote=punix:{tmp_path}/sock", f"--unixctl={tmp_path}/ctl", "-vconsole:off"]
    process = subprocess.Popen(["ovsdb-server", *options, tmp_path / "db"])
    try:
        until("the server", (tmp_path / "sock").exists, 10, 0.02)
        yield f"unix:{tmp_path}/sock"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(params=["memory", pytest.param("database", marks=pytest.mark.ovn)])
async def north(request: pytest.FixtureRequest) -> AsyncIterator[NorthWriter]:
    made: NorthWriter = MemoryNorth()
    if request.param == "database":
        made = OvnNorth(request.getfixturevalue("server"), 10)
    await made.start(lambda port_id, up: None)
    while not made.ready():
        await asyncio.sleep(0.02)
    yield made
    await made.close()


def switch(id: str = "net", **changes: object) -> Switch:
    return msgspec.structs.replace(
        Switch(id=id, options={"mcast_snoop": "false"}, notes={"neutron:network_name": "n"}), **changes
    )


def port(id: str = "port", **changes: object) -> SwitchPort:
    made = SwitchPort(
        id=id,
        network_id="net",
        addresses=("fa:16:3e:00:00:01 10.0.0.5",),
        port_security=("fa:16:3e:00:00:01 10.0.0.5",),
        notes={"neutron:network_name": "neutron-net"},
        groups=("drop",),
    )
    return msgspec.structs.replace(made, **changes)


DHCP = DhcpOptions(id="sub", cidr="10.0.0.0/24", options={"server_id": "10.0.0.1", "lease_time": "60"})
RULES = (
    Acl("from-lport", 1002, "inport == @pg_g && ip4", "allow-related", "r1"),
    Acl("to-lport", 1002, "outport == @pg_g && ip4 && tcp", "allow-related", "r2"),
)
GROUP = Group(id="g", acls=RULES)
ROUTER = Router(
    id="r",
    enabled=True,
    options={"dynamic_neigh_routers": "true"},
    notes={"neutron:router_name": "router"},
    ports=(
        RouterPort(id="p1", mac="fa:16:3e:00:00:02", addresses=("10.0.0.1/24", "fd00::1/64")),
        RouterPort(id="p2", mac="fa:16:3e:00:00:03", addresses=("172.24.4.10/24",), chassis=("h2", "h1")),
    ),
    routes=(StaticRoute("0.0.0.0/0", "172.24.4.1", "lrp-p2"), StaticRoute("10.9.0.0/24", "10.0.0.9")),
    nats=(Nat("dnat_and_snat", "172.24.4.11", "10.0.0.5", "f1"), Nat("snat", "172.24.4.10", "10.0.0.0/24")),
)
ALL: list[NorthObject] = [
    port(dhcp4="sub", groups=("drop", "g")),
    ROUTER,
    GROUP,
    acls.drop_group(),
    DHCP,
    switch(),
    switch("flat", localnet=Localnet("public")),
    switch("vlan", localnet=Localnet("physnet", 100)),
]


async def test_what_is_put_is_there_whatever_the_order(north: NorthWriter) -> None:
    await north.apply(ALL)
    assert await north.read() == {one.key: one for one in ALL}
    await north.apply(ALL)
    assert await north.read() == {one.key: one for one in ALL}


async def test_objects_are_replaced_as_wholes(north: NorthWriter) -> None:
    await north.apply(ALL)
    changed = [
        msgspec.structs.replace(
            ROUTER, enabled=False, ports=ROUTER.ports[:1], routes=ROUTER.routes[1:], nats=ROUTER.nats[1:], notes={}
        ),
        msgspec.structs.replace(GROUP, acls=RULES[:1]),
        msgspec.structs.replace(DHCP, options={"server_id": "10.0.0.2"}),
        switch("flat"),
        switch("vlan", localnet=Localnet("physnet", 101)),
        port(groups=("drop",), enabled=False, addresses=("fa:16:3e:00:00:01", "unknown"), port_security=()),
    ]
    await north.apply(changed)
    expected = {one.key: one for one in ALL} | {one.key: one for one in changed}
    assert await north.read() == expected


async def test_a_ports_own_answers_come_and_go_with_it(north: NorthWriter) -> None:
    own = msgspec.structs.replace(DHCP, options={"server_id": "10.0.0.1", "tftp_server": "x"})
    await north.apply([switch(), DHCP, acls.drop_group(), port(own4=own)])
    assert (await north.read())[port().key] == port(own4=own)
    newer = msgspec.structs.replace(own, options={"server_id": "10.0.0.1"})
    await north.apply([port(own4=newer)])
    assert (await north.read())[port().key] == port(own4=newer)
    await north.apply([port(dhcp4="sub")])
    assert (await north.read())[port().key] == port(dhcp4="sub")
    await north.apply([port(own4=own)])
    await north.apply([], [port().key])
    assert set(await north.read()) == {switch().key, DHCP.key, acls.drop_group().key}


async def test_dropping(north: NorthWriter) -> None:
    await north.apply(ALL)
    await north.apply([], [GROUP.key, DHCP.key, ROUTER.key, switch("flat").key])
    left = await north.read()
    assert left[port().key] == port()
    assert {GROUP.key, DHCP.key, ROUTER.key, switch("flat").key}.isdisjoint(left)
    await north.apply([], [switch().key, GROUP.key])
    assert port().key not in await north.read()
    await north.apply([], [one.key for one in ALL])
    assert await north.read() == {}


@pytest.mark.parametrize(
    "stranger",
    [port(network_id="nowhere"), port(dhcp4="nowhere"), port(groups=("nowhere",))],
    ids=["network", "subnet", "group"],
)
async def test_what_refers_to_nothing_is_refused_whole(north: NorthWriter, stranger: SwitchPort) -> None:
    with pytest.raises(NorthError, match="nowhere"):
        await north.apply([switch(), acls.drop_group(), stranger])
    assert await north.read() == {}


async def test_going_up_is_told(north: NorthWriter) -> None:
    if isinstance(north, OvnNorth):
        pytest.skip("nobody plugs ports here: tests/functional/network shows it")
    told: list[tuple[str, bool]] = []
    await north.start(lambda port_id, up: told.append((port_id, up)))
    assert await north.apply([switch(), acls.drop_group(), port()]) == {"port": False}
    meant = port(options={"requested-chassis": "h1"})
    assert await north.apply([meant]) == {"port": True}
    await north.apply([meant])
    assert told == [("port", False), ("port", True)]
    assert await north.ups() == {"port": True}


@pytest.mark.ovn
async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    north = OvnNorth(f"unix:{tmp_path}/nothing", 1)
    with pytest.raises(NorthUnavailable):
        await north.start(lambda port_id, up: None)
    assert not north.ready()
    with pytest.raises(NorthUnavailable):
        await north.apply([switch()])
    await north.close()
