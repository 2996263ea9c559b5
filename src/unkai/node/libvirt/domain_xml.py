"""From a guest to its domain's XML: a pure function, with golden files in tests/unit/node/golden."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

from unkai.contracts.guest import Guest
from unkai.node.libvirt.consoles import add_consoles
from unkai.node.libvirt.cpu import add_cpu
from unkai.node.libvirt.disks import Backing, add_disks, needs_ide
from unkai.node.libvirt.host import Host
from unkai.node.libvirt.identity import add_metadata, add_sysinfo
from unkai.node.libvirt.interfaces import add_interfaces
from unkai.node.libvirt.xml import Element, add, text
from unkai.node.storage.disks import DiskFile

__all__ = ["domain_xml", "machine_of"]

# Room for devices that are plugged while the guest runs; each port costs the guest a little time to find.
_SPARE_PCIE_PORTS = 12


def machine_of(guest: Guest, host: Host) -> str:
    return guest.hardware.machine or host.machine or ("pc" if needs_ide(guest.disks) else "q35")


def domain_xml(guest: Guest, host: Host, folder: Path, files: Sequence[DiskFile], backing: Backing) -> str:
    """`folder` is the guest's own; `files` are its disks there, `backing` what each rests on (path, format)."""
    domain = ElementTree.Element("domain", type=host.virt_type)
    add(domain, "name", guest.name)
    add(domain, "uuid", guest.server_id)
    add_metadata(domain, guest, host)
    add(domain, "memory", guest.memory_mb * 1024, unit="KiB")
    add(domain, "vcpu", guest.vcpus, placement="static")
    add_sysinfo(domain, guest, host)
    _add_os(domain, guest, host, folder)
    features = add(domain, "features")
    for feature in "acpi", "apic":
        add(features, feature)
    add(features, "vmcoreinfo", state="on")
    add_cpu(domain, guest, host)
    clock = add(domain, "clock", offset="utc")
    add(clock, "timer", name="pit", tickpolicy="delay")
    add(clock, "timer", name="rtc", tickpolicy="catchup")
    add(clock, "timer", name="hpet", present="no")
    add(domain, "on_poweroff", "destroy")
    add(domain, "on_reboot", "restart")
    add(domain, "on_crash", "destroy")
    _add_devices(domain, guest, host, folder, files, backing)
    return text(domain)


def _add_os(domain: Element, guest: Guest, host: Host, folder: Path) -> None:
    hardware = guest.hardware
    os = add(domain, "os", firmware="efi" if hardware.firmware == "uefi" else None)
    add(os, "type", "hvm", arch=host.arch, machine=machine_of(guest, host))
    if hardware.kernel is not None:
        root = next((disk.device for disk in guest.disks if disk.role == "root"), "vda")
        add(os, "kernel", folder / "kernel")
        if hardware.ramdisk is not None:
            add(os, "initrd", folder / "ramdisk")
        add(os, "cmdline", hardware.kernel_command_line or f"root=/dev/{root} console=tty0 console=ttyS0")
    elif not any(disk.boot_index is not None for disk in guest.disks):
        add(os, "boot", dev="hd")
    if hardware.boot_menu:
        add(os, "bootmenu", enable="yes")
    add(os, "smbios", mode="sysinfo")


def _add_devices(
    domain: Element, guest: Guest, host: Host, folder: Path, files: Sequence[DiskFile], backing: Backing
) -> None:
    hardware = guest.hardware
    devices = add(domain, "devices")
    add_disks(devices, files, backing, host, hardware.scsi_model)
    if "q35" in machine_of(guest, host):
        add(devices, "controller", type="pci", index=0, model="pcie-root")
        for _ in range(host.pcie_ports or _SPARE_PCIE_PORTS):
            add(devices, "controller", type="pci", model="pcie-root-port")
    add_interfaces(devices, guest.interfaces, host)
    add_consoles(devices, folder, host, hardware)
    if hardware.guest_agent:
        channel = add(devices, "channel", type="unix")
        add(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    if hardware.rng:
        rng = add(devices, "rng", model="virtio")
        add(rng, "backend", host.rng_device, model="random")
    if hardware.watchdog_action not in (None, "disabled"):
        add(devices, "watchdog", model="i6300esb", action=hardware.watchdog_action)
    balloon = add(devices, "memballoon", model="virtio")
    if host.memory_stats_seconds > 0:
        add(balloon, "stats", period=host.memory_stats_seconds)
