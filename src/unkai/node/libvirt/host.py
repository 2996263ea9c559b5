"""What a domain's XML depends on besides the guest: this host's choices and abilities, as plain data."""

from dataclasses import dataclass
from typing import Literal

from unkai.kernel.settings import Settings
from unkai.node.settings import Default, Libvirt, Vnc

__all__ = ["Host", "from_settings"]

CpuMode = Literal["host-model", "host-passthrough", "custom", "maximum", "none"]


@dataclass(frozen=True, slots=True)
class Host:
    """`cache` is the cache mode of disks in files; `userspace` whether the switch needs complete checksums."""

    host_id: str
    virt_type: Literal["kvm", "qemu"]
    arch: str = "x86_64"
    machine: str | None = None
    cpu_mode: CpuMode | None = None
    cpu_model: str | None = None
    cpu_flags: tuple[str, ...] = ()
    cache: str = "none"
    discard: str | None = None
    rng_device: str = "/dev/urandom"
    pcie_ports: int = 0
    memory_stats_seconds: int = 10
    serial: Literal["none", "unique", "host"] = "unique"
    vnc: bool = True
    pointer: str | None = "usbtablet"
    userspace: bool = True
    config_drive: Literal["iso9660", "vfat"] = "iso9660"


def from_settings(
    settings: Settings, host_id: str, virt_type: Literal["kvm", "qemu"], *, direct_io: bool, userspace: bool
) -> Host:
    common, hypervisor = settings[Default], settings[Libvirt]
    arch = "x86_64"
    default_cache = "none" if direct_io else "writeback"
    return Host(
        host_id=host_id,
        virt_type=virt_type,
        arch=arch,
        machine=hypervisor.hw_machine_type.get(arch),
        cpu_mode=hypervisor.cpu_mode,
        cpu_model=hypervisor.cpu_models[0] if hypervisor.cpu_models else None,
        cpu_flags=tuple(hypervisor.cpu_model_extra_flags),
        cache=hypervisor.disk_cachemodes.get("file", default_cache),
        discard=hypervisor.hw_disk_discard,
        rng_device=hypervisor.rng_dev_path,
        pcie_ports=hypervisor.num_pcie_ports,
        memory_stats_seconds=hypervisor.mem_stats_period_seconds,
        serial=hypervisor.sysinfo_serial,
        vnc=settings[Vnc].enabled,
        pointer=common.pointer_model,
        userspace=userspace,
        config_drive=common.config_drive_format,
    )
