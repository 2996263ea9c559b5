"""Local disks from flavor and block device mapping."""

from typing import Any

import pytest

from unkai.compute import disks
from unkai.compute.disks import Mapping
from unkai.compute.errors import CannotCreate
from unkai.compute.server import FlavorCopy, LocalDisk

IMAGE = "11111111-1111-4111-8111-111111111111"
FLAVOR = FlavorCopy(flavor_id="f", name="f", vcpus=1, memory_mb=64, root_gb=5, ephemeral_gb=10, swap_mb=1500)
PLAIN = FlavorCopy(flavor_id="p", name="p", vcpus=1, memory_mb=64, root_gb=5, ephemeral_gb=0, swap_mb=0)
ROOT = Mapping(source="image", destination="local", id=IMAGE, boot_index=0)


def blank(**fields: Any) -> Mapping:
    return Mapping(source="blank", destination="local", boot_index=-1, **fields)


def local(*mappings: Mapping, flavor: FlavorCopy = FLAVOR, limit: int = 3) -> list[LocalDisk]:
    return disks.local_disks(mappings, IMAGE, flavor, limit, "ext4")


def test_what_the_flavor_gives() -> None:
    assert local() == local(ROOT) == [LocalDisk("ephemeral", 10, "ext4"), LocalDisk("swap", 1500)]
    assert local(flavor=PLAIN) == []


def test_what_a_mapping_gives() -> None:
    found = local(ROOT, blank(size=3, format="xfs", tag="t"), blank(format="swap", size=100))
    assert found == [LocalDisk("ephemeral", 3, "xfs", None, "t"), LocalDisk("swap", 100)]
    two = local(blank(size=3), blank(size=7), limit=-1)
    assert [(disk.role, disk.size) for disk in two] == [("ephemeral", 3), ("ephemeral", 7), ("swap", 1500)]
    assert local(blank(absent=True), ROOT) == local()


@pytest.mark.parametrize(
    "mapping",
    [
        Mapping(),
        Mapping(source="image", destination="local", id=IMAGE),
        Mapping(source="image", destination="local", boot_index=0),
        Mapping(source="image", destination="local", id="other", boot_index=0),
        Mapping(source="image", destination="volume", id=IMAGE, boot_index=0),
        Mapping(source="volume", id="v", boot_index=0),
        Mapping(source="volume", destination="volume", id="v", boot_index=0, volume_type="fast"),
        Mapping(source="snapshot", destination="volume", id="s", boot_index=0),
        Mapping(source="blank", destination="volume", size=1),
        Mapping(source="blank", size=1),
        blank(id="x"),
        blank(volume_type="fast"),
        blank(bus="firewire"),
        blank(size=11),
        blank(format="swap", size=1501),
        Mapping(source="blank", destination="local", boot_index=1),
    ],
)
def test_refused(mapping: Mapping) -> None:
    with pytest.raises(CannotCreate):
        local(mapping)


def test_more_than_allowed() -> None:
    with pytest.raises(CannotCreate):
        local(blank(size=6), blank(size=6))
    with pytest.raises(CannotCreate):
        local(blank(format="swap", size=1), blank(format="swap", size=1))
    with pytest.raises(CannotCreate):
        local(blank(size=1), blank(size=1), blank(size=1), limit=3)


def test_names_and_amounts() -> None:
    assert disks.names("virtio", 3) == ["vda", "vdb", "vdc"]
    assert disks.names("ide", 1) == ["hda"]
    assert disks.disk_gb(FLAVOR, local()) == 5 + 10 + 2, "swap is rounded up"
    assert disks.disk_gb(PLAIN, []) == 5
