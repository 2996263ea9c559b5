"""What a list of images is limited to and ordered by, read from a query string as Glance reads it.

Source: the Image API's "List images" (filters, comparison operators `gt gte lt lte eq neq`, `in:` with quotes,
two syntaxes of sorting). Pure functions: `store.listing` turns the result into SQL.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from unkai.image.errors import InvalidFilter
from unkai.kernel.clock import parse as parse_time
from unkai.kernel.paging import Page, SortKey

Op = Literal["eq", "neq", "gt", "gte", "lt", "lte", "in"]
Value = str | int | bool | datetime | tuple[str, ...]

TEXT_WITH_OPERATORS = ("name", "id", "status", "container_format", "disk_format")
TEXT = ("owner", "checksum", "os_hash_algo", "os_hash_value")
NUMBERS = ("size", "virtual_size", "min_ram", "min_disk")
TIMES = ("created_at", "updated_at")
SORTABLE = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
VISIBILITIES = ("community", "public", "private", "shared", "all")
MEMBER_STATUSES = ("pending", "accepted", "rejected", "all")

_TIME_OPS: tuple[Op, ...] = ("eq", "neq", "gt", "gte", "lt", "lte")
_PAGING = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir", "member_status", "tag"})
_MAX_NUMBER = 2**63 - 1
_MAX_CONDITIONS = 64  # each is a subquery; more than this is nobody's question


class Condition(msgspec.Struct, frozen=True):
    """A column compared with a value (a tuple for `in`)."""

    field: str
    op: Op
    value: Value


class ImageFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Everything must hold. `visibility` None is upstream's default view: no community images of others.

    `member_status` limits images that are shared with the caller; None is any answer.
    """

    conditions: tuple[Condition, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    visibility: str | None = None
    os_hidden: bool = False
    member_status: str | None = "accepted"


def read_filter(pairs: Iterable[tuple[str, str]]) -> ImageFilter:
    """The filters of a query string. Of a name given twice the last counts, except `tag`. Raises InvalidFilter."""
    pairs = list(pairs)
    if any("\0" in text for pair in pairs for text in pair):
        raise InvalidFilter(reason="A query parameter contains a character that no text may contain.")
    last = dict(pairs)
    tags = tuple(value.strip() for name, value in pairs if name == "tag")
    names = [name for name in last if name not in _PAGING | {"visibility", "os_hidden"}]
    if len(names) + len(tags) > _MAX_CONDITIONS:
        raise InvalidFilter(reason=f"More than {_MAX_CONDITIONS} filters in one request.")
    conditions: list[Condition] = []
    properties: list[tuple[str, str]] = []
    for name in names:
        condition = _condition(name, last[name])
        if condition is not None:
            conditions.append(condition)
        else:
            properties.append((name, last[name]))
    status = _one_of("member_status", last.get("member_status", "accepted"), MEMBER_STATUSES, "Invalid status: {}")
    visibility = last.get("visibility")
    if visibility:
        _one_of("visibility", visibility, VISIBILITIES, "Invalid visibility value: {}")
    return ImageFilter(
        conditions=tuple(conditions),
        properties=tuple(properties),
        tags=tags,
        visibility=visibility or None,
        os_hidden=_boolean("os_hidden", last.get("os_hidden", "false").lower()),
        member_status=None if status == "all" else status,
    )


def _condition(name: str, text: str) -> Condition | None:
    """None when the name is an extra property's."""
    if name == "changes-since":
        raise InvalidFilter(reason='The "changes-since" filter is no longer available on v2.')
    if name == "protected":
        return Condition(name, "eq", _boolean(name, text))
    if name in TIMES:
        return _time_condition(name, text)
    if name in TEXT_WITH_OPERATORS:
        return _text_condition(name, text)
    if name in TEXT:
        return Condition(name, "eq", text)
    if name in NUMBERS:
        return Condition(name, "eq", _number(name, text))
    bound = name[-4:]
    if bound in ("_min", "_max") and name[:-4] in NUMBERS:
        return Condition(name[:-4], "gte" if bound == "_min" else "lte", _number(name, text))
    return None


def _text_condition(name: str, text: str) -> Condition:
    op, colon, value = text.partition(":")
    if not colon:
        return Condition(name, "eq", text)
    if op == "eq":
        return Condition(name, "eq", value)
    if op != "in":
        raise InvalidFilter(reason=f"Unable to filter by unknown operator '{op[:64]}'.")
    return Condition(name, "in", tuple(_split(value)))


def _split(text: str) -> Sequence[str]:
    """`a,"b,c"` as ["a", "b,c"]: commas between values, double quotes around one with commas, backslash escapes."""
    try:
        rows = list(csv.reader([text], quotechar='"', escapechar="\\", doublequote=False, strict=True))
    except csv.Error as error:
        raise InvalidFilter(reason=f"Invalid filter value {text[:255]}: {error}.") from error
    return rows[0] if rows else []


def _time_condition(name: str, text: str) -> Condition:
    when, op = _time(text), "eq"
    if when is None:
        op, _, rest = text.partition(":")
        when = _time(rest)
    if when is None:
        raise InvalidFilter(reason=f'Bad "{name}" query filter format. Use ISO 8601 DateTime notation.')
    for known in _TIME_OPS:
        if op == known:
            return Condition(name, known, when)
    raise InvalidFilter(reason="Unable to filter on a unknown operator.")


def _time(text: str) -> datetime | None:
    try:
        when = parse_time(text)
    except (ValueError, OverflowError):
        return None
    return when if when.year < 9999 else None  # a second later must still be a time


def _number(name: str, text: str) -> int:
    try:
        if len(text) > 20:
            raise ValueError
        value = int(text)
    except ValueError:
        raise InvalidFilter(reason=f"Unable to filter on a range with a non-numeric value: {name}.") from None
    return max(-_MAX_NUMBER, min(_MAX_NUMBER, value))


def _boolean(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        reason = f"Invalid value '{text[:64]}' for '{name}' filter. Valid values are 'true' or 'false'."
        raise InvalidFilter(reason=reason)
    return text == "true"


def _one_of(name: str, text: str, allowed: Sequence[str], complaint: str) -> str:
    if text not in allowed:
        raise InvalidFilter(reason=complaint.format(text[:64]))
    return text


def read_page(pairs: Iterable[tuple[str, str]], default_limit: int, max_limit: int) -> Page:
    """Limit, marker and order. Raises InvalidFilter.

    Rows of equal keys are ordered by creation and id, so that pages neither skip nor repeat.
    """
    pairs = list(pairs)
    last = dict(pairs)
    limit = default_limit
    if "limit" in last:
        try:
            limit = int(last["limit"]) if len(last["limit"]) < 20 else max_limit
        except ValueError:
            raise InvalidFilter(reason="limit param must be an integer") from None
        if limit < 0:
            raise InvalidFilter(reason="limit param must be positive")
    keys, directions = _sorting(pairs)
    fallback = directions[0] if len(directions) == 1 else "desc"
    if len(directions) == 1:
        directions *= len(keys)
    if "created_at" not in keys:
        keys.append("created_at")
        directions.append(fallback)
    sort = tuple(SortKey(key, direction) for key, direction in zip(keys, directions, strict=True))
    marker = last.get("marker")
    if marker is not None and "\0" in marker:
        raise InvalidFilter(reason="A query parameter contains a character that no text may contain.")
    return Page(limit=min(limit, max_limit), marker=marker, sort=sort)


def _sorting(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[Literal["asc", "desc"]]]:
    """Keys and directions; one direction stands for all keys."""
    sort = [value for name, value in pairs if name == "sort"]
    keys = [value.strip() for name, value in pairs if name == "sort_key"]
    directions = [value.strip() for name, value in pairs if name == "sort_dir"]
    if sort:
        if keys or directions:
            raise InvalidFilter(reason="Old and new sorting syntax cannot be combined")
        parts = [part.partition(":") for part in sort[-1].strip().split(",")]
        keys = [key.strip() for key, _, _ in parts]
        directions = [direction.strip() or "desc" for _, _, direction in parts]
    elif len(directions) > 1 and len(directions) != len(keys):
        raise InvalidFilter(reason="Number of sort dirs does not match the number of sort keys")
    for key in keys:
        if key not in SORTABLE:
            available = ", ".join(SORTABLE)
            reason = f"Invalid sort key: {key[:64]}. It must be one of the following: {available}."
            raise InvalidFilter(reason=reason)
    if len(set(keys)) != len(keys):
        raise InvalidFilter(reason="A sort key is given twice.")
    known: list[Literal["asc", "desc"]] = []
    for direction in directions or ["desc"]:
        if direction not in ("asc", "desc"):
            raise InvalidFilter(reason=f"Invalid sort direction: {direction[:64]}")
        known.append("asc" if direction == "asc" else "desc")
    return keys or ["created_at"], known
