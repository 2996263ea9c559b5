"""How a room declares itself: routes as data, and the few things that differ between upstream's services."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec

from unkai.kernel.flow.model import FlowKind
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Rule
from unkai.kernel.quota import Resource
from unkai.kernel.web.microversion import Version, VersionRange
from unkai.kernel.web.request import Request, Response

Handler = Callable[[Request], Awaitable[Response]]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Route(msgspec.Struct, frozen=True):
    """One method on one path below the room's prefix: "/servers/{server_id}".

    `since` and `until` are the microversions it exists in; outside of them the answer is 404. Several routes of one
    method and path may share it by version. `auth` False means that no token is needed. Fields at the same place of
    different paths must have the same name. `body_limit` overrides the general limit in bytes.
    """

    method: Method
    path: str
    handler: Handler
    since: Version | None = None
    until: Version | None = None
    auth: bool = True
    body_limit: int | None = None

    def exists_in(self, version: Version) -> bool:
        return (self.since is None or version >= self.since) and (self.until is None or version <= self.until)


class ErrorView(msgspec.Struct, frozen=True):
    """What a room's `render_error` turns into its service's body. `accept` is the request's Accept header,
    `version` the negotiated microversion where there is one."""

    status: int
    title: str
    message: str
    code: str
    kind: str
    request_id: str
    params: dict[str, object]
    accept: str = ""
    version: Version | None = None


class Room(msgspec.Struct, frozen=True):
    """A service. `prefix` is its first path segment ("/compute"); `render_error` gives content type and body.

    `background` are endless tasks of the room in the control-plane process (started with the kit once per process).
    `request_id_headers` are response headers that carry the request id besides X-Openstack-Request-Id.
    `strict_slash`: a slash at a path's end names something else, which is not there ("/images/" is no list).
    """

    name: str
    prefix: str
    routes: tuple[Route, ...]
    render_error: Callable[[ErrorView], tuple[str, bytes]]
    versions: VersionRange | None = None
    policies: tuple[Rule, ...] = ()
    quotas: tuple[Resource, ...] = ()
    flows: Callable[[Kit], tuple[FlowKind, ...]] = lambda kit: ()
    background: tuple[Callable[[Kit], Awaitable[None]], ...] = ()
    request_id_headers: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    strict_slash: bool = False
