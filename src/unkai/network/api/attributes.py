"""Attributes of resources: what a request may say, in upstream's leniency, and how it becomes plain data.

A converter takes a JSON value and returns plain data, or raises ValueError with upstream's words.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
import netaddr

from unkai.kernel.ids import is_uuid
from unkai.network.errors import HTTPBadRequest

Convert = Callable[[Any], Any]
_CIDR = re.compile(r"[^/]+/[0-9]{1,3}")


class Attribute(msgspec.Struct, frozen=True):
    """One attribute. `post` and `put` say where it may stand; `default` is what its absence means, so that saying
    the default out loud needs no more rights than saying nothing."""

    convert: Convert
    post: bool = True
    put: bool = True
    required: bool = False
    default: Any = None


READ_ONLY = Attribute(lambda value: value, post=False, put=False)
Attributes = Mapping[str, Attribute]


def for_create(attributes: Attributes, body: Mapping[str, Any]) -> dict[str, Any]:
    """A POST's values by attribute. Raises HTTPBadRequest."""
    _known(attributes, body)
    for name in body:
        if not attributes[name].post:
            raise HTTPBadRequest(reason=f"Attribute '{name}' not allowed in POST")
    missing = [name for name, attribute in attributes.items() if attribute.required and name not in body]
    if missing:
        raise HTTPBadRequest(reason=f"Failed to parse request. Required attribute '{missing[0]}' not specified")
    return _converted(attributes, body)


def for_update(attributes: Attributes, body: Mapping[str, Any]) -> dict[str, Any]:
    """A PUT's values by attribute. Raises HTTPBadRequest."""
    _known(attributes, body)
    for name in body:
        if not attributes[name].put:
            raise HTTPBadRequest(reason=f"Cannot update read-only attribute {name}")
    return _converted(attributes, body)


def _known(attributes: Attributes, body: Mapping[str, Any]) -> None:
    unknown = [name for name in body if name not in attributes]
    if unknown:
        raise HTTPBadRequest(reason=f"Unrecognized attribute(s) '{', '.join(map(str, unknown))}'")


def _converted(attributes: Attributes, body: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in body.items():
        try:
            found[name] = attributes[name].convert(value)
        except ValueError as error:
            raise HTTPBadRequest(reason=f"Invalid input for {name}. Reason: {error}.") from None
    return found


# ---- single values --------------------------------------------------------------------------------


def text(limit: int = 255, *, empty: bool = True) -> Convert:
    def convert(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"'{value}' is not a valid string")
        if len(value) > limit:
            raise ValueError(f"'{value}' exceeds maximum length of {limit}")
        if not empty and not value.strip():
            raise ValueError(f"'{value}' Blank strings are not permitted")
        if "\0" in value:
            raise ValueError("a string must not contain NUL")
        return value

    return convert


def boolean(value: Any) -> bool:
    word = str(value).lower() if isinstance(value, bool | int | str) else ""
    if word in ("true", "1"):
        return True
    if word in ("false", "0"):
        return False
    raise ValueError(f"'{value}' cannot be converted to boolean")


def integer(low: int | None = None, high: int | None = None) -> Convert:
    def convert(value: Any) -> int:
        try:
            number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None:
            raise ValueError(f"'{value}' is not an integer")
        if low is not None and number < low:
            raise ValueError(f"'{value}' is too small - must be at least '{low}'")
        if high is not None and number > high:
            raise ValueError(f"'{value}' is too large - must be no larger than '{high}'")
        return number

    return convert


def one_of(*values: Any) -> Convert:
    def convert(value: Any) -> Any:
        if value not in values:
            raise ValueError(f"'{value}' is not in {list(values)}")
        return value

    return convert


def or_none(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def uuid(value: Any) -> str:
    if not is_uuid(value):
        raise ValueError(f"'{value}' is not a valid UUID")
    return str(value)


def mac(value: Any) -> str:
    if not isinstance(value, str) or not netaddr.valid_mac(value) or " " in value:
        raise ValueError(f"'{value}' is not a valid MAC address")
    found = netaddr.EUI(value, dialect=netaddr.mac_unix_expanded)
    if int(found) in (0, 2**48 - 1) or found.words[0] & 1:
        raise ValueError(f"'{value}' is not a valid MAC address")
    return str(found)


def ip(value: Any) -> str:
    """An address without a zone: "fe80::1%anything" would carry any text on."""
    try:
        return str(ip_address(value if isinstance(value, str) and "%" not in value else ""))
    except ValueError:
        raise ValueError(f"'{value}' is not a valid IP address") from None


def cidr(value: Any) -> str:
    """An IP network in the form the caller wrote it; a length is needed, as upstream wants it."""
    try:
        if not isinstance(value, str) or "%" in value or not _CIDR.fullmatch(value):
            raise ValueError
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"'{value}' is not a valid IP subnet") from None
    return value


def anything(value: Any) -> Any:
    return value


# ---- lists and objects ----------------------------------------------------------------------------


def list_of(convert: Convert, name: str, *, unique: bool = True) -> Convert:
    """A list; None is an empty one."""

    def convert_all(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueError(f"Invalid data format for {name}: '{value}'")
        found: list[Any] = []
        for item in value:
            converted = convert(item)
            if unique and converted in found:
                raise ValueError(f"Duplicate {name} '{item}'")
            found.append(converted)
        return found

    return convert_all


def object_of(name: str, fields: Mapping[str, Convert], required: Iterable[str] = ()) -> Convert:
    """A JSON object with these fields."""
    needed = set(required)

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or set(value) - set(fields) or needed - set(value):
            raise ValueError(f"Invalid data format for {name}: '{value}'")
        return {key: fields[key](item) for key, item in value.items()}

    return convert


def json_object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{value}' is not a dictionary")
    return value


def tag(value: Any) -> str:
    """A tag is at most 255 characters without comma (lists of tags are separated by it)."""
    found: str = text(255, empty=False)(value)
    if "," in found:
        raise ValueError(f"'{value}' must not contain a comma")
    return found


tags = list_of(tag, "tag", unique=False)
name = text()
description = text()

STANDARD: dict[str, Attribute] = {
    "id": READ_ONLY,
    "name": Attribute(name, default=""),
    "description": Attribute(description, default=""),
    "tenant_id": Attribute(text(255), put=False),
    "project_id": Attribute(text(255), put=False),
    "revision_number": READ_ONLY,
    "created_at": READ_ONLY,
    "updated_at": READ_ONLY,
    "tags": Attribute(tags, put=False, default=[]),
}
