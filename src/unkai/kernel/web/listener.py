"""uvicorn servers of the control plane: TCP for the public APIs, unix sockets that know their peer for hosts."""

import asyncio
import socket
import struct
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_UCRED = struct.Struct("3i")


class UnixPeer(msgspec.Struct, frozen=True):
    """The process at the other end of a unix socket, as the kernel vouches for it."""

    pid: int
    uid: int
    gid: int


class PeerProtocol(HttpToolsProtocol):
    """HTTP that tells the application who called: uvicorn does not expose the peer's credentials itself."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._peer = _credentials(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["unkai.peer"] = self._peer  # type: ignore[typeddict-unknown-key]


def _credentials(transport: Any) -> UnixPeer | None:
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family != socket.AF_UNIX:
        return None
    with socket.fromfd(sock.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as duplicate:
        return UnixPeer(*_UCRED.unpack(duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


def _config(app: Any, **kw: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        **kw,
    )


class Listener(uvicorn.Server):
    """A server whose signals are the caller's business. `stop` drains what is being answered."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config)
        self._sockets = sockets
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Returns once connections are accepted. Raises OSError."""
        self._task = asyncio.create_task(self._serve(self._sockets))
        while not self.started and not self._task.done():  # noqa: ASYNC110 - uvicorn tells by a flag, not an event
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        self.should_exit = True
        if self._task is not None:
            await self._task

    @property
    def port(self) -> int:
        return int(self._sockets[0].getsockname()[1])


def tcp(app: Any, host: str, port: int) -> Listener:
    """A public listener; port 0 takes a free one. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(512)
    return Listener(_config(app, http="httptools"), [sock])


def unix(app: Any, path: Path) -> Listener:
    """A listener on a unix socket only its owner and root can open; callers are known by the kernel's word."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    path.chmod(0o600)
    sock.listen(128)
    return Listener(_config(app, http=PeerProtocol), [sock])
