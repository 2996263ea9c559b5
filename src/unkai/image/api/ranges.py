"""Which part of an image's data a request asks for: one range, from either end (RFC 9110)."""

import re
from collections.abc import Mapping

import msgspec

from unkai.image.errors import InvalidRange, ManyRanges

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


class Part(msgspec.Struct, frozen=True):
    offset: int
    length: int


def asked_part(headers: Mapping[str, str], size: int) -> Part | None:
    """None for the whole. Raises InvalidRange (416), ManyRanges (400).

    Glance also takes `Content-Range` from a request, as clients of its first years send it.
    """
    wanted = headers.get("range")
    if wanted is not None:
        return _from_range(wanted, size)
    old = headers.get("content-range")
    return None if old is None else _from_content_range(old, size)


def _from_range(text: str, size: int) -> Part:
    if "," in text:
        raise ManyRanges
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[1] == match[2] == "":
        raise InvalidRange(reason="Invalid Range header.", headers=_sized(size))
    if match[1] == "":
        length = min(int(match[2]), size)
        if length == 0:
            raise InvalidRange(reason="Invalid Range header.", headers=_sized(size))
        return Part(size - length, length)
    start = int(match[1])
    end = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < start:
        raise InvalidRange(reason="Invalid Range header.", headers=_sized(size))
    _check_start("Range", start, size)
    return Part(start, end - start + 1)


def _from_content_range(text: str, size: int) -> Part:
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None or int(match[2]) < int(match[1]):
        raise InvalidRange(reason="Invalid Content-Range header.", headers=_sized(size))
    start, end = int(match[1]), int(match[2])
    _check_start("Content-Range", start, size)
    if end >= size:
        reason = (
            "Invalid stop position in Content-Range header. The stop position MUST be in the inclusive range "
            f"[0, {size - 1}]."
        )
        raise InvalidRange(reason=reason, headers=_sized(size))
    return Part(start, end - start + 1)


def _check_start(name: str, start: int, size: int) -> None:
    if start >= size:
        reason = (
            f"Invalid start position in {name} header. Start position MUST be in the inclusive range [0, {size - 1}]."
        )
        raise InvalidRange(reason=reason, headers=_sized(size))


def _sized(size: int) -> dict[str, str]:
    return {"Content-Range": f"bytes */{size}"}
