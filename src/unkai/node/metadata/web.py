"""The HTTP side of the proxy: one small server for each network, so that no network's guests slow another's.

A guest is known by the network its connection came in through and its address there, which port security keeps it
from forging. Headers such as X-Forwarded-For mean nothing here.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from unkai.kernel.log import get
from unkai.node.metadata import openstack
from unkai.node.metadata.source import Source
from unkai.node.metadata.tree import lookup

__all__ = ["Registry", "Server", "application"]

_log = get(__name__)
_PASSWORD = re.compile(r"/openstack/(latest|20\d\d-\d\d-\d\d)/password/?")
# Upstream keeps it in four pieces of 255.
_LONGEST_PASSWORD = 4 * 255
_CONNECTIONS, _CONNECTIONS_EACH, _SECONDS = 512, 16, 30.0


class Registry(Protocol):
    """Where the application finds guests."""

    def find(self, network_id: str, address: str) -> Source | None: ...

    def keep_password(self, server_id: str, password: str) -> None:
        """Raises OSError."""
        ...


def application(registry: Registry, network_id: str) -> Any:
    """The ASGI application of one network."""

    async def app(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        client = scope["client"][0] if scope.get("client") else ""
        status, kind, body = await _answer(registry, network_id, client, scope, receive)
        head = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


async def _answer(
    registry: Registry, network_id: str, client: str, scope: Mapping[str, Any], receive: Any
) -> tuple[int, str, bytes]:
    source = registry.find(network_id, client)
    if source is None:
        return _error(404, "Not Found", "The resource could not be found.")
    try:
        if _PASSWORD.fullmatch(scope["path"]) and scope["method"] not in ("GET", "HEAD"):
            return await _post_password(registry, source, scope["method"], receive)
        return 200, *lookup(source, scope["path"])
    except KeyError:
        return _error(404, "Not Found", "The resource could not be found.")
    except Exception:
        _log.exception("metadata request failed", server=source.data.server_id)
        text = "An unknown error has occurred. Please try your request again."
        return _error(500, "Internal Server Error", text)


async def _post_password(registry: Registry, source: Source, method: str, receive: Any) -> tuple[int, str, bytes]:
    if method != "POST":
        return _error(400, "Bad Request", "GET and POST only are supported.")
    if source.password:
        return _error(409, "Conflict", "There was a conflict when trying to complete your request.")
    body = b""
    more = True
    while more and len(body) <= _LONGEST_PASSWORD:
        message = await receive()
        if message["type"] != "http.request":
            return _error(400, "Bad Request", "The request was cut short.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if len(body) > _LONGEST_PASSWORD:
        return _error(400, "Bad Request", "Request is too large.")
    try:
        registry.keep_password(source.data.server_id, body.decode())
    except UnicodeDecodeError:
        return _error(400, "Bad Request", "The password must be text.")
    return 200, openstack.TEXT, b""


def _error(status: int, title: str, text: str) -> tuple[int, str, bytes]:
    return status, openstack.TEXT, f"{status} {title}\n\n{text}\n".encode()


class _Protocol(H11Protocol):
    """Guests are strangers: few connections each, none for long. h11 limits what it reads of a head."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        address = (transport.get_extra_info("peername") or ("",))[0]
        theirs = [one for one in self.connections if isinstance(one, H11Protocol) and one.client]
        mine = len([one for one in theirs if one.client and one.client[0] == address])
        if mine >= _CONNECTIONS_EACH or len(self.connections) >= _CONNECTIONS:
            transport.abort()
        else:
            super().connection_made(transport)
            # Answers are small and written at once, so a connection that lasts longer waits for nothing good.
            self._end = self.loop.call_later(_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:  # or it was refused above
            self._end.cancel()
            super().connection_lost(exc)


class Server(uvicorn.Server):
    """One network's listener; signals are the process' business."""

    def __init__(self, app: Any, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=True,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=16 * 1024,
        )
        super().__init__(config)
        self._listening = listening
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.serve(sockets=[self._listening]))

    async def end(self) -> None:
        self.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._listening.close()
