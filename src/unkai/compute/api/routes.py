"""How a resource states its routes: method, path, handler, the query names it knows and its versions."""

from collections.abc import Iterable
from typing import Protocol, cast

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
    body_limit: int | None = None


def _maker(method: Method) -> "Maker":
    def make(
        path: str,
        handler: Handler,
        names: query.Names = query.NOTHING,
        *,
        since: int | None = None,
        until: int | None = None,
        body_limit: int | None = None,
    ) -> Endpoint:
        return Endpoint(method, path, handler, names, since, until, body_limit)

    return make


class Maker(Protocol):
    def __call__(
        self,
        path: str,
        handler: Handler,
        names: query.Names = ...,
        *,
        since: int | None = ...,
        until: int | None = ...,
        body_limit: int | None = ...,
    ) -> Endpoint: ...


get, post, put, delete = (_maker(method) for method in ("GET", "POST", "PUT", "DELETE"))


def routes(endpoints: Iterable[Endpoint]) -> tuple[Route, ...]:
    """Each endpoint twice: with and without the project in the address (upstream's catalogs once had it)."""
    return tuple(
        Route(
            endpoint.method,
            prefix + endpoint.path,
            _guarded(endpoint),
            since=None if endpoint.since is None else Version(2, endpoint.since),
            until=None if endpoint.until is None else Version(2, endpoint.until),
            body_limit=endpoint.body_limit,
        )
        for endpoint in endpoints
        for prefix in ("/v2.1", "/v2.1/{project_id}")
    )


def _guarded(endpoint: Endpoint) -> Handler:
    async def handle(request: Request) -> Response:
        project = request.params.get("project_id")
        if project is not None and project != request.context.project_id:
            raise WrongProjectInUrl(url=project[:64], own=request.context.project_id or "")
        query.check(request, endpoint.names)
        return await endpoint.handler(request)

    return cast(Handler, handle)
