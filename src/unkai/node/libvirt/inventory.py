"""What this host has and can do, from libvirt's capabilities and the machine itself."""

import os
import platform
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import Element

import os_traits

from unkai.contracts.guest import Guest
from unkai.contracts.reports import Inventory, NumaCell
from unkai.kernel.log import get
from unkai.node.traits import DRIVER, cpu_traits

__all__ = ["Capabilities", "inventory", "read_capabilities"]

_log = get(__name__)
_GIB = 1 << 30
# Models of cards that QEMU of every distribution has; libvirt does not list them.
_CARDS = ("E1000", "E1000E", "NE2K_PCI", "PCNET", "RTL8139", "VIRTIO", "VMXNET3")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What does not change while libvirtd runs."""

    hostname: str
    version: int
    cpu_info: dict[str, object]
    traits: list[str]
    supported: list[tuple[str, str, str]]
    cells: list[NumaCell] = field(default_factory=list)
    qemu_owner: tuple[int, int] | None = None


def read_capabilities(connection: Any, virt_type: Literal["kvm", "qemu"], machine: str | None) -> Capabilities:
    """Blocks. Raises libvirtError."""
    root = _parse(connection.getCapabilities())
    arch = root.findtext("host/cpu/arch") or platform.machine()
    kind = machine or "q35"
    domain = _parse(connection.getDomainCapabilities(None, arch, kind if arch == "x86_64" else None, virt_type))
    flags = _flags(connection, root)
    return Capabilities(
        hostname=connection.getHostname(),
        version=connection.getVersion(),
        cpu_info=_cpu_info(root, arch, flags),
        traits=sorted(DRIVER | cpu_traits(flags) | _machine_traits(root, arch) | _device_traits(domain)),
        supported=_supported(root, virt_type),
        cells=_cells(root),
        qemu_owner=_qemu_owner(root, virt_type),
    )


def _parse(text: str) -> Element:
    return ElementTree.fromstring(text)  # noqa: S314  from this host's own libvirtd


def _flags(connection: Any, root: Element) -> list[str]:
    """All features of the host's CPU: libvirt names a model and what the host has beyond it, and expands that."""
    cpu = root.find("host/cpu")
    if cpu is None:
        return []
    beyond = [str(feature.get("name")) for feature in cpu.findall("feature")]
    try:
        expand = 1  # VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES
        whole = _parse(connection.baselineCPU([ElementTree.tostring(cpu, encoding="unicode")], expand))
    except Exception as error:
        _log.warning("the CPU's model cannot be expanded", error=str(error))
        return sorted(beyond)
    return sorted({*beyond, *(str(feature.get("name")) for feature in whole.findall("feature"))})


def _cpu_info(root: Element, arch: str, flags: list[str]) -> dict[str, object]:
    topology = root.find("host/cpu/topology")
    attributes = topology.attrib if topology is not None else {}
    cells = len(root.findall("host/topology/cells/cell")) or 1
    return {
        "arch": arch,
        "model": root.findtext("host/cpu/model") or "",
        "vendor": root.findtext("host/cpu/vendor") or "",
        "topology": {"cells": cells, **{key: int(attributes.get(key, 1)) for key in ("sockets", "cores", "threads")}},
        "features": flags,
    }


def _machine_traits(root: Element, arch: str) -> set[str]:
    found = {f"COMPUTE_ARCH_{arch.upper()}", *(f"COMPUTE_NET_VIF_MODEL_{card}" for card in _CARDS)}
    topology = root.find("host/cpu/topology")
    if topology is not None and int(topology.get("threads", 1)) > 1:
        found.add(os_traits.HW_CPU_HYPERTHREADING)
    return found & set(os_traits.get_traits())


def _device_traits(domain: Element) -> set[str]:
    """Buses, graphics and firmware of the machine type guests get."""
    buses = _values(domain, "devices/disk/enum[@name='bus']") | {"ide"}  # IDE guests get the older machine type
    models = _values(domain, "devices/video/enum[@name='modelType']")
    found = {f"COMPUTE_STORAGE_BUS_{bus.upper()}" for bus in buses & {"ide", "sata", "scsi", "usb", "virtio"}}
    found |= {f"COMPUTE_GRAPHICS_MODEL_{model.upper()}" for model in models}
    found.add("COMPUTE_FIRMWARE_BIOS")
    if "efi" in _values(domain, "os/enum[@name='firmware']"):
        found.add("COMPUTE_FIRMWARE_UEFI")
    return found & set(os_traits.get_traits())


def _values(root: Element, path: str) -> set[str]:
    return {value.text or "" for value in root.findall(f"{path}/value")}


def _supported(root: Element, virt_type: str) -> list[tuple[str, str, str]]:
    """Architecture, kind of machine, mode. What no probe has shown to work is not offered."""
    found: list[tuple[str, str, str]] = []
    for guest in root.findall("guest"):
        arch = guest.find("arch")
        if arch is None:
            continue
        mode = guest.findtext("os_type") or "hvm"
        kinds = [str(domain.get("type")) for domain in arch.findall("domain")]
        found += [(str(arch.get("name")), kind, mode) for kind in kinds if kind != "kvm" or virt_type == "kvm"]
    return found


def _cells(root: Element) -> list[NumaCell]:
    found = []
    for cell in root.findall("host/topology/cells/cell"):
        memory = int(cell.findtext("memory") or 0) // 1024
        cpus = [int(cpu.get("id", 0)) for cpu in cell.findall("cpus/cpu")]
        found.append(NumaCell(id=int(cell.get("id", 0)), cpus=cpus, memory_mb=memory))
    return found


def _qemu_owner(root: Element, virt_type: str) -> tuple[int, int] | None:
    """User and group that guests run as."""
    for model in root.findall("host/secmodel"):
        if model.findtext("model") != "dac":
            continue
        label = model.findtext(f"baselabel[@type='{virt_type}']") or ""
        user, _, group = label.replace("+", "").partition(":")
        if user.isdigit() and group.isdigit():
            return int(user), int(group)
    return None


def inventory(instances: Path, guests: Iterable[Guest], cells: list[NumaCell]) -> Inventory:
    """Totals and what is free now. `guests` are those whose disks lie under `instances`. Blocks."""
    memory = _memory()
    room = os.statvfs(instances)
    free = room.f_bavail * room.f_frsize
    promised = sum(disk.size for guest in guests for disk in guest.disks if disk.role != "config")
    held = _allocated(instances, guests)
    return Inventory(
        vcpus=os.cpu_count() or 1,
        memory_mb=memory["MemTotal"] // 1024,
        disk_gb=room.f_blocks * room.f_frsize // _GIB,
        memory_mb_free=memory["MemAvailable"] // 1024,
        disk_gb_free=free // _GIB,
        disk_available_least=(free - max(0, promised - held)) // _GIB,
        cells=cells,
    )


def _memory() -> dict[str, int]:
    """KiB by name, as the kernel counts. libvirt's figure is that of the first NUMA node on some machines."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def _allocated(instances: Path, guests: Iterable[Guest]) -> int:
    held = 0
    for guest in guests:
        for path in (instances / guest.server_id).glob("disk*"):
            try:
                held += path.stat().st_blocks * 512
            except FileNotFoundError:
                continue
    return held
