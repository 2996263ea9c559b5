"""Upstream's diagnostics (microversion 2.48) from libvirt's statistics."""

from collections.abc import Mapping
from typing import Any, Literal

from unkai.contracts.guest import Guest, PowerState

__all__ = ["diagnostics"]

_NIC = {"bytes": "octets", "pkts": "packets", "errs": "errors", "drop": "drop"}


def diagnostics(
    guest: Guest, power: PowerState, stats: Mapping[str, Any], virt_type: Literal["kvm", "qemu"], uptime: int
) -> dict[str, Any]:
    """`stats` are those of virConnectGetAllDomainStats; `uptime` in seconds."""
    cpus = [number for number in range(int(stats.get("vcpu.maximum", guest.vcpus))) if f"vcpu.{number}.time" in stats]
    maximum = int(stats.get("balloon.maximum", guest.memory_mb * 1024)) // 1024
    unused = int(stats.get("balloon.unused", 0)) // 1024
    return {
        "state": power,
        "driver": "libvirt",
        "hypervisor": virt_type,
        "hypervisor_os": "linux",
        "uptime": uptime,
        "config_drive": guest.config_drive,
        "num_cpus": len(cpus),
        "num_disks": int(stats.get("block.count", 0)),
        "num_nics": int(stats.get("net.count", 0)),
        "cpu_details": [
            {"id": number, "time": int(stats[f"vcpu.{number}.time"]), "utilisation": None} for number in cpus
        ],
        "disk_details": [_disk(stats, number) for number in range(int(stats.get("block.count", 0)))],
        "nic_details": [_nic(guest, stats, number) for number in range(int(stats.get("net.count", 0)))],
        "memory_details": {"maximum": maximum, "used": maximum - unused if unused else maximum},
    }


def _disk(stats: Mapping[str, Any], number: int) -> dict[str, int]:
    def count(name: str) -> int:
        return int(stats.get(f"block.{number}.{name}", 0))

    return {
        "read_bytes": count("rd.bytes"),
        "read_requests": count("rd.reqs"),
        "write_bytes": count("wr.bytes"),
        "write_requests": count("wr.reqs"),
        "errors_count": 0,
    }


def _nic(guest: Guest, stats: Mapping[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "mac_address": guest.interfaces[number].mac if number < len(guest.interfaces) else None,
        "rx_rate": None,
        "tx_rate": None,
    }
    for way in "rx", "tx":
        found |= {f"{way}_{ours}": int(stats.get(f"net.{number}.{way}.{name}", 0)) for name, ours in _NIC.items()}
    return found
