"""Request bodies: decoded into structs in one pass, then held against the microversion and the finer checks.

A body is a `Body` struct with a field for everything that any microversion knows. What a field needs beyond its
type stands in its annotation:

    name: Name
    description: Annotated[str | None | UnsetType, Since(19), Check(printable)] = UNSET
    personality: Annotated[list[File] | UnsetType, Until(56)] = UNSET

A field that the request's microversion does not know is refused like any other unknown field.
"""

import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import UNSET

from unkai.compute.errors import InvalidField
from unkai.kernel.errors import InvalidBody
from unkai.kernel.web import Request

T = TypeVar("T", bound="Body")
_SHOWN = 128


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of all request bodies: unknown fields are refused."""


class Since(msgspec.Struct, frozen=True):
    """The field exists from this minor version on; None until that one (several ranges: several Since)."""

    minor: int
    until: int | None = None


class Until(msgspec.Struct, frozen=True):
    """The field exists up to this minor version."""

    minor: int


class Check(msgspec.Struct, frozen=True):
    """`rule` gives the reason why a value is refused, or None."""

    rule: Callable[[Any], str | None]


class _Field(msgspec.Struct, frozen=True):
    attribute: str
    name: str
    ranges: tuple[tuple[int, int], ...]
    checks: tuple[Check, ...]


_ALWAYS = ((0, 9999),)
_plans: dict[type, tuple[_Field, ...]] = {}


async def decode(request: Request, kind: type[T]) -> T:
    """The request's body as `kind`. Raises InvalidBody, MalformedJson and what else reading a body raises."""
    return convert(request, await request.json(), kind)


def convert(request: Request, data: Any, kind: type[T]) -> T:
    """Plain data as `kind` at the request's version. Raises InvalidBody."""
    minor = request.version.minor
    if is_v20(request):
        data = _known_only(data, kind)
    try:
        body = msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise InvalidBody(reason=str(error)) from error
    _examine(body, minor)
    return body


def is_v20(request: Request) -> bool:
    """Whether the request came in by v2.0's addresses: as 2.1, but what it does not know is left out, not refused."""
    return request.path.startswith("/compute/v2/")


def _known_only(data: Any, kind: Any) -> Any:
    """Data without fields that `kind` does not have at 2.1, in structs inside of it too."""
    if isinstance(data, list):
        return [_known_only(item, kind) for item in data]
    structs = [hint for hint in _members(kind) if isinstance(hint, type) and issubclass(hint, Body)]
    if not isinstance(data, dict) or not structs:
        return data
    fields = {field.name: field for field in _plan(structs[0])}
    hints = typing.get_type_hints(structs[0], include_extras=True)
    return {
        name: _known_only(value, hints[fields[name].attribute])
        for name, value in data.items()
        if name in fields and any(low <= 1 <= high for low, high in fields[name].ranges)
    }


def _members(hint: Any) -> typing.Iterator[Any]:
    """What a hint is made of: members of unions, items of lists, what is annotated."""
    arguments = get_args(hint)
    if get_origin(hint) is Annotated:
        yield from _members(arguments[0])
    elif get_origin(hint) in (typing.Union, types.UnionType, list):
        for member in arguments:
            yield from _members(member)
    else:
        yield hint


def _examine(value: Any, minor: int) -> None:
    """Versions and checks of a struct and of the structs inside of it."""
    if isinstance(value, Body):
        for field in _plan(type(value)):
            inner = getattr(value, field.attribute)
            if inner is UNSET:
                continue
            if not any(low <= minor <= high for low, high in field.ranges):
                raise InvalidBody(reason=f"Additional properties are not allowed ('{field.name}' was unexpected)")
            for check in field.checks:
                reason = check.rule(inner)
                if reason is not None:
                    raise InvalidField(field=field.name, value=shown(inner), reason=reason)
            _examine(inner, minor)
    elif isinstance(value, list):
        for item in value:
            _examine(item, minor)


def shown(value: Any) -> str:
    """A value as an error message may repeat it."""
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _plan(kind: type) -> tuple[_Field, ...]:
    """What is to be examined in a struct; computed once."""
    if kind not in _plans:
        names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
        hints = typing.get_type_hints(kind, include_extras=True)
        _plans[kind] = tuple(_field(attribute, name, hints[attribute]) for attribute, name in names.items())
    return _plans[kind]


def _field(attribute: str, name: str, hint: Any) -> _Field:
    notes = list(_notes(hint))
    ranges = tuple((note.minor, note.until or 9999) for note in notes if isinstance(note, Since))
    ranges += tuple((0, note.minor) for note in notes if isinstance(note, Until))
    checks = tuple(note for note in notes if isinstance(note, Check))
    return _Field(attribute, name, ranges or _ALWAYS, checks)


def _notes(hint: Any) -> typing.Iterator[Any]:
    """Notes of a hint and of the members of a union, not of what a container holds."""
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        yield from notes
        yield from _notes(inner)
    elif get_origin(hint) in (typing.Union, types.UnionType):
        for member in get_args(hint):
            yield from _notes(member)


def given(body: Body) -> Mapping[str, Any]:
    """The fields that the request had, by attribute."""
    values = ((name, getattr(body, name)) for name in body.__struct_fields__)
    return {name: value for name, value in values if value is not UNSET}
