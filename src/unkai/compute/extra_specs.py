"""Which extra specs exist and what their values look like: from 2.86 on a flavor's known keys are checked.

Keys outside of the known namespaces, and keys without one, are an operator's own and taken as they are.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec
import os_resource_classes
import os_traits

from unkai.compute.errors import InvalidExtraSpec
from unkai.compute.words import words


class _Text(msgspec.Struct, frozen=True):
    """Any text, one of `choices`, or text of a pattern."""

    choices: tuple[str, ...] = ()
    pattern: str = ""


class _Whole(msgspec.Struct, frozen=True):
    low: int | None = None
    high: int | None = None


class _Truth(msgspec.Struct, frozen=True):
    pass


_Kind = _Text | _Whole | _Truth
_ANY, _COUNT, _AMOUNT, _FLAG = _Text(), _Whole(1), _Whole(0), _Truth()
_CPU_SET = _Text(pattern=r"\^?\d+(-\d+)?(,\^?\d+(-\d+)?)*")
_LEVEL = _Text(("custom", "high", "normal", "low"))


def _choice(*values: str) -> _Text:
    return _Text(values)


def _each(prefix: str, names: str, kind: _Kind) -> dict[str, _Kind]:
    return {prefix + name: kind for name in words(names)}


# Keys that are written as they stand.
_PLAIN: Mapping[str, _Kind] = {
    "accel:device_profile": _ANY,
    "hide_hypervisor_id": _FLAG,
    "group_policy": _choice("isolate", "none"),
    "os:secure_boot": _choice("disabled", "required"),
    "pci_passthrough:alias": _Text(pattern=r"[^:]+:\d+(?:\s*,\s*[^:]+:\d+)*"),
    "vmware:hw_version": _ANY,
    "vmware:storage_policy": _ANY,
    "hw_rng:allowed": _FLAG,
    "hw_rng:rate_bytes": _AMOUNT,
    "hw_rng:rate_period": _AMOUNT,
    "hw_video:ram_max_mb": _AMOUNT,
    **_each("hw:", "cpu_sockets cpu_cores cpu_threads cpu_max_sockets cpu_max_cores cpu_max_threads", _COUNT),
    **_each("hw:", "cpu_realtime hide_hypervisor_id locked_memory boot_menu vif_multiqueue_enabled", _FLAG),
    **_each("hw:", "mem_encryption pmu virtio_packed_ring ephemeral_encryption", _FLAG),
    "hw:cpu_realtime_mask": _CPU_SET,
    "hw:cpu_policy": _choice("dedicated", "shared", "mixed"),
    "hw:cpu_thread_policy": _choice("prefer", "isolate", "require"),
    "hw:emulator_threads_policy": _choice("isolate", "share"),
    "hw:cpu_dedicated_mask": _CPU_SET,
    "hw:mem_page_size": _Text(pattern=r"(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)"),
    "hw:mem_encryption_model": _choice("amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx"),
    "hw:numa_nodes": _COUNT,
    "hw:pci_numa_affinity_policy": _choice("required", "preferred", "legacy", "socket"),
    "hw:pmem": _Text(pattern=r"[a-zA-Z0-9_]+(,[a-zA-Z0-9_]+)*,?"),
    "hw:serial_port_count": _AMOUNT,
    "hw:tpm_model": _choice("tpm-tis", "tpm-crb"),
    "hw:tpm_version": _choice("1.2", "2.0"),
    "hw:tpm_secret_security": _choice("user", "host", "deployment"),
    "hw:watchdog_action": _choice("none", "pause", "poweroff", "reset", "disabled"),
    "hw:viommu_model": _choice("intel", "smmuv3", "virtio", "auto"),
    "hw:sound_model": _choice("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio"),
    "hw:usb_model": _choice("none", "nec-xhci", "qemu-xhci"),
    "hw:redirected_usb_ports": _Whole(0, 15),
    "hw:ephemeral_encryption_format": _choice("plain", "luks", "luksv2"),
    "hw:maxphysaddr_mode": _choice("passthrough", "emulate"),
    "hw:maxphysaddr_bits": _Whole(0),
    **_each(
        "capabilities:",
        "id uuid service_id host vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used hypervisor_type "
        "hypervisor_version hypervisor_hostname free_ram_mb free_disk_gb current_workload running_vms "
        "disk_available_least host_ip mapped cpu_allocation_ratio ram_allocation_ratio disk_allocation_ratio "
        "total_usable_ram_mb total_usable_disk_gb disk_mb_used free_disk_mb vcpus_total num_instances num_io_ops "
        "failed_builds aggregates cell_uuid updated",
        _ANY,
    ),
    **_each("quota:", "cpu_limit cpu_shares_share memory_limit memory_shares_share disk_io_limit", _AMOUNT),
    **_each("quota:", "disk_io_shares_share vif_limit vif_shares_share cpu_shares cpu_period", _AMOUNT),
    **_each("quota:", "cpu_reservation memory_reservation disk_io_reservation vif_reservation cpu_quota", _Whole()),
    **_each("quota:", "cpu_shares_level memory_shares_level disk_io_shares_level vif_shares_level", _LEVEL),
    **_each("quota:disk_", "read_bytes_sec read_iops_sec write_bytes_sec write_iops_sec", _AMOUNT),
    **_each("quota:disk_", "total_bytes_sec total_iops_sec", _AMOUNT),
    **_each("quota:vif_", "inbound_average inbound_peak inbound_burst", _AMOUNT),
    **_each("quota:vif_", "outbound_average outbound_peak outbound_burst", _AMOUNT),
}

_GROUP = r"(?:[a-zA-Z0-9_-]{1,64})?"
_FACTS = words("""
    cpu_info metrics stats numa_topology supported_hv_specs pci_device_pools nodename pci_stats supported_instances
    limits instances
""")

# Keys with something variable in them.
_PATTERNS: tuple[tuple[str, _Kind], ...] = (
    (r"aggregate_instance_extra_specs:.+", _ANY),
    (r"hw:numa_cpus\.\d+", _CPU_SET),
    (r"hw:numa_mem\.\d+", _COUNT),
    (rf"capabilities:(?:{'|'.join(_FACTS)})(?::\w+)*", _ANY),
    (rf"resources{_GROUP}:CUSTOM_[A-Z0-9_]+", _Whole()),
    (rf"trait{_GROUP}:CUSTOM_[A-Z0-9_]+", _choice("required", "forbidden")),
)

_NAMESPACES = re.compile(
    rf"accel|aggregate_instance_extra_specs|capabilities|hw|hw_rng|hw_video|os|pci_passthrough|quota|vmware"
    rf"|resources{_GROUP}|trait{_GROUP}"
)
_TRUE_OR_FALSE = frozenset(("1", "t", "true", "on", "y", "yes", "0", "f", "false", "off", "n", "no"))


def check(specs: Mapping[str, str]) -> None:
    """Raises InvalidExtraSpec for a known key with a bad value, or an unknown key of a known namespace."""
    for key, value in specs.items():
        kind = _kind(key)
        if kind is not None:
            _check_value(kind, value)
        elif ":" in key and _NAMESPACES.fullmatch(key.split(":", 1)[0]):
            raise InvalidExtraSpec(reason=f"extra spec '{key}' does not appear to be a valid extra spec.")


def _kind(key: str) -> _Kind | None:
    if key in _PLAIN:
        return _PLAIN[key]
    for pattern, kind in _PATTERNS:
        if re.fullmatch(pattern, key):
            return kind
    namespace, _, name = key.partition(":")
    if re.fullmatch(rf"resources{_GROUP}", namespace) and name in _resource_classes():
        return _Whole()
    if re.fullmatch(rf"trait{_GROUP}", namespace) and name in _traits():
        return _choice("required", "forbidden")
    return None


@lru_cache(maxsize=1)
def _resource_classes() -> frozenset[str]:
    return frozenset(_texts(os_resource_classes.STANDARDS))


@lru_cache(maxsize=1)
def _traits() -> frozenset[str]:
    return frozenset(_texts(os_traits.get_traits()))


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _check_value(kind: _Kind, value: str) -> None:
    if isinstance(kind, _Truth):
        if value.strip().lower() not in _TRUE_OR_FALSE:
            raise InvalidExtraSpec(reason=f"'{value}' is not a valid boolean-like value.")
    elif isinstance(kind, _Whole):
        _check_number(kind, value)
    elif kind.pattern and not re.fullmatch(kind.pattern, value):
        raise InvalidExtraSpec(reason=f"'{value}' is not of the format '{kind.pattern}'.")
    elif kind.choices and value not in kind.choices:
        raise InvalidExtraSpec(reason=f"'{value}' is not one of: {', '.join(kind.choices)}.")


def _check_number(kind: _Whole, text: str) -> None:
    try:
        value = int(text)
    except ValueError as error:
        raise InvalidExtraSpec(reason=f"'{text}' is not a valid integer value.") from error
    if kind.high is not None and value > kind.high:
        raise InvalidExtraSpec(reason=f"'{text}' is greater than the max value of '{kind.high}'.")
    if kind.low is not None and value < kind.low:
        raise InvalidExtraSpec(reason=f"'{text}' is less than the min value of '{kind.low}'.")
