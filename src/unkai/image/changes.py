"""JSON patches of images: Glance's two dialects, read into changes and applied to an image in memory.

Glance takes a narrow part of JSON patch: `add`, `replace` and `remove` of whole attributes. Draft 10 of the
standard (`application/openstack-images-v2.1-json-patch`) names `op` and `path`; draft 4 (`v2.0`) has the path under
the operation's name, and refuses to add what is there.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from jsonpointer import JsonPointer, JsonPointerException

from unkai.image import fields
from unkai.image.errors import (
    FormatFixed,
    InvalidChange,
    LocationsHidden,
    NotRemovable,
    PropertyExists,
    PropertyMissing,
)
from unkai.image.model import WRITABLE, Image
from unkai.kernel.settings import Settings

Operation = Literal["add", "replace", "remove"]
Draft = Literal[4, 10]

MEDIA_TYPES: Mapping[str, Draft] = {
    "application/openstack-images-v2.0-json-patch": 4,
    "application/openstack-images-v2.1-json-patch": 10,
}
_OPERATIONS: tuple[Operation, ...] = ("add", "remove", "replace")
_AVAILABLE = ", ".join(_OPERATIONS)


class Change(msgspec.Struct, frozen=True):
    """One operation on one attribute. `value` has been checked; it is None for `remove`."""

    operation: Operation
    name: str
    value: Any
    draft: Draft


def read_changes(settings: Settings, body: Any, draft: Draft) -> tuple[Change, ...]:
    """The changes of a patch.

    Raises InvalidChange, InvalidImage, InvalidValue, ReadOnly, Reserved, LocationsHidden.
    """
    if not isinstance(body, list):
        raise InvalidChange(reason="Request body must be a JSON array of operation objects.")
    return tuple(_read_change(settings, raw, draft) for raw in body)


def _read_change(settings: Settings, raw: Any, draft: Draft) -> Change:
    if not isinstance(raw, dict):
        raise InvalidChange(reason="Operations must be JSON objects.")
    operation, pointer = _standard_form(raw) if draft == 10 else _old_form(raw)
    name = _attribute(operation, pointer)
    fields.check_name(name)
    if operation == "remove":
        return Change(operation, name, None, draft)
    if "value" not in raw:
        raise InvalidChange(reason=f'Operation "{operation}" requires a member named "value".')
    if name in WRITABLE:
        return Change(operation, name, fields.checked(settings, {name: raw["value"]})[name], draft)
    return Change(operation, name, fields.checked_property(name, raw["value"]), draft)


def _standard_form(raw: Mapping[str, Any]) -> tuple[Operation, Any]:
    op = raw.get("op")
    if op is None:
        reason = f"Unable to find `op` in JSON Schema change. It must be one of the following: {_AVAILABLE}."
        raise InvalidChange(reason=reason)
    for known in _OPERATIONS:
        if op == known:
            if "path" not in raw:
                raise InvalidChange(reason="Unable to find 'path' in JSON Schema change")
            return known, raw["path"]
    raise InvalidChange(reason=f"Invalid operation: `{op!s:.64}`. It must be one of the following: {_AVAILABLE}.")


def _old_form(raw: Mapping[str, Any]) -> tuple[Operation, Any]:
    present = [known for known in _OPERATIONS if known in raw]
    if len(present) != 1:
        how = "only" if present else "exactly"
        reason = f'Operation objects must contain {how} one member named "add", "remove", or "replace".'
        raise InvalidChange(reason=reason)
    return present[0], raw[present[0]]


def _attribute(operation: Operation, pointer: Any) -> str:
    """The one attribute that a pointer such as "/name" names; `~1` and `~0` stand for `/` and `~`."""
    shown = str(pointer)[:255]
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise InvalidChange(reason=f'Pointer `{shown}` does not start with "/".')
    if re.search(r"/\s*/", pointer[1:]):
        raise InvalidChange(reason=f'Pointer `{shown}` contains adjacent "/".')
    if len(pointer) > 1 and pointer.endswith("/"):
        raise InvalidChange(reason=f'Pointer `{shown}` end with "/".')
    try:
        parts = [part.strip() for part in JsonPointer(pointer).parts]
    except JsonPointerException:
        reason = f'Pointer `{shown}` contains "~" not part of a recognized escape sequence.'
        raise InvalidChange(reason=reason) from None
    if parts[0] == "locations":
        raise LocationsHidden(operation=operation)
    if len(parts) != 1 or not parts[0]:
        raise InvalidChange(reason=f"Invalid JSON pointer for this resource: '{shown}'")
    return parts[0]


def apply(image: Image, changes: tuple[Change, ...]) -> Image:
    """The image after all changes. Raises PropertyMissing, PropertyExists, NotRemovable, FormatFixed."""
    for change in changes:
        image = _apply_base(image, change) if change.name in WRITABLE else _apply_property(image, change)
    return image


def _apply_base(image: Image, change: Change) -> Image:
    if change.operation == "remove":
        raise NotRemovable(name=change.name)
    if change.operation == "add" and change.draft == 4:
        raise PropertyExists(name=change.name)
    if change.name in ("disk_format", "container_format") and image.status not in ("queued", "importing"):
        raise FormatFixed(name=change.name)
    return msgspec.structs.replace(image, **{change.name: change.value})


def _apply_property(image: Image, change: Change) -> Image:
    properties = dict(image.properties)
    present = change.name in properties
    if change.operation == "remove":
        if not present:
            raise PropertyMissing(name=change.name)
        del properties[change.name]
    else:
        if change.operation == "replace" and not present:
            raise PropertyMissing(name=change.name)
        if change.operation == "add" and present and change.draft == 4:
            raise PropertyExists(name=change.name)
        properties[change.name] = change.value
    return msgspec.structs.replace(image, properties=properties)
