"""Devices and namespaces of a host: made once, found again, never anybody else's. In a network of the test's own."""

import os
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import IPRoute, netns

from unkai.contracts.guest import MetadataPort
from unkai.node.metadata.network_data import tap_name
from unkai.node.ports import links, namespaces
from unkai.node.ports.links import GUEST_LINK_GROUP, Mark

pytestmark = pytest.mark.root

HOST = str(uuid.uuid4())
PORT = MetadataPort("77777777-8888-4999-aaaa-bbbbbbbbbbbb", "fa:16:3e:ff:ff:01", ["10.0.0.2/24", "2001:db8::2/64"])


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    own = f"unkai-test-{uuid.uuid4().hex[:8]}"
    netns.create(own)
    netns.pushns(own)
    try:
        yield
    finally:
        netns.popns()
        netns.remove(own)


@pytest.fixture
def network_id() -> Iterator[str]:
    made = str(uuid.uuid4())
    yield made
    if namespaces.name(made) in netns.listnetns():
        netns.remove(namespaces.name(made))


def server_mark() -> Mark:
    return Mark(HOST, "server", str(uuid.uuid4()))


def link(name: str) -> Any:
    with IPRoute() as ip:
        found = ip.link_lookup(ifname=name)
        return ip.get_links(found[0])[0] if found else None


def add(name: str, **more: Any) -> None:
    with IPRoute() as ip:
        ip.link("add", ifname=name, kind="veth", peer={"ifname": f"{name[:13]}-x"})
        if more:
            ip.link("set", index=ip.link_lookup(ifname=name)[0], **more)


def test_marks_are_read_as_they_are_written() -> None:
    mark = server_mark()
    assert Mark.parse(str(mark)) == mark
    for text in "", "unkai", "unkai:a:volume:b", "other:a:server:b", "unkai:a:server:b:c":
        assert Mark.parse(text) is None


def test_a_tap_is_made_once_and_removed() -> None:
    mark, name = server_mark(), tap_name(str(uuid.uuid4()))
    assert links.make_tap(name, mark, 1442)
    assert not links.make_tap(name, mark, 1400)
    made = link(name)
    assert (made.get("IFLA_MTU"), made.get("IFLA_GROUP"), made["state"]) == (1400, GUEST_LINK_GROUP, "up")
    assert Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").read_text().strip() == "1"
    assert links.marked(HOST) == {name: mark}
    assert links.marked(str(uuid.uuid4())) == {}
    links.remove(name, mark)
    links.remove(name, mark)
    assert link(name) is None


@pytest.mark.parametrize("alias", ["uplink of rack 3", str(Mark("another host", "server", "x"))])
def test_somebody_elses_device(alias: str) -> None:
    mark = server_mark()
    add("tapother", ifalias=alias)
    with pytest.raises(FileExistsError):
        links.make_tap("tapother", mark, 1500)
    with pytest.raises(FileExistsError):
        links.remove("tapother", mark)
    assert link("tapother").get("IFLA_IFALIAS") == alias


def test_a_network_of_metadata_stands_once(network_id: str) -> None:
    mark = Mark(HOST, "network", network_id)
    assert namespaces.make(network_id, PORT, 1442, mark, userspace=True)
    assert not namespaces.make(network_id, PORT, 1442, mark, userspace=True)
    assert links.marked(HOST) == {namespaces.device(network_id): mark}
    assert link(namespaces.device(network_id)).get("IFLA_GROUP") == GUEST_LINK_GROUP
    with namespaces.listen(network_id) as listening:
        assert listening.getsockname() == ("169.254.169.254", 80)
        assert inside(network_id, addresses) == {"127.0.0.1/8", "10.0.0.2/24", "169.254.169.254/32"}
    # The subnet got another address for it.
    moved = MetadataPort(PORT.port_id, PORT.mac, ["10.0.0.9/24"])
    assert namespaces.make(network_id, moved, 1442, mark, userspace=True)
    assert inside(network_id, addresses) == {"127.0.0.1/8", "10.0.0.9/24", "169.254.169.254/32"}
    namespaces.remove(network_id, mark)
    namespaces.remove(network_id, mark)
    assert links.marked(HOST) == {}
    assert namespaces.name(network_id) not in netns.listnetns()


def test_what_an_agent_left_half_made(network_id: str) -> None:
    mark = Mark(HOST, "network", network_id)
    # Killed between the name and the namespace; and with both ends of the pair still outside.
    Path("/run/netns", namespaces.name(network_id)).touch(mode=0)
    add(namespaces.device(network_id), ifalias=str(mark))
    assert namespaces.make(network_id, PORT, 1442, mark, userspace=False)
    assert "169.254.169.254/32" in inside(network_id, addresses)
    namespaces.remove(network_id, mark)
    assert namespaces.name(network_id) not in netns.listnetns()


def test_a_namespace_that_cannot_be_made_leaves_its_mark(network_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = Mark(HOST, "network", network_id)

    def refuse(*arguments: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(netns, "attach", refuse)
    with pytest.raises(OSError, match="not permitted"):
        namespaces.make(network_id, PORT, 1442, mark, userspace=False)
    assert links.marked(HOST) == {namespaces.device(network_id): mark}
    namespaces.remove(network_id, mark)
    assert links.marked(HOST) == {}


def addresses() -> set[str]:
    with IPRoute() as ip:
        return {f"{one.get('IFA_ADDRESS')}/{one['prefixlen']}" for one in ip.get_addr(family=socket.AF_INET)}


def inside(network_id: str, work: Any) -> Any:
    def enter() -> Any:
        netns.setns(namespaces.name(network_id), flags=os.O_RDONLY, fork=False)
        return work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(enter).result()
