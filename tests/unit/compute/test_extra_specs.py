"""Known extra specs take values of their kind; unknown namespaces are an operator's own (FLV-018)."""

import time

import pytest

from unkai.compute.errors import InvalidExtraSpec
from unkai.compute.extra_specs import check


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("anything", "x"),
        ("own:key", "x"),
        ("hw:cpu_policy", "dedicated"),
        ("hw:cpu_cores", "4"),
        ("hw:cpu_dedicated_mask", "0-3,^2,7"),
        ("hw:numa_cpus.0", "0,1"),
        ("hw:numa_mem.1", "512"),
        ("hw:mem_page_size", "2MB"),
        ("hw:mem_page_size", "large"),
        ("hw:boot_menu", "yes"),
        ("hw_rng:allowed", "False"),
        ("quota:cpu_quota", "-1"),
        ("resources:VCPU", "0"),
        ("resources:CUSTOM_GOLD", "1"),
        ("resources1:SRIOV_NET_VF", "1"),
        ("resources_NIC:VGPU", "1"),
        ("trait:HW_CPU_X86_AVX2", "required"),
        ("trait:CUSTOM_FAST", "forbidden"),
        ("aggregate_instance_extra_specs:ssd", "true"),
        ("capabilities:cpu_info:features", "<in> vmx"),
        ("hw:watchdog_action", "reset"),
        ("os:secure_boot", "required"),
    ],
)
def test_taken(key: str, value: str) -> None:
    check({key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hw:cpu_policy", "greedy"),
        ("hw:cpu_cores", "0"),
        ("hw:cpu_cores", "four"),
        ("hw:cpu_dedicated_mask", "a-b"),
        ("hw:mem_page_size", "2 MB"),
        ("hw:boot_menu", "perhaps"),
        ("hw:redirected_usb_ports", "16"),
        ("hw:unknown", "x"),
        ("quota:disk_read_bytes_sec", "-1"),
        ("resources:VCPU", "x"),
        ("resources:NOTHING", "1"),
        ("trait:HW_CPU_X86_AVX2", "preferred"),
        ("trait:NOT_A_TRAIT", "required"),
        ("accel:other", "x"),
    ],
)
def test_refused(key: str, value: str) -> None:
    with pytest.raises(InvalidExtraSpec):
        check({key: value})


def test_no_value_takes_long() -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidExtraSpec):
        check({"hw:cpu_dedicated_mask": "1-2," * 63 + "x"})
    with pytest.raises(InvalidExtraSpec):
        check({"pci_passthrough:alias": ", " * 127})
    assert time.perf_counter() - began < 1.0
