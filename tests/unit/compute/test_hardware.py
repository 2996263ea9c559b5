"""Hardware from extra specs and image properties: topologies, limits, who wins (FLV-008, FLV-029 to FLV-034)."""

import itertools

import pytest

from unkai.compute import hardware
from unkai.compute.errors import CannotCreate


@pytest.mark.parametrize(
    ("vcpus", "specs", "image", "expected"),
    [
        (4, {}, {}, (None, None, None)),
        (4, {"hw:cpu_sockets": "2"}, {}, (2, 2, 1)),
        (4, {"hw:cpu_cores": "4"}, {}, (1, 4, 1)),
        (8, {"hw:cpu_sockets": "2", "hw:cpu_threads": "2"}, {}, (2, 2, 2)),
        (8, {"hw:cpu_max_sockets": "1"}, {}, (1, 8, 1)),
        (8, {"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "4"}, {}, (1, 4, 2)),
        (4, {}, {"hw_cpu_sockets": "1"}, (1, 4, 1)),
        # The flavor's wish stands before the image's.
        (4, {"hw:cpu_sockets": "2"}, {"hw_cpu_sockets": "4"}, (2, 2, 1)),
        (4, {"hw:cpu_max_sockets": "4"}, {"hw_cpu_max_sockets": "2"}, (2, 2, 1)),
        (6, {"hw:cpu_cores": "4"}, {}, (6, 1, 1)),
        (1, {"hw:cpu_sockets": "1"}, {}, (1, 1, 1)),
        (7, {"hw:cpu_max_sockets": "2"}, {}, (1, 7, 1)),
    ],
)
def test_topologies(
    vcpus: int, specs: dict[str, str], image: dict[str, str], expected: tuple[int | None, int | None, int | None]
) -> None:
    found = hardware.resolve(vcpus, specs, image)
    assert (found.sockets, found.cores, found.threads) == expected


def test_products_are_the_number_of_cpus() -> None:
    for vcpus, sockets, cores in itertools.product(range(1, 33), ("1", "2", "3"), ("1", "2", "4")):
        found = hardware.resolve(vcpus, {"hw:cpu_sockets": sockets, "hw:cpu_cores": cores}, {})
        assert found.sockets and found.cores and found.threads
        assert found.sockets * found.cores * found.threads == vcpus


@pytest.mark.parametrize(
    ("vcpus", "specs", "image"),
    [
        (4, {"hw:cpu_max_sockets": "1"}, {"hw_cpu_max_sockets": "2"}),
        (4, {"hw:cpu_max_cores": "1"}, {"hw_cpu_cores": "2"}),
        (7, {"hw:cpu_max_sockets": "2", "hw:cpu_max_cores": "2", "hw:cpu_max_threads": "1"}, {}),
        (4, {"hw:cpu_sockets": "0"}, {}),
        (4, {"hw:cpu_sockets": "two"}, {}),
        (4, {}, {"hw_cpu_threads": "-1"}),
        (1, {}, {"hw_watchdog_action": "explode"}),
        (1, {}, {"hw_firmware_type": "openfirmware"}),
        (1, {}, {"hw_architecture": "z80"}),
    ],
)
def test_contradictions(vcpus: int, specs: dict[str, str], image: dict[str, str]) -> None:
    with pytest.raises(CannotCreate):
        hardware.check(vcpus, specs, image)


def test_choices() -> None:
    found = hardware.resolve(
        1,
        {"hw_rng:allowed": "False", "hw:watchdog_action": "reset"},
        {
            "hw_machine_type": "q35", "hw_firmware_type": "uefi", "hw_video_model": "virtio",
            "hw_qemu_guest_agent": "yes", "hw_watchdog_action": "pause", "hw_boot_menu": "true",
            "os_command_line": "quiet", "hw_scsi_model": "virtio-scsi",
        },
    )  # fmt: skip
    assert (found.machine, found.firmware, found.video_model, found.watchdog_action) == (
        "q35", "uefi", "virtio", "pause",
    )  # fmt: skip
    assert (found.rng, found.guest_agent, found.boot_menu) == (False, True, True)
    assert (found.kernel_command_line, found.scsi_model) == ("quiet", "virtio-scsi")
    plain = hardware.resolve(1, {}, {"hw_watchdog_action": "disabled"})
    assert (plain.watchdog_action, plain.rng, plain.firmware) == (None, True, None)


def test_a_large_number_of_cpus_is_arranged_at_once() -> None:
    found = hardware.resolve(2**20, {"hw:cpu_sockets": "2"}, {})
    assert found.sockets == 2


def test_buses() -> None:
    assert hardware.disk_bus({}) == "virtio" and hardware.disk_bus({"hw_disk_bus": "scsi"}) == "scsi"
    with pytest.raises(CannotCreate):
        hardware.disk_bus({"hw_disk_bus": "string"})
