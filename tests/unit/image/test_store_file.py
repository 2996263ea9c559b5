"""The file store: what is published is whole and durable, what is discarded is gone."""

import os
from pathlib import Path

import pytest

from unkai.image.blobs import BlobMissing, FileStore

KEY = "0123abcd-0000-0000-0000-000000000000"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore("file", tmp_path / "images")


def test_nothing_is_made_before_something_is_written(store: FileStore, tmp_path: Path) -> None:
    assert list(store.keys()) == []
    with pytest.raises(BlobMissing):
        store.size(KEY)
    with pytest.raises(BlobMissing):
        store.open_reader(KEY)
    store.remove(KEY)
    assert list(tmp_path.iterdir()) == []


def test_data_is_not_there_until_it_is_published(store: FileStore, tmp_path: Path) -> None:
    writer = store.open_writer(KEY)
    writer.write(b"one ")
    writer.write(b"two")
    with pytest.raises(BlobMissing):
        store.open_reader(KEY)
    assert list(store.keys()) == [KEY], "half-written data can be found and removed"
    writer.publish()
    assert store.size(KEY) == 7
    assert store.open_reader(KEY, 4).read(100) == b"two"
    assert list(store.keys()) == [KEY]
    path = tmp_path / "images" / KEY[:2] / KEY
    assert store.url(KEY) == path.as_uri()
    assert path.stat().st_mode & 0o007 == 0, "not for other users of the machine"
    assert path.parent.stat().st_mode & 0o007 == 0


def test_file_and_folders_reach_the_disk_before_the_name_counts(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "file"
        events.append(f"fsync {kind}")
        real_fsync(fd)

    def rename(source: Path, target: Path) -> None:
        events.append("rename")
        real_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    writer = store.open_writer(KEY)
    writer.write(b"x")
    writer.publish()
    assert events == ["fsync file", "rename", "fsync folder", "fsync folder"]


@pytest.mark.parametrize("published", [True, False])
def test_discarded_data_is_gone(store: FileStore, published: bool) -> None:
    writer = store.open_writer(KEY)
    writer.write(b"x")
    if published:
        writer.publish()
    for _ in range(2):
        writer.discard()
    assert list(store.keys()) == []


def test_a_key_is_written_once(store: FileStore) -> None:
    store.open_writer(KEY)
    with pytest.raises(FileExistsError):
        store.open_writer(KEY)


def test_publishing_what_was_removed_meanwhile_fails(store: FileStore) -> None:
    writer = store.open_writer(KEY)
    writer.write(b"x")
    store.remove(KEY)
    with pytest.raises(FileNotFoundError):
        writer.publish()
    assert list(store.keys()) == []


def test_a_reader_goes_on_after_the_removal(store: FileStore) -> None:
    writer = store.open_writer(KEY)
    writer.write(b"0123456789")
    writer.publish()
    reader = store.open_reader(KEY)
    assert reader.read(3) == b"012"
    store.remove(KEY)
    assert reader.read(100) == b"3456789"
    assert reader.read(100) == b""
    reader.close()


def test_room_is_what_the_file_system_has_free(store: FileStore) -> None:
    assert store.room() > 0
    assert store.details()["data_dir"].endswith("/images")
