"""How a resource states its routes: method, path, handler, the query names it knows and its versions."""

from collections.abc import Iterable
from functools import wraps
from typing import Protocol

import msgspec

from unkai.compute.api import query
from unkai.compute.errors import WrongProjectInUrl
from unkai.kernel.web import Request, Response, Route, Version
from unkai.kernel.web.routing import Handler, Method

MINIMUM, MAXIMUM = Version(2, 1), Version(2, 104)


class Endpoint(msgspec.Struct, frozen=True):
    """A route below /v2.1. `since` and `until` are minor versions."""

    method: Method
    path: str
    handler: Handler
    names: query.Names = query.NOTHING
    since: int | None = None
    until: int | None = None


class Maker(Protocol):
    def __call__(
        self,
        path: str,
        handler: Handler,
        names: query.Names = ...,
        *,
        since: int | None = ...,
        until: int | None = ...,
    ) -> Endpoint: ...


def _maker(method: Method) -> Maker:
    def make(
        path: str,
        handler: Handler,
        names: query.Names = query.NOTHING,
        *,
        since: int | None = None,
        until: int | None = None,
    ) -> Endpoint:
        return Endpoint(method, path, handler, names, since, until)

    return make


get, post, put, delete = _maker("GET"), _maker("POST"), _maker("PUT"), _maker("DELETE")


def routes(endpoints: Iterable[Endpoint]) -> tuple[Route, ...]:
    """Each endpoint with and without the project in the address, which upstream's catalogs once had, and those that
    exist in 2.1 by the addresses of v2.0 too."""
    found = [_route(endpoint, prefix, endpoint.handler) for endpoint in endpoints for prefix in _prefixes("/v2.1")]
    found += [
        _route(endpoint, prefix, _as_v20(endpoint.handler))
        for endpoint in endpoints
        for prefix in _prefixes("/v2")
        if endpoint.since is None
    ]
    return tuple(found)


def _prefixes(version: str) -> tuple[str, str]:
    return version, version + "/{project_id}"


def _route(endpoint: Endpoint, prefix: str, handler: Handler) -> Route:
    versioned = prefix.startswith("/v2.1")
    return Route(
        endpoint.method,
        prefix + endpoint.path,
        _guarded(endpoint, handler),
        since=Version(2, endpoint.since) if versioned and endpoint.since is not None else None,
        until=Version(2, endpoint.until) if versioned and endpoint.until is not None else None,
    )


def _as_v20(handler: Handler) -> Handler:
    """v2.0 knows no microversions."""

    @wraps(handler)
    async def handle(request: Request) -> Response:
        request.version = MINIMUM
        return await handler(request)

    return handle


def _guarded(endpoint: Endpoint, handler: Handler) -> Handler:
    @wraps(handler)
    async def handle(request: Request) -> Response:
        project = request.params.get("project_id")
        if project is not None and project != request.context.project_id:
            raise WrongProjectInUrl(url=project[:64], own=request.context.project_id or "")
        query.check(request, endpoint.names)
        return await handler(request)

    return handle
