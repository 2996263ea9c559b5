"""A guest's folder: disks made once, complete or not there, and gone without a trace."""

import asyncio
import contextlib
import hashlib
import io
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pycdlib
import pytest

from harness import machine, servers
from unkai.contracts.guest import Disk, Guest, Hardware, ImageRef, InjectedFile
from unkai.kernel.clock import monotonic
from unkai.node.errors import ConfigDriveFailed, DiskFailed, FlavorDiskTooSmall
from unkai.node.job import Job, Lost, undoing_on_failure
from unkai.node.storage import tool
from unkai.node.storage.guest_files import Choices, GuestFiles
from unkai.node.storage.images import ImageCache

pytestmark = pytest.mark.libvirt  # qemu-img

HOST = "5b0c4a8e-3c39-4f58-8f1c-90f3a8a2b001"
MIB = 1 << 20
CONTENT = b"\x5a" * (2 * MIB)


@contextlib.asynccontextmanager
async def fetch(image_id: str, capability: str) -> AsyncIterator[AsyncIterator[bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        yield CONTENT

    yield pieces()


def image(**changes: Any) -> ImageRef:
    values = {"disk_format": "raw", "size": len(CONTENT), "hash_value": hashlib.sha512(CONTENT).hexdigest()}
    return servers.image(**{**values, **changes})


def files(tmp_path: Path, **choices: Any) -> GuestFiles:
    instances = tmp_path / "instances"
    return GuestFiles(instances, ImageCache(instances / "_base", fetch), HOST, Choices(**choices))


def job() -> Job:
    return Job("step", "subject", 1, monotonic() + 60)


def guest(**changes: Any) -> Guest:
    values: dict[str, Any] = {"disks": [Disk("root", "vda", "virtio", 8 * MIB, image=image(), boot_index=0)]}
    return servers.guest(**{**values, **changes})


def info(path: Path) -> dict[str, Any]:
    done = subprocess.run(["qemu-img", "info", "--output=json", str(path)], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def make(keeper: GuestFiles, one: Guest, **data: Any) -> Path:
    await keeper.make(job(), one, servers.data(one, **data), None)
    return keeper.folder(one.server_id)


async def test_an_overlay_says_what_it_rests_on(tmp_path: Path) -> None:
    keeper, one = files(tmp_path), guest()
    folder = await make(keeper, one)
    found = info(folder / "disk")
    assert found["virtual-size"] == 8 * MIB
    assert found["backing-filename-format"] == "raw"
    ((overlay, (base, kind)),) = (await keeper.backing(one)).items()
    assert (str(overlay), found["backing-filename"], kind) == (str(folder / "disk"), str(base), "raw")
    assert await keeper.complete(one)
    assert keeper.servers() == {one.server_id}


async def test_a_flavor_without_a_disk_size_takes_the_images(tmp_path: Path) -> None:
    one = guest(disks=[Disk("root", "vda", "virtio", 0, image=image())])
    folder = await make(files(tmp_path), one)
    assert info(folder / "disk")["virtual-size"] == len(CONTENT)


async def test_a_raw_copy(tmp_path: Path) -> None:
    folder = await make(files(tmp_path, images_type="raw"), guest())
    data = (folder / "disk").read_bytes()
    assert data[: len(CONTENT)] == CONTENT
    assert len(data) == 8 * MIB


async def test_a_disk_smaller_than_its_image(tmp_path: Path) -> None:
    keeper, one = files(tmp_path), guest(disks=[Disk("root", "vda", "virtio", MIB, image=image())])
    with pytest.raises(FlavorDiskTooSmall) as caught:
        async with undoing_on_failure(job()) as undo:
            await keeper.make(job(), one, servers.data(one), None, undo)
    assert caught.value.params == {"flavor_size": MIB, "image_size": len(CONTENT)}
    assert not keeper.folder(one.server_id).exists()


async def test_made_once(tmp_path: Path) -> None:
    keeper, one = files(tmp_path), guest()
    folder = await make(keeper, one)
    (folder / "disk").write_bytes(b"what the guest wrote")
    await make(keeper, one)
    assert (folder / "disk").read_bytes() == b"what the guest wrote"


async def test_extra_disks(tmp_path: Path) -> None:
    disks = [
        Disk("ephemeral", "vdb", "virtio", 16 * MIB, format="ext4", label="ephemeral0"),
        Disk("ephemeral", "vdc", "virtio", 4 * MIB),
        Disk("swap", "vdd", "virtio", 4 * MIB, format="swap"),
    ]
    folder = await make(files(tmp_path), guest(disks=disks))
    superblock = (folder / "disk.eph0").read_bytes()[1024:2048]
    assert superblock[56:58] == b"\x53\xef"
    assert superblock[120:136].rstrip(b"\0") == b"ephemeral0"
    assert (folder / "disk.eph1").read_bytes() == b"\0" * (4 * MIB)
    assert (folder / "disk.swap").read_bytes()[4086:4096] == b"SWAPSPACE2"
    assert (folder / "disk.eph0").stat().st_size == 16 * MIB


async def test_a_file_system_nobody_knows(tmp_path: Path) -> None:
    keeper = files(tmp_path)
    one = guest(disks=[Disk("ephemeral", "vdb", "virtio", MIB, format="zfs")])
    with pytest.raises(DiskFailed, match="zfs"):
        await make(keeper, one)
    assert not await keeper.complete(one)
    assert [path.name for path in keeper.folder(one.server_id).iterdir() if "eph" in path.name] == []


async def test_kernel_and_ramdisk(tmp_path: Path) -> None:
    hardware = Hardware(kernel=image(disk_format="aki"), ramdisk=image(disk_format="ari"))
    folder = await make(files(tmp_path), guest(hardware=hardware))
    assert (folder / "kernel").read_bytes() == (folder / "ramdisk").read_bytes() == CONTENT


async def test_reserved_in_full(tmp_path: Path) -> None:
    one = guest(disks=[Disk("ephemeral", "vdb", "virtio", 4 * MIB)])
    folder = await make(files(tmp_path, preallocate=True), one)
    assert (folder / "disk.eph0").stat().st_blocks * 512 >= 4 * MIB


async def test_a_lost_lease_leaves_what_is_there(tmp_path: Path) -> None:
    keeper, one = files(tmp_path), guest()
    lost = job()
    with pytest.raises(Lost):
        async with undoing_on_failure(lost) as undo:
            await keeper.make(lost, one, servers.data(one), None, undo)
            lost.lose("taken away")
            lost.check()
    assert await keeper.complete(one)
    await keeper.remove(job(), one.server_id)
    assert keeper.servers() == set()
    assert [path.name for path in (tmp_path / "instances").iterdir()] == ["_base"]


async def test_another_hosts_folder_is_left_alone(tmp_path: Path) -> None:
    keeper, one = files(tmp_path), guest()
    folder = await make(keeper, one)
    (folder / ".host").write_text("another host")
    assert keeper.servers() == set()
    await keeper.remove(job(), one.server_id)
    assert folder.exists()


async def test_leavings_of_an_agent_that_was_killed(tmp_path: Path) -> None:
    keeper, one = files(tmp_path), guest()
    folder = await make(keeper, one)
    folder.rename(folder.with_name(f".{HOST}-{folder.name}"))
    (tmp_path / "instances" / ".another-x").mkdir()
    assert keeper.servers() == set()
    keeper.tidy()
    assert sorted(path.name for path in (tmp_path / "instances").iterdir()) == [".another-x", "_base"]


# ---- config drives -------------------------------------------------------------------------------


def with_drive(**changes: Any) -> Guest:
    return guest(disks=[Disk("config", "sda", "sata", 64 * MIB, device_type="cdrom")], config_drive=True, **changes)


def read_iso(path: Path, names: str) -> dict[str, bytes]:
    """Every file with its path, by Rock Ridge ("rr") or Joliet ("joliet") names."""
    found = {}
    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    try:
        assert iso.pvd.volume_identifier.rstrip() == b"config-2"
        for folder, _, entries in iso.walk(**{f"{names}_path": "/"}):
            for entry in entries:
                data = io.BytesIO()
                iso.get_file_from_iso_fp(data, **{f"{names}_path": f"{folder.rstrip('/')}/{entry}"})
                found[f"{folder.strip('/')}/{entry}"] = data.getvalue()
    finally:
        iso.close()
    return found


@pytest.mark.parametrize("program", [None, "genisoimage"])
async def test_an_iso9660_drive(tmp_path: Path, program: str | None) -> None:
    if program is not None and machine.program(program) is None:
        pytest.skip(f"{program} is not installed")
    one = with_drive()
    folder = await make(
        files(tmp_path, mkisofs=program, vendor=lambda: {"v": 1}),
        one,
        admin_password="s3cret",
        files=[InjectedFile("/etc/motd", "aGVsbG8=")],
        user_data="IyEvYmluL3NoCg==",
    )
    drive = folder / "disk.config"
    assert drive.stat().st_mode & 0o777 == 0o600
    for names in "rr", "joliet":
        content = read_iso(drive, names)
        meta = json.loads(content["openstack/latest/meta_data.json"])
        assert (meta["uuid"], meta["admin_pass"]) == (one.server_id, "s3cret")
        assert content["openstack/content/0000"] == b"hello"
        assert content["openstack/latest/user_data"] == content["ec2/latest/user-data"] == b"#!/bin/sh\n"
        assert json.loads(content["openstack/latest/vendor_data.json"]) == {"v": 1}
        assert len([path for path in content if path.endswith("/meta_data.json")]) == 10


async def test_a_vfat_drive(tmp_path: Path) -> None:
    if machine.program("mcopy") is None or machine.program("mkfs.vfat") is None:
        pytest.skip("mtools or dosfstools are not installed")
    one = with_drive()
    drive = (await make(files(tmp_path, drive_format="vfat"), one)) / "disk.config"
    assert drive.stat().st_size == 64 * MIB
    meta = await tool.run(["mtype", "-i", str(drive), "::/openstack/latest/meta_data.json"])
    assert json.loads(meta)["uuid"] == one.server_id
    assert "config-2" in (await tool.run(["mlabel", "-s", "-i", str(drive), "::"])).lower()


async def test_a_missing_program_is_a_clear_fault(tmp_path: Path) -> None:
    keeper, one = files(tmp_path, mkisofs="no-such-program"), with_drive()
    with pytest.raises(ConfigDriveFailed) as caught:
        await make(keeper, one)
    assert caught.value.message == "The config drive could not be made: a program for it is not installed on the host"
    assert "no-such-program" in caught.value.details
    assert not await keeper.complete(one)


async def test_a_drive_is_kept_with_its_password(tmp_path: Path) -> None:
    keeper, one = files(tmp_path), with_drive()
    drive = (await make(keeper, one, admin_password="s3cret")) / "disk.config"
    first = drive.read_bytes()
    await make(keeper, one, revision=2)
    assert drive.read_bytes() == first


# ---- programs ------------------------------------------------------------------------------------


async def test_a_program_that_takes_too_much() -> None:
    hungry = ["python3", "-c", "x = b'x' * (1 << 30)"]
    with pytest.raises(tool.ToolFailed):
        await tool.run(hungry, limits=(256 * MIB, 10))
    with pytest.raises(tool.ToolFailed):
        await tool.run(["python3", "-c", "while True: pass"], limits=(1 << 30, 1))


async def test_a_program_that_takes_too_long_is_ended() -> None:
    began = monotonic()
    with pytest.raises(tool.ToolFailed, match="did not end"):
        await tool.run(["sleep", "60"], timeout=0.2)
    assert monotonic() - began < 5


async def test_a_cancelled_program_is_ended(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    task = asyncio.create_task(tool.run(["sh", "-c", f"sleep 1; touch {mark}"]))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(1.2)
    assert not mark.exists()
