"""Bodies: decoded in one pass into structs. Only a refused one is looked at again, to say why as upstream does."""

from typing import Annotated, Any, TypeVar

import msgspec

from unkai.kernel.errors import ApiError
from unkai.kernel.ids import is_uuid
from unkai.kernel.web import Request
from unkai.placement.errors import ContentTypeNeeded, InvalidJson, MalformedJson, NotJsonBody
from unkai.placement.service import providers

T = TypeVar("T")

NAME_PATTERN = "^[A-Z0-9_]+$"
CUSTOM_PATTERN = r"^CUSTOM_[A-Z0-9_]+$"
UUID_PATTERN = "^[0-9a-fA-F-]{36}$"

# The pattern is what decodes; a refusal speaks of the format, as upstream's does.
Uuid = Annotated[
    str,
    msgspec.Meta(
        pattern="^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$",
        extra_json_schema={"format": "uuid"},
    ),
]
ClassName = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
CustomName = Annotated[str, msgspec.Meta(pattern=CUSTOM_PATTERN, min_length=1, max_length=255)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Generation = int


async def decode(req: Request, kind: type[T]) -> T:
    """Raises NotJsonBody, ContentTypeNeeded, MalformedJson, InvalidJson."""
    content = await read(req)
    try:
        found: T = _decoder(kind).decode(content)
    except msgspec.ValidationError as error:
        raise InvalidJson(reason=_why(kind, _plain(content)) or str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(reason=str(error)) from error
    return found


async def read(req: Request) -> bytes:
    """The body's bytes, if it is said to be JSON."""
    content_type = req.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content_type and req.body.length:
        raise ContentTypeNeeded
    if content_type != "application/json":
        raise NotJsonBody(content_type=content_type[:128] or None)
    return await req.raw()


def check(kind: type[T], content: Any) -> T:
    """What is not in a body but has the form of one. Raises InvalidJson."""
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise InvalidJson(reason=_why(kind, content) or str(error)) from error


_decoders: dict[object, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = msgspec.json.Decoder(kind)
    return found


async def decode_below(req: Request, kind: type[T]) -> T:
    """As `decode`, for what hangs below a provider: that it does not exist is said before what is wrong with a body.

    Raises ProviderNotFound too.
    """
    try:
        return await decode(req, kind)
    except ApiError:
        await req.kit.db.read(providers.get, req.params["uuid"])
        raise


def unique(values: list[str]) -> list[str]:
    """Raises InvalidJson for one that is there twice."""
    if len(set(values)) != len(values):
        raise InvalidJson(reason=f"{values!r} has non-unique elements")
    return values


def _plain(content: bytes) -> Any:
    """Raises MalformedJson: a struct may refuse a body before its end is read."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedJson(reason=str(error)) from error


def _said(schema: Any) -> Any:
    """The schema with formats in place of the patterns that check them."""
    if isinstance(schema, list):
        return [_said(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    skip = "pattern" if schema.get("format") == "uuid" else None
    return {name: _said(part) for name, part in schema.items() if name != skip}


def _why(kind: Any, content: Any) -> str | None:
    """What is wrong in the words of JSON Schema, as clients of upstream know them. None: only we see something wrong.

    The schema is made from the same struct that refused the body, so the two cannot disagree about what is allowed.
    """
    # Imported here: most processes never meet a bad body.
    import jsonschema

    checker = jsonschema.FormatChecker(formats=())
    checker.checks("uuid")(is_uuid)
    schema = _said(msgspec.json.schema(kind))
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    error = jsonschema.exceptions.best_match(validator.iter_errors(content))
    return None if error is None else str(error)
