"""Kinds of fields that the bodies of Compute have in common, as upstream accepts them."""

import base64
import binascii
import ipaddress
import re
import unicodedata
from typing import Annotated, Any, Literal, TypeVar

from msgspec import UNSET, Meta, UnsetType

from unkai.compute.api.body import Check, shown
from unkai.compute.errors import InvalidField
from unkai.kernel.ids import is_uuid

T = TypeVar("T")
MAX_INT = 0x7FFFFFFF

# --- checks: each gives the reason of a refusal, or None


def _printable(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "C" and (category[0] != "Z" or category == "Zs")


def printable(value: Any) -> str | None:
    if isinstance(value, str) and not all(map(_printable, value)):
        return "Only printable characters are allowed."
    return None


_NAME = (
    "An invalid 'name' value was provided. The name must be: printable characters. "
    "Can not start or end with whitespace."
)


def name(value: Any) -> str | None:
    """Printable, and no white space at either end."""
    if not isinstance(value, str):
        return None
    if value != value.strip() or not all(map(_printable, value)):
        return _NAME
    return None


def zone_name(value: Any) -> str | None:
    if isinstance(value, str) and ":" in value:
        return "A zone's name must not contain a colon."
    return name(value)


def uuid(value: Any) -> str | None:
    return None if not isinstance(value, str) or is_uuid(value) else f"{value[:64]!r} is not a 'uuid'"


def address(version: int | None = None) -> Check:
    def rule(value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        try:
            parsed = ipaddress.ip_address(value)
        except ValueError:
            return f"{value[:64]!r} is not an IP address"
        return None if version in (None, parsed.version) else f"{value[:64]!r} is not an 'ipv{version}'"

    return Check(rule)


def base64_text(value: Any) -> str | None:
    if isinstance(value, str):
        try:
            base64.b64decode(value)
        except (binascii.Error, ValueError):
            return "The value is not 'base64'"
    return None


_KEY = re.compile(r"[a-zA-Z0-9-_:. ]{1,255}")


def metadata_items(value: Any) -> str | None:
    """Keys of upstream's pattern, values of at most 255 characters."""
    if isinstance(value, dict):
        for key, text in value.items():
            if not _KEY.fullmatch(key):
                return f"{key[:64]!r} does not match the pattern of keys: letters, digits, -_:. and spaces, 1 to 255"
            if isinstance(text, str) and len(text) > 255:
                return f"The value of {key!r} is too long"
    return None


def unique(value: Any) -> str | None:
    return "has non-unique elements" if isinstance(value, list) and len(set(value)) != len(value) else None


def number(low: int, high: int = MAX_INT) -> Check:
    """Bounds of an integer, or of text that is one."""

    def rule(value: Any) -> str | None:
        if value is None or value is UNSET:
            return None
        if int(value) < low:
            return f"{value} is less than the minimum of {low}"
        return f"{value} is greater than the maximum of {high}" if int(value) > high else None

    return Check(rule)


# --- kinds

Name = Annotated[str, Meta(min_length=1, max_length=255), Check(name)]
ZoneName = Annotated[str, Meta(min_length=1, max_length=255), Check(zone_name)]
Text255 = Annotated[str, Meta(max_length=255)]
Description = Annotated[str, Meta(max_length=255), Check(printable)]
Uuid = Annotated[str, Check(uuid)]
IPv4 = Annotated[str, address(4)]
IPv6 = Annotated[str, address(6)]
IPAddress = Annotated[str, address()]
Base64 = Annotated[str, Check(base64_text)]
UserData = Annotated[str, Meta(max_length=65535), Check(base64_text)]
Metadata = Annotated[dict[str, str], Check(metadata_items)]
Tag = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\A[^,/]*\Z")]
Hostname = Annotated[str, Meta(min_length=2, max_length=63, pattern=r"\A[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]\Z")]
Fqdn = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9-._]*\Z")]
DiskConfig = Literal["AUTO", "MANUAL"]
Identifier = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9-]*\Z")]
Digits = Annotated[str, Meta(pattern=r"^[0-9]+\Z", max_length=18)]
PositiveNumber = Annotated[int | Digits, number(1)]
Number = Annotated[int | Digits, number(0)]
# What upstream's strict booleans may look like.
Flag = (
    bool
    | Literal["True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes"]
    | Literal["False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"]
)
# Quotas: -1 is unlimited.
Limit = Annotated[int | Annotated[str, Meta(pattern=r"^-?[0-9]+\Z", max_length=18)], number(-1)]
_TRUE = frozenset(("true", "1", "on", "yes"))


def truth(value: bool | str | None | UnsetType, default: bool = False) -> bool:
    """A `Flag` as a boolean."""
    if value is UNSET or value is None:
        return default
    return value if isinstance(value, bool) else str(value).lower() in _TRUE


def present(value: T | UnsetType, default: T) -> T:
    """The value of an optional field, or the default."""
    return default if isinstance(value, UnsetType) else value


def whole(value: int | str | UnsetType, default: int = 0) -> int:
    """A number, or text that is one, as a number."""
    return default if isinstance(value, UnsetType) else int(value)


def refuse(field: str, value: Any, reason: str) -> InvalidField:
    """For checks that need more than one field: raise what this returns."""
    return InvalidField(field=field, value=shown(value), reason=reason)
