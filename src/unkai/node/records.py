"""What this host was last told of each of its guests, on disk: for the metadata service and for the next agent.

One file for each server, `<state_path>/guests/<server id>.json`, for root only. What opens or unlocks something
(capabilities, the administrator's password) is not kept. Blocking: call in a thread.
"""

import os
from pathlib import Path

import msgspec
from msgspec.structs import replace

from unkai.contracts.guest import Guest, GuestData, ImageRef
from unkai.kernel.ids import is_uuid
from unkai.kernel.log import get

__all__ = ["Record", "Records"]

_log = get(__name__)


class Record(msgspec.Struct, frozen=True):
    guest: Guest
    data: GuestData


class Records:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, server_id: str) -> Path:
        return self._folder / f"{server_id}.json"

    def put(self, guest: Guest, data: GuestData) -> Record:
        """Keep this, but never older data over newer. Returns what is kept now. Raises OSError."""
        known = self.get(guest.server_id)
        newest = known.data if known is not None and known.data.revision > data.revision else data
        kept = Record(_without_capabilities(guest), replace(newest, admin_password=None))
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._folder / f".{guest.server_id}.new"
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(msgspec.json.encode(kept))
        fresh.replace(self.path(guest.server_id))
        return kept

    def get(self, server_id: str) -> Record | None:
        try:
            return msgspec.json.decode(self.path(server_id).read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            # Of another release, or cut short by a power failure: the control plane will tell it again.
            _log.warning("record unreadable", server=server_id, error=str(error))
            return None

    def all(self) -> dict[str, Record]:
        found = ((server_id, self.get(server_id)) for server_id in sorted(self.servers()))
        return {server_id: record for server_id, record in found if record is not None}

    def servers(self) -> set[str]:
        """Also those whose record cannot be read."""
        return {path.stem for path in self._folder.glob("*.json") if is_uuid(path.stem)}

    def forget(self, server_id: str) -> None:
        self.path(server_id).unlink(missing_ok=True)


def _without_capabilities(guest: Guest) -> Guest:
    def shut(ref: ImageRef | None) -> ImageRef | None:
        return None if ref is None else replace(ref, capability="")

    hardware = replace(guest.hardware, kernel=shut(guest.hardware.kernel), ramdisk=shut(guest.hardware.ramdisk))
    return replace(guest, disks=[replace(disk, image=shut(disk.image)) for disk in guest.disks], hardware=hardware)
