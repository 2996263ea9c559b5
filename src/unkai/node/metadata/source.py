"""From what the documents are made."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from unkai.contracts.guest import Guest, GuestData
from unkai.kernel.log import get

__all__ = ["Source", "load_vendor_data"]

_log = get(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """`vendor` is the operator's static JSON; `password` what the guest has posted. With `drive` the documents are
    those of a config drive: the only place where the administrator's password and the user's files appear."""

    guest: Guest
    data: GuestData
    vendor: dict[str, object] = field(default_factory=dict)
    password: str = ""
    drive: bool = False


def load_vendor_data(path: Path | None) -> dict[str, object]:
    """The operator's static JSON. As upstream, a file that cannot be used is reported and guests see none."""
    if path is None:
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.MsgspecError) as error:
        _log.error("vendor data cannot be read", path=str(path), error=str(error))
        return {}
