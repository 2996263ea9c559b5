"""What a handler gets and gives.

Bodies are read from the server's `receive` itself: a client that goes away in the
middle looks like a normal end of file on frameworks' streams, and half an image
must never pass for a whole one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from unkai.kernel.context import Context
from unkai.kernel.errors import (
    BadRequest,
    ClientGone,
    InvalidBody,
    InvalidParameter,
    MalformedJson,
    TooLarge,
    UnsupportedMediaType,
)
from unkai.kernel.kit import Kit
from unkai.kernel.paging import Page, SortKey
from unkai.kernel.policy import Target
from unkai.kernel.web.microversion import Version

T = TypeVar("T")
Receive = Callable[[], Awaitable[Any]]
_FIRST = Version(0, 0)


class Body:
    """The request's body as it comes in. Can be read once."""

    def __init__(self, receive: Receive, length: int | None) -> None:
        self._receive = receive
        self._asked = False
        self._got = 0
        self.length = length
        self.finished = False

    async def receive(self) -> Any:
        """For the framework, which wants to see a first event before it routes.

        It gets one of our own: asking the server would already invite the body (100 Continue) of a request that may
        be refused without it.
        """
        if self._asked:
            return await self._receive()
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": True}

    async def chunks(self) -> AsyncIterator[bytes]:
        """Parts as they arrive. Raises ClientGone when the client went away or sent less than it announced."""
        while not self.finished:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise ClientGone
            part = event.get("body", b"")
            self._got += len(part)
            self.finished = not event.get("more_body", False)
            if part:
                yield part
        if self.length is not None and self._got != self.length:
            raise ClientGone

    async def gone(self) -> None:
        """Returns when the client has gone away. For answers that take long; the body must not be read any more."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def read(self, limit: int) -> bytes:
        """All of it. Raises TooLarge before holding more than `limit` bytes."""
        if self.length is not None and self.length > limit:
            raise TooLarge(limit=limit)
        parts: list[bytes] = []
        total = 0
        async for part in self.chunks():
            total += len(part)
            if total > limit:
                raise TooLarge(limit=limit)
            parts.append(part)
        return b"".join(parts)


class Query:
    """The query string, in order, with repeated names."""

    def __init__(self, text: str) -> None:
        self.pairs = parse_qsl(text, keep_blank_values=True)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)

    def names(self) -> list[str]:
        return list(dict.fromkeys(key for key, _ in self.pairs))

    def get(self, name: str, default: str | None = None) -> str | None:
        """The last value of a name."""
        found = default
        for key, value in self.pairs:
            if key == name:
                found = value
        return found

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def flag(self, name: str, default: bool | None = None) -> bool | None:
        """A boolean in any of the spellings upstream takes. Raises InvalidParameter."""
        text = self.get(name)
        if text is None:
            return default
        word = text.strip().lower()
        if word in ("1", "t", "true", "on", "y", "yes"):
            return True
        if word in ("0", "f", "false", "off", "n", "no"):
            return False
        raise InvalidParameter(name=name, reason=f"{text!r} is not a boolean")

    def integer(self, name: str, default: int | None = None, minimum: int = 0) -> int | None:
        """Raises InvalidParameter."""
        text = self.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 18:
            raise InvalidParameter(name=name, reason=f"{text[:64]!r} is not an integer")
        if int(text) < minimum:
            raise InvalidParameter(name=name, reason=f"must be at least {minimum}")
        return int(text)


class Request:
    """One request, after routing, version negotiation and authentication.

    `peer` is who is at the other end of the connection, where the listener knows (node channel); never from a header.
    """

    def __init__(
        self,
        *,
        kit: Kit,
        method: str,
        path: str,
        base_url: str,
        params: Mapping[str, str],
        query: Query,
        headers: Mapping[str, str],
        body: Body,
        context: Context,
        version: Version = _FIRST,
        body_limit: int,
        peer: Any = None,
    ) -> None:
        self.kit = kit
        self.method = method
        self.path = path
        self.base_url = base_url
        self.params = params
        self.query = query
        self.headers = headers
        self.body = body
        self.context = context
        self.version = version
        self.peer = peer
        self._body_limit = body_limit

    def at_least(self, minor: int, major: int | None = None) -> bool:
        """Whether the negotiated microversion is this or later."""
        return self.version >= Version(self.version.major if major is None else major, minor)

    def authorize(self, rule: str, target: Target | None = None) -> None:
        """Raises Forbidden."""
        self.kit.policy.authorize(self.context, rule, target)

    def allows(self, rule: str, target: Target | None = None) -> bool:
        return self.kit.policy.allows(self.context, rule, target)

    async def raw(self) -> bytes:
        return await self.body.read(self._body_limit)

    async def json(self) -> Any:
        """The body as plain data. Raises MalformedJson, UnsupportedMediaType, TooLarge."""
        return _decode(await self._json_bytes(), None)

    async def decode(self, kind: type[T]) -> T:
        """The body decoded and validated in one pass. Raises InvalidBody too."""
        return _decode(await self._json_bytes(), kind)  # type: ignore[no-any-return]

    async def _json_bytes(self) -> bytes:
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in ("", "application/json") and not content_type.endswith("+json"):
            raise UnsupportedMediaType(content_type=content_type[:128], allowed="application/json")
        content = await self.raw()
        if not content.strip():
            raise MalformedJson(reason="it is empty")
        return content

    def page(self, *, maximum: int, sortable: Mapping[str, Any] | set[str], default: tuple[SortKey, ...]) -> Page:
        """Limit, marker and sort as `limit`, `marker`, `sort_key`+`sort_dir` or `sort=key:dir,...`.

        Raises InvalidParameter for a name that cannot be sorted by.
        """
        limit = self.query.integer("limit")
        keys = [part for text in self.query.all("sort_key") for part in text.split(",")]
        directions = [part for text in self.query.all("sort_dir") for part in text.split(",")]
        for text in self.query.all("sort"):
            for part in text.split(","):
                key, _, direction = part.strip().partition(":")
                keys.append(key)
                directions.append(direction or "asc")
        sort: list[SortKey] = []
        for position, key in enumerate(keys):
            direction = directions[min(position, len(directions) - 1)] if directions else "desc"
            if key not in sortable and key != "id":
                raise InvalidParameter(name="sort_key", reason=f"{key[:64]!r} is not a key to sort by")
            if direction not in ("asc", "desc"):
                raise InvalidParameter(name="sort_dir", reason="must be asc or desc")
            sort.append(SortKey(key, "asc" if direction == "asc" else "desc"))
        return Page(
            limit=maximum if limit is None else min(limit, maximum),
            marker=self.query.get("marker"),
            sort=tuple(sort) or default,
        )


def _decode(content: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(content) if kind is None else msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidBody(reason=str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(reason=str(error)) from error
    except RecursionError as error:
        raise BadRequest(reason="The request body is nested too deeply.") from error


class Response:
    """`body` is sent at once, `stream` part by part (with `length` when it is known)."""

    __slots__ = ("body", "content_type", "headers", "length", "status", "stream")

    def __init__(
        self,
        status: int = 200,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        stream: AsyncIterator[bytes] | None = None,
        length: int | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.content_type = content_type
        self.stream = stream
        self.length = length


_encoder = msgspec.json.Encoder()


def reply(content: Any, status: int = 200, **headers: str) -> Response:
    """Plain data or structs as JSON. Header names come with underscores: `Location=...`, `X_Subject_Token=...`."""
    return Response(
        status, _encoder.encode(content), headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def empty(status: int = 204, **headers: str) -> Response:
    return Response(status, None, headers={name.replace("_", "-"): value for name, value in headers.items()})
