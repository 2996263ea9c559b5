"""Golden domain XML: one file for each kind of guest. `UNKAI_GOLDEN=write pytest ...` writes them anew, for review."""

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import unkai
from harness import servers
from unkai.contracts.guest import Disk, Guest, Hardware, ImageRef
from unkai.node.libvirt.domain_xml import domain_xml
from unkai.node.libvirt.host import Host
from unkai.node.storage.disks import disk_files

GOLDEN = Path(__file__).parent / "golden"
GIB = servers.GIB
SERVER = "0e6f1c1a-7a1b-4c7e-9a55-0d5b5f0f2f01"
IMAGE = servers.image("c0ffee00-0000-4000-8000-000000000001")
KERNEL = servers.image("c0ffee00-0000-4000-8000-000000000002", disk_format="aki")
RAMDISK = servers.image("c0ffee00-0000-4000-8000-000000000003", disk_format="ari")
ROOT = Disk("root", "vda", "virtio", 10 * GIB, image=IMAGE, boot_index=0)
HOST = Host(host_id="5b0c4a8e-3c39-4f58-8f1c-90f3a8a2b001", virt_type="qemu")


def guest(**changes: Any) -> Guest:
    return servers.guest(SERVER, **{"name": "instance-00000001", "disks": [ROOT], **changes})


def render(guest: Guest, host: Host = HOST, images_type: str = "default", base: str = "raw") -> str:
    folder = Path("/state/instances") / guest.server_id
    files = disk_files(guest, folder, images_type)
    overlays = [file for file in files if file.format == "qcow2"]
    backing = {file.path: (Path("/state/instances/_base/1f2e3d"), base) for file in overlays}
    return domain_xml(guest, host, folder, files, backing).replace(unkai.__version__, "VERSION")


def with_image(ref: ImageRef, **changes: Any) -> Disk:
    values = {"role": "root", "device": "vda", "bus": "virtio", "size": 10 * GIB, "boot_index": 0}
    return Disk(**{**values, "image": ref, **changes})  # type: ignore[arg-type]


CASES = {
    "plain": lambda: render(guest()),
    "network": lambda: render(guest(interfaces=[servers.interface(5), servers.interface(6, model="e1000")])),
    "kernel-datapath": lambda: render(
        guest(interfaces=[servers.interface(5)]), Host(host_id=HOST.host_id, virt_type="kvm", userspace=False)
    ),
    "disks": lambda: render(
        guest(
            disks=[
                ROOT,
                Disk("ephemeral", "vdb", "virtio", 2 * GIB, format="ext4", label="ephemeral0"),
                Disk("ephemeral", "vdc", "virtio", 1 * GIB),
                Disk("swap", "vdd", "virtio", 512 << 20, format="swap"),
                Disk("config", "sda", "sata", 64 << 20, device_type="cdrom", label="config-2"),
            ],
            config_drive=True,
        )
    ),
    "config-drive-vfat": lambda: render(
        guest(disks=[ROOT, Disk("config", "sda", "sata", 64 << 20, device_type="cdrom")], config_drive=True),
        Host(host_id=HOST.host_id, virt_type="qemu", config_drive="vfat"),
    ),
    "scsi": lambda: render(
        guest(disks=[with_image(IMAGE, device="sda", bus="scsi")], hardware=Hardware(scsi_model="lsilogic"))
    ),
    "ide": lambda: render(guest(disks=[with_image(IMAGE, device="hda", bus="ide")])),
    "installation-medium": lambda: render(
        guest(disks=[with_image(IMAGE, device="sda", bus="sata", device_type="cdrom")]), images_type="default"
    ),
    "kernel-and-ramdisk": lambda: render(guest(hardware=Hardware(kernel=KERNEL, ramdisk=RAMDISK))),
    "kernel-command-line": lambda: render(
        guest(hardware=Hardware(kernel=KERNEL, kernel_command_line="root=LABEL=x quiet <&>"))
    ),
    "uefi": lambda: render(guest(hardware=Hardware(firmware="uefi", boot_menu=True))),
    "agent-watchdog": lambda: render(
        guest(hardware=Hardware(guest_agent=True, watchdog_action="reset", rng=False, video_model="vga"))
    ),
    "topology": lambda: render(guest(vcpus=8, hardware=Hardware(sockets=2, cores=2, threads=2))),
    "kvm-host-model": lambda: render(guest(vcpus=4), Host(host_id=HOST.host_id, virt_type="kvm")),
    "cpu-custom": lambda: render(
        guest(),
        Host(
            host_id=HOST.host_id,
            virt_type="kvm",
            cpu_mode="custom",
            cpu_model="Haswell-noTSX",
            cpu_flags=("vmx", "+PCID", "-avx"),
        ),
    ),
    "raw-writeback": lambda: render(
        guest(), Host(host_id=HOST.host_id, virt_type="qemu", cache="writeback", discard="unmap"), images_type="raw"
    ),
    "no-screen": lambda: render(
        guest(),
        Host(host_id=HOST.host_id, virt_type="qemu", vnc=False, memory_stats_seconds=0, serial="host", pcie_ports=2),
    ),
    "base-as-stored": lambda: render(guest(), base="qcow2"),
    "strange-names": lambda: render(guest(display_name='<b>"&ü</b>', user_name="o'neil & sons", flavor_name="<x>")),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    made = CASES[name]()
    path = GOLDEN / f"{name}.xml"
    if os.environ.get("UNKAI_GOLDEN") == "write":
        path.write_text(made)
    assert made == path.read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.xml")} == set(CASES)


def test_text_of_users_stays_text() -> None:
    root = ElementTree.fromstring(CASES["strange-names"]())
    (name,) = root.iter("{http://openstack.org/xmlns/libvirt/nova/1.1}name")
    assert name.text == '<b>"&ü</b>'


@pytest.mark.parametrize("name", CASES)
def test_cloud_init_recognises_the_machine(name: str) -> None:
    root = ElementTree.fromstring(CASES[name]())
    entries = {entry.get("name"): entry.text for entry in root.iterfind("sysinfo/system/entry")}
    assert entries["product"] == "OpenStack Compute"
    assert entries["uuid"] == SERVER == root.findtext("uuid")
    assert root.find("os/smbios[@mode='sysinfo']") is not None


@pytest.mark.parametrize("name", CASES)
def test_no_format_is_left_to_guessing(name: str) -> None:
    for disk in ElementTree.fromstring(CASES[name]()).iterfind("devices/disk"):
        driver = disk.find("driver")
        assert driver is not None
        assert driver.get("type") in ("raw", "qcow2")
        if driver.get("type") == "qcow2":
            assert disk.find("backingStore/format") is not None
            assert disk.find("backingStore/backingStore") is not None
