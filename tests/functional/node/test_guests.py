"""Real guests through the agent: booted, asked, stopped, started, removed, and what they read about themselves."""

import asyncio
import base64
import stat
from pathlib import Path

import pytest

from harness import servers
from harness.hypervisor import Node
from unkai.contracts.guest import Disk, Guest, Hardware, InjectedFile
from unkai.contracts.reports import GuestStatus
from unkai.contracts.steps import (
    ConsoleOutput,
    CreateGuest,
    DestroyGuest,
    Diagnostics,
    GuestPassword,
    RebootGuest,
    RefreshData,
    StartGuest,
    StopGuest,
    Uptime,
)
from unkai.node.libvirt.consoles import vnc_socket

pytestmark = [pytest.mark.root, pytest.mark.ovn, pytest.mark.libvirt, pytest.mark.guest, pytest.mark.timeout(600)]

BOOT = 180.0
READY = "tiny guest ready"
GIB, MIB = 1 << 30, 1 << 20


def script(text: str) -> str:
    return base64.b64encode(f"#!/bin/sh\n{text}\n".encode()).decode()


def root(node: Node, **changes: object) -> Disk:
    return Disk("root", "vda", "virtio", GIB, image=node.image(), boot_index=0)


async def ready(node: Node, server_id: str, times: int = 1) -> str:
    await node.plane.until(lambda: node.console(server_id).count(READY) >= times, BOOT)
    return node.console(server_id)


async def test_the_whole_life_of_a_server(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    network = node.network()
    node.start_agent()
    await plane.until(lambda: plane.beats, 30)
    (report,) = plane.reports[:1]
    assert report.driver == "libvirt"
    assert report.chassis == "host1"
    assert {"COMPUTE_NODE", "COMPUTE_ARCH_X86_64", "HW_CPU_X86_SSE2"} <= set(report.traits)
    assert report.inventory.memory_mb > 1000
    assert plane.beats[0].complete

    asked = script(
        "B=http://169.254.169.254; g() { echo \"$1=$(wget -q -O - $B$1)\"; }\n"
        "g /latest/meta-data/public-keys/0/openssh-key; g /2009-04-04/meta-data/local-ipv4\n"
        "g /openstack; echo \"mtu=$(cat /sys/class/net/eth0/mtu)\"\n"
        "wget -q -O - --post-data=encrypted $B/openstack/latest/password"
    )  # fmt: skip
    guest = servers.guest(disks=[root(node)], interfaces=[network.card()])
    address = guest.interfaces[0].addresses[0].address
    data = servers.data(guest, user_data=asked, local_ipv4=address)
    whose = f"server:{guest.server_id}"
    made = await plane.finish(CreateGuest(guest, data), whose, 60)
    assert made.error is None
    assert made.data == {"power_state": "running", "virt_type": "qemu"}
    console = await ready(node, guest.server_id)
    assert "metadata: http://169.254.169.254" in console
    assert f"/latest/meta-data/public-keys/0/openssh-key={servers.KEY}" in console
    assert f"/2009-04-04/meta-data/local-ipv4={address}" in console
    assert "2020-10-14" in console
    assert "mtu=1442" in console
    assert f"{READY}: web " in console
    assert address in console

    assert (await plane.ask(GuestPassword(guest.server_id))).data == {"password": "encrypted"}
    output = str((await plane.ask(ConsoleOutput(guest.server_id, 1))).data["output"])
    assert READY in output
    assert len(output.splitlines()) == 1
    numbers = (await plane.ask(Diagnostics(guest.server_id))).data
    assert (numbers["state"], numbers["num_cpus"], numbers["num_nics"], numbers["num_disks"]) == ("running", 1, 1, 1)
    assert "load average" in str((await plane.ask(Uptime())).data["uptime"])

    assert (await plane.finish(RefreshData(servers.data(guest, revision=2)), whose)).error is None
    await plane.until(lambda: plane.powers.get(guest.server_id) == "running", 10)
    assert (await plane.finish(StopGuest(guest.server_id, 60), whose, 90)).error is None
    await plane.until(lambda: plane.powers.get(guest.server_id) == "shutdown", 10)
    assert node.host.vs("list-ports", "br-int").count("tap") == 0
    stopped = await plane.ask(Diagnostics(guest.server_id))
    assert stopped.error is not None
    assert stopped.error.code == "guest_not_running"

    assert (await plane.finish(StartGuest(guest, data), whose, 60)).error is None
    await ready(node, guest.server_id)
    reboot = await plane.finish(RebootGuest(guest, data, hard=False, timeout=60), whose, 90)
    assert reboot.error is None
    await ready(node, guest.server_id)
    assert (await plane.finish(RebootGuest(guest, data, hard=True, timeout=0), whose, 60)).error is None
    assert (await plane.finish(DestroyGuest(guest.server_id), whose, 60)).error is None
    assert node.left_over() == []
    assert (await plane.finish(DestroyGuest(guest.server_id), whose, 60)).error is None
    # The base image stays for the next guest, and stays root's: no guest could write to it.
    (base,) = node.where.base.iterdir()
    assert base.stat().st_uid == 0
    assert stat.S_IMODE(base.stat().st_mode) == 0o644
    assert len(plane.image_requests) == 1


async def test_a_config_drive_without_any_network(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    node.start_agent()
    disks = [
        root(node),
        Disk("ephemeral", "vdb", "virtio", 64 * MIB, format="ext4", label="ephemeral0"),
        Disk("swap", "vdc", "virtio", 32 * MIB, format="swap"),
        Disk("config", "sda", "sata", 64 * MIB, device_type="cdrom", label="config-2"),
    ]
    guest = servers.guest(disks=disks, config_drive=True)
    look = script(
        "mkdir -p /mnt/c && mount -o ro LABEL=config-2 /mnt/c && cat /mnt/c/openstack/content/0000\n"
        "mount LABEL=ephemeral0 /mnt && echo ephemeral mounted; blkid /dev/vdc; cat /proc/partitions"
    )
    file = InjectedFile("/root/x", base64.b64encode(b"injected content\n").decode())
    data = servers.data(guest, user_data=look, admin_password="hunter2", files=[file])
    assert (await plane.finish(CreateGuest(guest, data), guest.server_id, 60)).error is None
    console = await ready(node, guest.server_id)
    assert "injected content" in console
    assert "ephemeral mounted" in console
    assert 'TYPE="swap"' in console
    folder = node.where.guest(guest.server_id)
    assert "hunter2" not in (node.state / "guests" / f"{guest.server_id}.json").read_text()
    assert b"hunter2" in (folder / "disk.config").read_bytes()
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


async def test_kernel_and_ramdisk_of_their_own(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    node.start_agent()
    images = Path("/var/lib/unkai/guests")
    if not (images / "tiny-root.img").exists():
        pytest.skip("the three-part tiny image is not built")
    hardware = Hardware(
        kernel=node.image(images / "tiny-vmlinuz", disk_format="aki"),
        ramdisk=node.image(images / "tiny-initrd", disk_format="ari"),
        kernel_command_line=(images / "tiny-cmdline").read_text().strip(),
    )
    disk = Disk(
        "root", "vda", "virtio", 0, image=node.image(images / "tiny-root.img", disk_format="ami"), boot_index=0
    )
    guest = servers.guest(disks=[disk], hardware=hardware)
    assert (await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id, 60)).error is None
    await ready(node, guest.server_id)
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


def blank(**changes: object) -> Guest:
    """A guest without a system: its firmware runs and finds nothing to start."""
    disk = Disk("ephemeral", "vda", "virtio", 16 * MIB)
    return servers.guest(disks=[disk], memory_mb=64, **changes)


async def test_power_that_changes_by_itself_is_told(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    node.start_agent()
    guest = blank()
    assert (await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id, 60)).error is None
    await plane.until(lambda: plane.powers.get(guest.server_id) == "running", 10)
    reader, writer = await asyncio.open_unix_connection(vnc_socket(node.where.guest(guest.server_id)))
    assert (await reader.readexactly(12)).startswith(b"RFB 003")
    writer.close()
    domain = node.host.connect().lookupByUUIDString(guest.server_id)
    for change, power in (domain.suspend, "paused"), (domain.resume, "running"), (domain.destroy, "shutdown"):
        await asyncio.to_thread(change)
        await plane.until(lambda: plane.powers.get(guest.server_id) == power, 3)  # noqa: B023
    assert any(GuestStatus(guest.server_id, "paused") in beat.guests for beat in plane.beats)
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


async def test_a_build_that_fails_leaves_nothing(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    network = node.network()
    node.start_agent()
    broken = blank(interfaces=[network.card(model="no-such-card")])
    result = await plane.finish(CreateGuest(broken, servers.data(broken)), broken.server_id, 60)
    assert result.error is not None
    assert result.error.code == "hypervisor_refused"
    assert "/" not in result.error.message
    assert "no-such-card" in result.error.details
    assert node.left_over() == []
    small = servers.guest(disks=[Disk("root", "vda", "virtio", MIB, image=node.image())])
    result = await plane.finish(CreateGuest(small, servers.data(small)), small.server_id, 60)
    assert result.error is not None
    assert result.error.code == "flavor_disk_too_small"
    assert node.left_over() == []


async def test_a_build_called_off_leaves_nothing(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    node.start_agent()
    plane.image_pause = 0.5
    guest = servers.guest(disks=[root(node)])
    step = plane.order(CreateGuest(guest, servers.data(guest)), guest.server_id)
    await plane.until(lambda: any(told.done for told in step.progress), 30)
    plane.cancel(step)
    await plane.until(lambda: step.result is not None, 30)
    assert step.result is not None
    assert step.result.error is not None
    assert step.result.error.code == "cancelled"
    assert node.left_over() == []


async def test_guests_go_on_while_the_control_plane_is_away(hypervisor: Node) -> None:
    node, plane = hypervisor, hypervisor.plane
    node.start_agent()
    guest = blank()
    assert (await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id, 60)).error is None
    plane.down = True
    await asyncio.sleep(8)
    assert node.host.connect().lookupByUUIDString(guest.server_id).isActive()
    plane.down = False
    assert (await plane.finish(DestroyGuest(guest.server_id), guest.server_id, 60)).error is None


async def test_golden_domains_fit_libvirts_schema(hypervisor: Node) -> None:
    import libvirt

    connection = hypervisor.host.connect()
    golden = sorted((Path(__file__).parents[2] / "unit" / "node" / "golden").glob("*.xml"))
    assert golden
    for path in golden:
        # Firmware that is not installed and the like do not matter for the form.
        connection.defineXMLFlags(path.read_text(), libvirt.VIR_DOMAIN_DEFINE_VALIDATE).undefine()
