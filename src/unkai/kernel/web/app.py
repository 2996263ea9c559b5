"""The ASGI application over all rooms.

Order of what happens to a request, and why:
1. request id first, so that every answer and every log line has one;
2. routing, so that the room is known and errors look like its service's;
3. microversion, because even a 401 carries the version headers;
4. authentication, before anything of the body is read;
5. the handler; 6. errors to the room's body; 7. metrics last, so that they count everything.
"""

from collections.abc import Iterable
from typing import Any

import falcon
import falcon.asgi
import msgspec

from unkai.kernel import log, metrics
from unkai.kernel.clock import monotonic
from unkai.kernel.context import Context
from unkai.kernel.errors import ApiError, ClientGone, MethodNotAllowed, NotFound, Unauthorized, UnfitValue, UriTooLong
from unkai.kernel.ids import new_request_id, valid_request_id
from unkai.kernel.kit import Kit
from unkai.kernel.settings import Group, option
from unkai.kernel.store import UNFIT
from unkai.kernel.web.access import permits
from unkai.kernel.web.microversion import Version
from unkai.kernel.web.request import Body, Query, Request, Response
from unkai.kernel.web.routing import ErrorView, Room, Route

_log = log.get(__name__)
_NO_VERSION = Version(0, 0)
_MAX_URI = 16384
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class MiddlewareOptions(Group, name="oslo_middleware"):
    max_request_body_size: int = option(114688, "Largest JSON body in bytes that a request may have.")


class WebOptions(Group, name="unkai"):
    public_endpoint: str = option("", "Base URL in links and the catalog; empty takes the Host header of the request.")


class _Resource:
    """One path of one room, as Falcon wants it: an object with on_get, on_post..."""

    def __init__(self, app: "Application", room: Room, routes: list[Route]) -> None:
        by_method: dict[str, list[Route]] = {}
        for route in routes:
            by_method.setdefault(route.method, []).append(route)
        if "GET" in by_method:
            by_method.setdefault("HEAD", by_method["GET"])
        for method, choices in by_method.items():
            setattr(self, f"on_{method.lower()}", self._responder(app, room, choices))
        # Falcon would answer OPTIONS by itself, and name methods that no route declares.
        refuse = self._refuser(app, ", ".join(sorted({route.method for route in routes})))
        for method in _METHODS - by_method.keys():
            setattr(self, f"on_{method.lower()}", refuse)

    @staticmethod
    def _responder(app: "Application", room: Room, choices: list[Route]) -> Any:
        async def respond(req: Any, resp: Any, **params: str) -> None:
            await app.answer(room, choices, req, resp, params)

        return respond

    @staticmethod
    def _refuser(app: "Application", allowed: str) -> Any:
        async def respond(req: Any, resp: Any, **params: str) -> None:
            await app.refuse(req, resp, MethodNotAllowed(method=req.method, headers={"Allow": allowed}))

        return respond


class Application:
    """`asgi` is what a server runs."""

    def __init__(self, kit: Kit, rooms: Iterable[Room]) -> None:
        self._kit = kit
        self._rooms = tuple(rooms)
        self._limit = kit.settings[MiddlewareOptions].max_request_body_size
        self._public = kit.settings[WebOptions].public_endpoint.rstrip("/")
        self._falcon = falcon.asgi.App()
        # An answer without a body has a content type only if its handler says so.
        self._falcon.resp_options.default_media_type = None  # type: ignore[assignment]
        self._falcon.req_options.strip_url_path_trailing_slash = True
        # Falcon has a handler of its own for its errors, which would win over one for Exception.
        for kind in (falcon.HTTPError, Exception):
            self._falcon.add_error_handler(kind, self._unrouted)
        for room in self._rooms:
            paths: dict[str, list[Route]] = {}
            for route in room.routes:
                paths.setdefault(room.prefix + route.path.rstrip("/"), []).append(route)
            for path, routes in paths.items():
                self._falcon.add_route(path or "/", _Resource(self, room, routes))

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._falcon(scope, receive, send)
            return
        length = next((int(v) for k, v in scope["headers"] if k == b"content-length" and v.isdigit()), None)
        body = Body(receive, length)
        scope["unkai.body"] = body
        scope["unkai.began"] = monotonic()
        await self._falcon(scope, body.receive, send)

    async def answer(self, room: Room, choices: list[Route], req: Any, resp: Any, params: dict[str, str]) -> None:
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in req.scope["headers"]}
        context = _anonymous(headers)
        extra: dict[str, str] = dict(room.headers)
        log.clear_contextvars()
        log.bind_contextvars(request_id=context.request_id)
        version = _NO_VERSION
        try:
            if len(req.scope["path"]) + len(req.scope["query_string"]) > _MAX_URI:
                raise UriTooLong
            if _names_nothing(room, req.scope["path"]):
                raise NotFound
            if room.versions is not None:
                version = room.versions.negotiate(headers)
                extra.update(room.versions.answer_headers(version))
            route = next((choice for choice in choices if choice.exists_in(version)), None)
            if route is None:
                raise NotFound
            if route.auth:
                context = await self._who(headers, context)
                if not permits(context.access_rules, room.name, room.prefix, req.method, req.scope["path"]):
                    _log.info("access rules do not permit", method=req.method, path=req.scope["path"])
                    raise Unauthorized(headers=self._challenge())
            request = Request(
                kit=self._kit,
                method=req.method,
                path=req.scope["path"],
                base_url=(self._public or f"{req.scheme}://{req.netloc}") + room.prefix,
                params=params,
                query=Query(req.scope["query_string"].decode("latin-1")),
                headers=headers,
                body=req.scope["unkai.body"],
                context=context,
                version=version,
                body_limit=route.body_limit or self._limit,
                peer=req.scope.get("unkai.peer"),
            )
            response = await route.handler(request)
        except ClientGone:
            _log.info("client went away", method=req.method, path=req.scope["path"])
            response = Response(499, b"")
        except Exception as error:
            response = self._refusal(room, error, context.request_id, headers.get("accept", ""), req, version)
        self._send(room, response, extra, context.request_id, req, resp)

    async def _who(self, headers: dict[str, str], anonymous: Context) -> Context:
        token = headers.get("x-auth-token")
        if not token:
            raise Unauthorized(headers=self._challenge())
        try:
            context = await self._kit.authenticate(token)
        except Unauthorized as error:
            error.headers.update(self._challenge())
            raise
        log.bind_contextvars(user_id=context.user_id, project_id=context.project_id)
        return msgspec.structs.replace(
            context, request_id=anonymous.request_id, global_request_id=anonymous.global_request_id, token=token
        )

    def _challenge(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'Keystone uri="{self._public}/identity"'}

    def _refusal(
        self, room: Room, error: Exception, request_id: str, accept: str, req: Any, version: Version
    ) -> Response:
        if isinstance(error, UNFIT):
            _log.warning("value does not fit", path=req.scope["path"], reason=str(getattr(error, "orig", error)))
            error = UnfitValue()
        elif not isinstance(error, ApiError):
            _log.exception("request failed", method=req.method, path=req.scope["path"])
            error = ApiError()
        view = ErrorView(
            status=error.status,
            title=error.title,
            message=error.message,
            code=error.code,
            kind=type(error).__name__,
            request_id=request_id,
            params=error.params,
            accept=accept,
            version=version,
        )
        content_type, body = room.render_error(view)
        return Response(error.status, body, headers=error.headers, content_type=content_type)

    def _send(
        self, room: Room, response: Response, extra: dict[str, str], request_id: str, req: Any, resp: Any
    ) -> None:
        resp.status = response.status
        for name, value in (extra | response.headers).items():
            resp.set_header(name, value)
        for name in ("X-Openstack-Request-Id", *room.request_id_headers):
            resp.set_header(name, request_id)
        if response.stream is not None:
            resp.content_type = response.content_type
            if response.length is not None:
                resp.content_length = response.length
            resp.stream = response.stream
        elif response.body is not None:
            resp.content_type = response.content_type
            resp.data = response.body
        elif response.status not in (204, 304):
            if response.content_type:
                resp.content_type = response.content_type
            resp.data = b""
        seconds = monotonic() - req.scope["unkai.began"]
        metrics.REQUESTS.labels(room.name, req.method, str(response.status)).inc()
        metrics.REQUEST_SECONDS.labels(room.name).observe(seconds)
        if not req.scope["path"].startswith("/health"):
            _log.info(
                "request",
                room=room.name,
                method=req.method,
                path=req.scope["path"],
                status=response.status,
                seconds=round(seconds, 4),
            )

    async def _unrouted(self, req: Any, resp: Any, error: Exception, params: Any) -> None:
        """What Falcon itself refuses: unknown paths and methods. Answered in the style of the room they name."""
        refusal: Exception = error
        if isinstance(error, falcon.HTTPMethodNotAllowed):
            refusal = MethodNotAllowed(
                method=req.method, headers={"Allow": dict(error.headers or {}).get("Allow", "")}
            )
        elif isinstance(error, falcon.HTTPNotFound | falcon.HTTPBadRequest | falcon.HTTPRouteNotFound):
            refusal = NotFound()
        await self.refuse(req, resp, refusal)

    async def refuse(self, req: Any, resp: Any, refusal: Exception) -> None:
        """Answer what no handler was asked about."""
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in req.scope["headers"]}
        context = _anonymous(headers)
        path = req.scope["path"]
        # The last room is the front door, whose empty prefix takes what no other room has.
        room = next((r for r in self._rooms if path == r.prefix or path.startswith(r.prefix + "/")), self._rooms[-1])
        if _names_nothing(room, path):
            refusal = NotFound()
        extra = dict(room.headers)
        version = _NO_VERSION
        try:
            if room.versions is not None:
                version = room.versions.negotiate(headers)
                extra.update(room.versions.answer_headers(version))
            hidden = isinstance(refusal, NotFound) and room.prefix not in ("", "/identity")
            if hidden and "x-auth-token" not in headers:
                # Upstream authenticates before it routes.
                refusal = Unauthorized(headers=self._challenge())
        except ApiError as not_acceptable:
            refusal = not_acceptable
        response = self._refusal(room, refusal, context.request_id, headers.get("accept", ""), req, version)
        self._send(room, response, extra, context.request_id, req, resp)


def _names_nothing(room: Room, path: str) -> bool:
    return room.strict_slash and path.endswith("/") and len(path) > len(room.prefix) + 1


def _anonymous(headers: dict[str, str]) -> Context:
    brought = headers.get("x-openstack-request-id", "")
    return Context(request_id=new_request_id(), global_request_id=brought if valid_request_id(brought) else None)
