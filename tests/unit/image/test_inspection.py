"""What image data may be: real files of every format, attacks, and headers that somebody played with."""

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unkai.image.errors import InvalidData
from unkai.image.inspection import Inspection
from unkai.image.settings import ImageFormat

MIB = 1 << 20
needs_qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


def inspect(data: bytes, disk: str = "raw", container: str = "bare", batch: int = MIB, **options: Any) -> int | None:
    inspection = Inspection(disk, container, ImageFormat(**options))
    for start in range(0, len(data), batch):
        inspection.feed(data[start : start + batch])
    return inspection.verdict()


def qcow2(*, version: int = 3, backing: int = 0, features: int = 0, size: int = 1 << 30) -> bytes:
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", version, backing, 11 if backing else 0, 16, size)
    return (header + bytes(72 - len(header)) + struct.pack(">QQQII", features, 0, 0, 4, 104)).ljust(1 << 17, b"\0")


def mbr(*, entries: bytes = b"\x80\0\2\0\xee\xff\xff\xff\1\0\0\0\xff\xff\0\0") -> bytes:
    return bytes(446) + entries.ljust(64, b"\0") + b"\x55\xaa"


def iso(blocks: int = 600) -> bytes:
    volume = bytearray(b"\1CD001\1".ljust(2048, b"\0"))
    struct.pack_into("<I", volume, 80, blocks)
    struct.pack_into("<H", volume, 128, 2048)
    return (bytes(32768) + bytes(volume)).ljust(blocks * 2048, b"\0")


VMDK_TEXT = """# Disk DescriptorFile
version=1
CID=7e5b80a7
parentCID=ffffffff
createType="{kind}"
RW 20480 FLAT "{extent}" 0
ddb.adapterType = "ide"
"""


@pytest.mark.parametrize(
    ("data", "disk", "size"),
    [
        (b"", "raw", None),
        (b"x", "raw", 1),
        (b"text " * 200, "raw", 1000),
        (b"a" * 512 + b"\xff" * 5000, "raw", 5512),
        (bytes(3 * MIB), "raw", 3 * MIB),
        (qcow2(), "qcow2", 1 << 30),
        (qcow2(version=2), "qcow2", 1 << 30),
        (qcow2(), "raw", 1 << 17),
        (iso(), "iso", len(iso())),
        (mbr() + iso()[512:], "iso", len(iso())),
        (mbr() + bytes(MIB), "raw", MIB + 512),
        (b"no known format", "ami", None),
        (b"no known format", "ploop", None),
        (b"conectix".ljust(40, b"\0") + struct.pack(">Q", 5 * MIB) + bytes(MIB), "vhd", 5 * MIB),
    ],
)
@pytest.mark.parametrize("batch", [MIB, 512 * 1024])
def test_data_that_is_what_it_says(data: bytes, disk: str, size: int | None, batch: int) -> None:
    assert inspect(data, disk, batch=batch) == size


@pytest.mark.parametrize(
    ("data", "disk", "reason"),
    [
        (b"", "qcow2", "does not match stream data raw"),
        (b"QFI\xfb", "qcow2", "does not match stream data raw"),
        (bytes(MIB), "qcow2", "does not match stream data"),
        (qcow2(), "vmdk", "does not match stream data"),
        (qcow2(), "ami", "does not match stream data qcow2"),
        (qcow2(backing=104), "qcow2", "Image has a backing file"),
        (qcow2(backing=104), "raw", "Image has a backing file"),
        (qcow2(features=4), "qcow2", "Image has data_file set"),
        (qcow2(features=1 << 40), "qcow2", "Unknown QCOW2 features found"),
        (qcow2(version=1), "qcow2", "Unsupported qcow2 version"),
        (qcow2(size=2**64 - 1), "qcow2", "its virtual size is no disk's"),
        (b"QED\0" + bytes(MIB), "raw", "This file format is not allowed"),
        (VMDK_TEXT.format(kind="monolithicFlat", extent="/etc/passwd").encode(), "vmdk", "Unsupported subformat"),
        (VMDK_TEXT.format(kind="monolithicFlat", extent="x-flat.vmdk").encode(), "raw", "Unsupported subformat"),
        (bytes(446) + b"\xff" * 64 + b"\x55\xaa" + bytes(MIB), "raw", "Image failed safety checks"),
        (qcow2()[:32768] + iso()[32768:], "qcow2", "Multiple formats detected: iso, qcow2"),
    ],
)
def test_data_that_is_refused(data: bytes, disk: str, reason: str) -> None:
    with pytest.raises(InvalidData, match=reason):
        inspect(data, disk)


def test_operators_relax_what_upstream_lets_them_relax() -> None:
    assert inspect(b"no disk", "vdi", require_image_format_match=False) is None
    with pytest.raises(InvalidData, match="backing file"):
        inspect(qcow2(backing=1), "vdi", require_image_format_match=False)
    broken = bytes(446) + b"\xff" * 64 + b"\x55\xaa" + bytes(MIB)
    with pytest.raises(InvalidData, match="safety checks"):
        inspect(broken)
    assert inspect(broken, gpt_safety_checks_nonfatal=["mbr"]) == len(broken)
    assert inspect(broken, "aki", require_image_format_match=False) is None, "kernels carry that magic"


@pytest.mark.parametrize("container", ["ovf", "ova", "docker", "compressed", "aki"])
def test_what_is_packed_need_not_match_but_must_not_reach_out(container: str) -> None:
    assert inspect(b"PK\3\4" + bytes(MIB), "qcow2", container) is None
    assert inspect(qcow2(), "vmdk", container) is None
    with pytest.raises(InvalidData, match="backing file"):
        inspect(qcow2(backing=104), "qcow2", container)


def test_a_mismatch_is_known_from_the_first_batch() -> None:
    with pytest.raises(InvalidData):
        Inspection("qcow2", "bare", ImageFormat()).feed(bytes(MIB))


@needs_qemu
@pytest.mark.parametrize(
    ("disk", "options"),
    [
        ("qcow2", ["-f", "qcow2", "-o", "compat=0.10"]),
        ("qcow2", ["-f", "qcow2", "-o", "compat=1.1,cluster_size=4096"]),
        ("vdi", ["-f", "vdi"]),
        ("vhd", ["-f", "vpc", "-o", "force_size=on"]),
        ("vhdx", ["-f", "vhdx"]),
        ("vmdk", ["-f", "vmdk"]),
        ("raw", ["-f", "raw"]),
    ],
)
def test_what_qemu_makes_is_taken(tmp_path: Path, disk: str, options: list[str]) -> None:
    file = tmp_path / "disk"
    subprocess.run(["qemu-img", "create", "-q", *options, str(file), "64M"], check=True)
    assert inspect(file.read_bytes(), disk) == 64 * MIB
    if disk != "raw":
        with pytest.raises(InvalidData):
            inspect(file.read_bytes(), "iso")


@needs_qemu
def test_vmdk_by_its_type(tmp_path: Path) -> None:
    source, file = tmp_path / "raw", tmp_path / "disk.vmdk"
    source.write_bytes(bytes(8 * MIB))
    for kind, size in (("streamOptimized", 8 * MIB), ("monolithicSparse", 8 * MIB)):
        options = ["-O", "vmdk", "-o", f"subformat={kind}"]
        subprocess.run(["qemu-img", "convert", *options, str(source), str(file)], check=True)
        assert inspect(file.read_bytes(), "vmdk") == size
        other = [name for name in ("streamOptimized", "monolithicSparse") if name != kind]
        with pytest.raises(InvalidData, match="is not allowed"):
            inspect(file.read_bytes(), "vmdk", vmdk_allowed_types=other)
    flat = ["qemu-img", "create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", str(tmp_path / "f.vmdk"), "1M"]
    subprocess.run(flat, check=True)
    with pytest.raises(InvalidData, match="Unsupported subformat"):
        inspect((tmp_path / "f.vmdk").read_bytes(), "vmdk")


HEADERS = [
    qcow2()[:4096],
    VMDK_TEXT.format(kind="monolithicSparse", extent="x.vmdk").encode(),
    b"KDMV" + struct.pack("<IIQQQQIQQ", 3, 0, 100, 128, 1, 20, 512, 21, 26).ljust(508, b"\0"),
    b"vhdxfile".ljust(65536, b"\0") + b"head".ljust(65536 * 2, b"\0") + b"regi".ljust(65536, b"\0"),
    b"conectix".ljust(512, b"\0"),
    b"<<< QEMU VM Virtual Disk Image >>>\n".ljust(64, b"\0") + struct.pack("<I", 0xBEDA107F).ljust(448, b"\0"),
    iso()[:40960],
    mbr() + b"EFI PART".ljust(512, b"\0"),
    b"LUKS\xba\xbe\0\1".ljust(592, b"\0"),
]


@settings(max_examples=300, deadline=None)
@given(
    header=st.sampled_from(HEADERS),
    changes=st.lists(st.tuples(st.integers(0, 1 << 18), st.binary(min_size=1, max_size=16)), max_size=8),
    cut=st.one_of(st.none(), st.integers(0, 1 << 18)),
    disk=st.sampled_from(ImageFormat().disk_formats),
    container=st.sampled_from(["bare", "ovf"]),
    batch=st.sampled_from([1 << 20, 4096, 511]),
)
@example(header=b"a" * 512 + b"\xff" * 600, changes=[], cut=None, disk="raw", container="bare", batch=1 << 20)
def test_headers_that_somebody_played_with(
    header: bytes, changes: list[tuple[int, bytes]], cut: int | None, disk: str, container: str, batch: int
) -> None:
    """Accepted with a size that a disk can have, or refused with a reason; nothing else."""
    data = bytearray(header)
    for position, replacement in changes:
        start = position % (len(data) or 1)
        data[start : start + len(replacement)] = replacement
    try:
        size = inspect(bytes(data[:cut]), disk, container, batch)
    except InvalidData as error:
        assert error.message
    else:
        assert size is None or 0 < size < 2**63
