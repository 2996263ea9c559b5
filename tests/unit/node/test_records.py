"""What is remembered of guests, and the console's log."""

import os
from pathlib import Path

from msgspec.structs import replace

from harness import servers
from unkai.contracts.guest import Disk, Hardware
from unkai.node.libvirt.consoles import MAX_CONSOLE_BYTES, read_log
from unkai.node.records import Records


def test_kept_without_what_opens_anything(tmp_path: Path) -> None:
    records = Records(tmp_path / "guests")
    guest = servers.guest(hardware=Hardware(kernel=servers.image()))
    records.put(guest, servers.data(guest, admin_password="s3cret"))
    text = records.path(guest.server_id).read_text()
    assert "s3cret" not in text
    assert '"capability":"secret"' not in text
    assert records.path(guest.server_id).stat().st_mode & 0o777 == 0o600
    kept = records.get(guest.server_id)
    assert kept is not None
    assert kept.guest.disks[0].size == guest.disks[0].size
    assert records.servers() == {guest.server_id} == set(records.all())


def test_older_data_does_not_replace_newer(tmp_path: Path) -> None:
    records = Records(tmp_path)
    guest = servers.guest()
    records.put(guest, servers.data(guest, revision=3, hostname="new"))
    kept = records.put(replace(guest, vcpus=4), servers.data(guest, revision=2, hostname="old"))
    assert (kept.data.hostname, kept.guest.vcpus) == ("new", 4)


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    records = Records(tmp_path)
    guest = servers.guest()
    records.path(guest.server_id).write_text('{"guest": ')
    (tmp_path / "notes.json").write_text("{}")
    assert records.get(guest.server_id) is None
    assert records.servers() == {guest.server_id}
    assert records.all() == {}
    records.forget(guest.server_id)
    records.forget(guest.server_id)
    assert records.servers() == set()


def test_disks_survive_the_round(tmp_path: Path) -> None:
    records = Records(tmp_path)
    disks = [Disk("ephemeral", "vdb", "virtio", 5, format="ext4", label="x"), Disk("swap", "vdc", "virtio", 6)]
    guest = servers.guest(disks=disks, interfaces=[servers.interface()])
    records.put(guest, servers.data(guest))
    kept = records.get(guest.server_id)
    assert kept is not None
    assert kept.guest.disks == disks
    assert kept.guest.interfaces == guest.interfaces


def test_console_log_by_lines(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    assert read_log(log, None) == ""
    log.write_bytes(b"one\r\ntwo\nthree \xff\nfour")
    assert read_log(log, 2) == "three �\nfour"
    assert read_log(log, 0) == ""
    assert read_log(log, 100).splitlines() == ["one", "two", "three �", "four"]
    assert read_log(log, None).encode(errors="replace").endswith(b"four")


def test_console_log_goes_on_from_the_pieces_before(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("newest\n")
    log.with_name("console.log.0").write_text("older\n")
    log.with_name("console.log.1").write_text("oldest\n")
    assert read_log(log, None) == "oldest\nolder\nnewest\n"
    assert read_log(log, 2) == "older\nnewest"


def test_console_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(os.urandom(10) + b"x" * MAX_CONSOLE_BYTES + b"\nend")
    assert len(read_log(log, None)) == MAX_CONSOLE_BYTES
    assert read_log(log, None).endswith("\nend")
