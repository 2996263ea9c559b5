"""kill -9 of libvirtd, agent and metadata proxy: what was ordered comes true, and nothing is left over."""

import asyncio
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import libvirt as libvirt_binding
import pytest
from pyroute2 import netns

from harness import servers
from harness.host import call
from harness.hypervisor import Network, Node
from unkai.cli.embedded import libvirt
from unkai.contracts.guest import Disk, Guest
from unkai.contracts.steps import CreateGuest, DestroyGuest, StopGuest, Wanted
from unkai.kernel import children
from unkai.node.libvirt import strays
from unkai.node.metadata.network_data import tap_name
from unkai.node.ports import namespaces

pytestmark = [pytest.mark.root, pytest.mark.ovn, pytest.mark.libvirt, pytest.mark.guest, pytest.mark.timeout(600)]

MIB = 1 << 20


def blank(node: Node, network: Network | None = None) -> Guest:
    disk = Disk("ephemeral", "vda", "virtio", 16 * MIB)
    cards = [] if network is None else [network.card()]
    return servers.guest(disks=[disk], memory_mb=64, interfaces=cards)


def kill_libvirtd(node: Node) -> None:
    (daemon,) = [child for child in libvirt.specifications(node.host.libvirt) if child.name == "libvirtd"]
    found = children.adopt(daemon)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)


def libvirt_answers(node: Node) -> bool:
    """Whether the next libvirtd is there: the order may have been done before the last one was killed."""
    try:
        node.host.connect()
    except libvirt_binding.libvirtError:
        return False
    return True


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.3, 0.5])
async def test_libvirtd_killed_in_the_middle_of_a_build(hypervisor: Node, delay: float) -> None:
    node, plane = hypervisor, hypervisor.plane
    network = node.network()
    node.start_agent()
    await plane.until(lambda: plane.beats, 30)
    guest = blank(node, network)
    step = plane.order(CreateGuest(guest, servers.data(guest)), guest.server_id)
    await plane.until(lambda: step.state == "leased", 10)
    await asyncio.sleep(delay)
    kill_libvirtd(node)
    await plane.until(lambda: step.result is not None, 60)
    assert step.result is not None
    assert step.result.error is None
    await plane.until(lambda: libvirt_answers(node), 30)
    # libvirtd knows it, and it is the only one of its kind.
    await plane.until(lambda: len(strays.find(guest.server_id)) == 1, 10)
    await plane.until(lambda: plane.powers.get(guest.server_id) == "running", 10)
    assert node.host.connect().lookupByUUIDString(guest.server_id).isActive()
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None
    assert strays.find(guest.server_id) == []


async def test_a_guest_that_libvirt_has_lost_is_ended_before_it_starts_again(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    node.start_agent()
    guest = blank(node)
    assert (await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id, 60)).error is None
    (first,) = strays.find(guest.server_id)
    # What libvirtd notes when a guest runs; without it a new libvirtd takes the guest for stopped.
    (daemon,) = [child for child in libvirt.specifications(node.host.libvirt) if child.name == "libvirtd"]
    kill_libvirtd(node)
    for note in (node.host.folder / "libvirt" / "run" / "qemu").glob(f"{guest.name}.*"):
        note.unlink()
    await plane.until(lambda: children.adopt(daemon) is not None, 10)
    assert strays.find(guest.server_id) == [first]
    assert (await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id, 60)).error is None
    (second,) = strays.find(guest.server_id)
    assert second != first
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 0.6])
async def test_the_agent_killed_in_the_middle_of_a_build(hypervisor: Node, delay: float) -> None:
    node, plane = hypervisor, hypervisor.plane
    network = node.network()
    node.start_agent()
    await plane.until(lambda: plane.beats, 30)
    guest = servers.guest(
        disks=[Disk("root", "vda", "virtio", 64 * MIB, image=node.image())],
        memory_mb=64,
        interfaces=[network.card()],
    )
    data = servers.data(guest)
    step = plane.order(CreateGuest(guest, data), guest.server_id)
    await plane.until(lambda: step.state == "leased", 10)
    await asyncio.sleep(delay)
    node.end_agent(signal.SIGKILL)
    # The control plane knows that it gave the order, so the guest belongs there, with a flow at work.
    plane.wanted = [Wanted(guest, data, "running", busy=True)]
    node.start_agent()
    await plane.until(lambda: step.result is not None, 60)
    assert step.result is not None
    assert step.result.error is None
    assert len(strays.find(guest.server_id)) == 1
    await plane.until(lambda: plane.powers.get(guest.server_id) == "running", 10)
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


async def test_the_agent_killed_and_the_order_withdrawn(hypervisor: Node) -> None:
    """What a dead agent had begun for a server that does not belong here any more is cleared away by the next."""
    node, plane = hypervisor, hypervisor.plane
    network = node.network()
    node.start_agent()
    guest = blank(node, network)
    assert (await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id, 60)).error is None
    node.end_agent(signal.SIGKILL)
    assert strays.find(guest.server_id)
    assert node.left_over()
    plane.beats.clear()
    node.start_agent()
    await plane.until(lambda: plane.beats, 30)
    assert node.left_over() == []
    assert plane.powers == {}


async def test_others_domains_and_devices_are_left_alone(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    xml = "<domain type='qemu'><name>somebodys</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>"
    foreign = node.host.connect().createXML(xml)
    try:
        node.start_agent()
        await plane.until(lambda: plane.beats, 30)
        assert foreign.isActive()
        assert plane.powers == {}
    finally:
        foreign.destroy()


async def test_a_frozen_agent_does_nothing_after_its_lease(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    node.start_agent()
    await plane.until(lambda: plane.beats, 30)
    guest = blank(node)
    assert (await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id, 60)).error is None
    step = plane.order(StopGuest(guest.server_id, 60), guest.server_id)
    await plane.until(lambda: step.state == "leased", 10)
    await asyncio.sleep(1.0)
    assert node.agent is not None
    node.agent.send_signal(signal.SIGSTOP)
    await asyncio.sleep(plane.lease + 1)
    given = step.generation
    node.agent.send_signal(signal.SIGCONT)
    await plane.until(lambda: step.generation > given, 30)
    plane.cancel(step)
    await plane.until(lambda: step.result is not None, 30)
    log = node.agent_log()
    assert "step lost" in log
    assert step.result is not None
    assert step.result.generation == step.generation
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


async def test_after_a_reboot_of_the_host_guests_run_again(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    node.configure(resume_guests_state_on_host_boot=True)
    network = node.network()
    node.start_agent()
    guest = blank(node, network)
    data = servers.data(guest)
    assert (await plane.finish(CreateGuest(guest, data), guest.server_id, 60)).error is None
    node.end_agent()
    _reboot(node, guest, network)
    plane.wanted = [Wanted(guest, data, "running")]
    plane.beats.clear()
    node.start_agent()
    await plane.until(lambda: plane.beats, 30)
    assert plane.powers == {guest.server_id: "running"}
    assert await asyncio.to_thread(_connects, network.network_id)
    tap = tap_name(guest.interfaces[0].port_id)
    assert int(node.host.vs("get", "Interface", tap, "ofport")) > 0
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


def _reboot(node: Node, guest: Guest, network: Network) -> None:
    """What a reboot takes away: processes, devices, namespaces. Files and databases stay."""
    node.host.connect().lookupByUUIDString(guest.server_id).destroy()
    proxy = children.adopt(children.Child("metadata-proxy", (), node.where.children))
    assert proxy is not None
    os.kill(proxy.pid, signal.SIGKILL)
    for device in tap_name(guest.interfaces[0].port_id), namespaces.device(network.network_id):
        call("ip", "link", "delete", device)
    netns.remove(namespaces.name(network.network_id))
    node.where.boot_id.write_text("another boot")


async def test_metadata_outlives_the_agent_and_comes_back_when_its_proxy_dies(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    network = node.network()
    node.start_agent()
    guest = blank(node, network)
    data = servers.data(guest)
    assert (await plane.finish(CreateGuest(guest, data), guest.server_id, 60)).error is None
    plane.wanted = [Wanted(guest, data, "running")]

    async def answers() -> bool:
        return await asyncio.to_thread(_connects, network.network_id)

    assert await answers()
    proxy = children.adopt(children.Child("metadata-proxy", (), node.where.children))
    assert proxy is not None

    node.end_agent(signal.SIGKILL)
    assert await answers()
    node.start_agent()
    plane.beats.clear()
    await plane.until(lambda: plane.beats, 30)
    assert children.adopt(children.Child("metadata-proxy", (), node.where.children)) == proxy
    assert await answers()

    os.kill(proxy.pid, signal.SIGKILL)
    for _ in range(100):
        await asyncio.sleep(0.1)
        if await answers():
            break
    assert await answers()
    # It was killed with the agent away: the next agent starts it.
    node.end_agent(signal.SIGKILL)
    proxy = children.adopt(children.Child("metadata-proxy", (), node.where.children))
    assert proxy is not None
    os.kill(proxy.pid, signal.SIGKILL)
    node.start_agent()
    plane.beats.clear()
    await plane.until(lambda: plane.beats, 30)
    assert await answers()
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


def _connects(network_id: str) -> bool:
    """Whether something accepts connections at the metadata address of a network."""

    def inside() -> bool:
        netns.setns(namespaces.name(network_id), flags=os.O_RDONLY, fork=False)
        with socket.socket() as client:
            client.settimeout(2)
            return client.connect_ex(("169.254.169.254", 80)) == 0

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(inside).result()
