"""Checks of what callers write into an image: base attributes by type and length, extra properties as text.

The same checks serve a whole new image and a single field of a patch, so that neither lets through what the other
refuses. The published schema (`schemas.py`) says the same in JSON Schema.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from unkai.image.errors import (
    FormatsDisagree,
    InvalidImage,
    InvalidValue,
    ReadOnly,
    Reserved,
    TooManyProperties,
    TooManyTags,
)
from unkai.image.model import READ_ONLY, RESERVED, RESERVED_PREFIX, TRIPLE_FORMATS, WRITABLE
from unkai.image.settings import ImageFormat, ImageOptions
from unkai.kernel.settings import Settings

UUID_PATTERN = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

_Short = Annotated[str, Meta(max_length=255)]
_MAX_INTEGER = 2**31 - 1


class _Base(msgspec.Struct, kw_only=True):
    id: Annotated[str, Meta(pattern=UUID_PATTERN)] | UnsetType = UNSET
    name: _Short | UnsetType | None = UNSET
    visibility: Literal["community", "public", "private", "shared"] | UnsetType = UNSET
    protected: bool | UnsetType = UNSET
    os_hidden: bool | UnsetType = UNSET
    owner: _Short | UnsetType | None = UNSET
    container_format: str | UnsetType | None = UNSET
    disk_format: str | UnsetType | None = UNSET
    tags: list[_Short] | UnsetType = UNSET
    min_ram: int | UnsetType = UNSET
    min_disk: int | UnsetType = UNSET


def check_name(name: str) -> None:
    """Refuse attributes that callers never set. Raises ReadOnly, Reserved."""
    if name in READ_ONLY:
        raise ReadOnly(name=name)
    if name in RESERVED or name.startswith(RESERVED_PREFIX):
        raise Reserved(name=name)


def checked(settings: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of writable base attributes (and `id`) after all checks that need no row. Raises InvalidImage,
    InvalidValue."""
    try:
        base = msgspec.convert(dict(values), _Base)
    except msgspec.ValidationError as error:
        raise InvalidImage(reason=str(error)) from error
    found = {name: value for name, value in msgspec.structs.asdict(base).items() if value is not UNSET}
    for name in ("name", "owner"):
        _no_nul(name, found.get(name))
    formats = settings[ImageFormat]
    _known("disk_format", found.get("disk_format"), formats.disk_formats)
    _known("container_format", found.get("container_format"), formats.container_formats)
    for name in ("min_ram", "min_disk"):
        _in_range(name, found.get(name, 0))
    if "tags" in found:
        found["tags"] = tuple(sorted(set(found["tags"])))
        for tag in found["tags"]:
            _no_nul("tags", tag)
        check_tag_count(settings, len(found["tags"]))
    return found


def checked_property(name: str, value: Any) -> str:
    """An extra property's value. Raises InvalidImage."""
    if not name or len(name) > 255:
        raise InvalidImage(reason="Custom property should not be greater than 255 characters.")
    if not isinstance(value, str):
        raise InvalidImage(reason=f"{value!r:.64} is not of type 'string' - at `$.{name}`")
    _no_nul(name, name + value)
    return value


def read_new(settings: Settings, body: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Base attributes and extra properties of an image to be made. Raises ReadOnly, Reserved, InvalidImage,
    InvalidValue, FormatsDisagree, TooManyProperties, TooManyTags."""
    if not isinstance(body, dict):
        raise InvalidImage(reason="Expected `object`")
    for name in body:
        if name != "id":
            check_name(name)
    base = checked(settings, {name: value for name, value in body.items() if name in WRITABLE or name == "id"})
    rest = {name: value for name, value in body.items() if name not in WRITABLE and name != "id"}
    properties = {name: checked_property(name, value) for name, value in rest.items()}
    check_formats(settings, base.get("disk_format"), base.get("container_format"))
    check_property_count(settings, len(properties))
    return base, properties


def check_formats(settings: Settings, disk: str | None, container: str | None) -> None:
    """Amazon's formats come in pairs of the same name (IMG-004). Raises FormatsDisagree.

    Where the operator lets data be of another format than the image says, the formats need not agree either.
    """
    if not settings[ImageFormat].require_image_format_match:
        return
    if disk and container and disk != container and (disk in TRIPLE_FORMATS or container in TRIPLE_FORMATS):
        raise FormatsDisagree


def check_property_count(settings: Settings, count: int) -> None:
    limit = settings[ImageOptions].image_property_quota
    if 0 <= limit < count:
        raise TooManyProperties(attempted=count, maximum=limit)


def check_tag_count(settings: Settings, count: int) -> None:
    limit = settings[ImageOptions].image_tag_quota
    if 0 <= limit < count:
        raise TooManyTags(attempted=count, maximum=limit)


def _known(name: str, value: str | None, allowed: list[str]) -> None:
    if value is not None and value not in allowed:
        reason = f"{value[:64]!r} is not one of [None, {', '.join(map(repr, allowed))}] - at `$.{name}`"
        raise InvalidImage(reason=reason)


def _in_range(name: str, value: int) -> None:
    if value < 0:
        raise InvalidValue(name=name, value=value, reason="Cannot be a negative value")
    if value > _MAX_INTEGER:
        raise InvalidValue(name=name, value=value, reason=f"Cannot be greater than {_MAX_INTEGER}")


def _no_nul(name: str, text: str | None) -> None:
    # PostgreSQL cannot store it, and no image is called so.
    if text is not None and "\0" in text:
        raise InvalidImage(reason=f"Character NUL is not allowed - at `$.{name[:64]}`")
