"""The process that answers guests at 169.254.169.254, for all networks of the host.

It runs beside the agent and outlives it. What it listens on and whom it serves it is told by the agent; once its
control socket is open it gives up root's rights, since whoever calls it is a stranger.
"""

import argparse
import asyncio
import contextlib
import ctypes
import os
import pwd
import socket
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

import unkai
from unkai.kernel import log
from unkai.node.metadata import messages
from unkai.node.metadata.messages import Close, Drop, Listen, Message, Reply, Serve, State
from unkai.node.metadata.source import Source, load_vendor_data
from unkai.node.metadata.web import Server, application
from unkai.node.records import Record

__all__ = ["Proxy", "become", "main", "read_password"]

_log = log.get(__name__)
_PR_SET_NO_NEW_PRIVS = 38


class Proxy:
    """What the process knows. `passwords` is the open folder where what guests post is kept, one file for each
    server."""

    def __init__(self, passwords: int, vendor: dict[str, object]) -> None:
        self._passwords = passwords
        self._vendor = vendor
        self._records: dict[str, Record] = {}
        self._addresses: dict[tuple[str, str], str] = {}
        self._servers: dict[str, Server] = {}

    # ---- for the web ----

    def find(self, network_id: str, address: str) -> Source | None:
        server_id = self._addresses.get((network_id, address))
        record = self._records.get(server_id or "")
        if record is None:
            return None
        password = read_password(self._passwords, record.data.server_id)
        return Source(record.guest, record.data, self._vendor, password)

    def keep_password(self, server_id: str, password: str) -> None:
        with contextlib.suppress(FileExistsError):
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            handle = os.open(server_id, flags, 0o600, dir_fd=self._passwords)
            with open(handle, "w", encoding="utf-8") as stream:
                stream.write(password)

    # ---- for the agent ----

    async def obey(self, message: Message, handles: list[int]) -> Reply:
        match message:
            case State():
                return Reply(release=unkai.__version__, networks=sorted(self._servers), servers=sorted(self._records))
            case Listen():
                await self._close(message.network_id)
                listening = socket.socket(fileno=handles.pop())
                listening.setblocking(False)
                server = Server(application(self, message.network_id), listening)
                self._servers[message.network_id] = server
                server.begin()
            case Close():
                await self._close(message.network_id)
            case Serve():
                record = _read_record(handles.pop())
                self._drop(message.server_id)
                self._records[message.server_id] = record
                self._addresses |= dict.fromkeys(message.addresses, message.server_id)
            case Drop():
                self._drop(message.server_id)
        return Reply()

    def _drop(self, server_id: str) -> None:
        self._records.pop(server_id, None)
        self._addresses = {place: owner for place, owner in self._addresses.items() if owner != server_id}

    async def _close(self, network_id: str) -> None:
        server = self._servers.pop(network_id, None)
        if server is not None:
            await server.end()


def _read_record(handle: int) -> Record:
    with open(handle, "rb") as stream:
        return msgspec.json.decode(stream.read(), type=Record)


def read_password(folder: int, server_id: str) -> str:
    """Nothing ("") if there is none. `folder` is open. What lies there was written with few rights: only a small
    plain file is read."""
    try:
        handle = os.open(server_id, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return ""
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > 4096:
            return ""
        return os.read(handle, 4096).decode(errors="replace")
    finally:
        os.close(handle)


async def _serve(control: socket.socket, proxy: Proxy) -> None:
    """Accept the agent's connections; each sends messages one after another."""
    loop = asyncio.get_running_loop()
    talking: set[asyncio.Task[None]] = set()

    def begin(work: Coroutine[Any, Any, None]) -> None:
        task = loop.create_task(work)
        talking.add(task)
        task.add_done_callback(talking.discard)

    while True:
        connection, _ = await loop.sock_accept(control)
        connection.setblocking(False)
        begin(_talk(connection, proxy))


async def _talk(connection: socket.socket, proxy: Proxy) -> None:
    with connection:
        while True:
            data, handles, _, _ = await _readable(connection, lambda: socket.recv_fds(connection, messages.LIMIT, 4))
            if not data:
                return
            try:
                reply = await proxy.obey(messages.decode(data), handles)
            except Exception as error:
                _log.exception("message failed")
                reply = Reply(error=f"{type(error).__name__}: {error}")
            finally:
                for left in handles:
                    os.close(left)
            await asyncio.get_running_loop().sock_sendall(connection, messages.encode(reply))


async def _readable(connection: socket.socket, read: Callable[[], Any]) -> Any:
    loop = asyncio.get_running_loop()
    while True:
        ready = asyncio.Event()
        loop.add_reader(connection, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(connection)
        try:
            return read()
        except BlockingIOError:
            continue


def become(user: str) -> None:
    """Give up root's rights for good. Raises KeyError for an unknown user, OSError."""
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    control.bind(str(path))
    path.chmod(0o600)
    control.listen(8)
    control.setblocking(False)
    return control


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m unkai.node.metadata.proxy")
    parser.add_argument("--socket", type=Path, required=True, help="where the agent talks to it")
    parser.add_argument("--passwords", type=Path, required=True, help="folder for what guests post")
    parser.add_argument("--vendor", type=Path, help="JSON file that every guest sees as vendor data")
    parser.add_argument("--user", default="", help="user to become")
    given = parser.parse_args()
    log.configure()
    vendor = load_vendor_data(given.vendor)
    control = _listen(given.socket)
    proxy = Proxy(os.open(given.passwords, os.O_RDONLY | os.O_DIRECTORY), vendor)
    # Loads what uvicorn imports late: after this, files may be out of reach.
    Server(application(proxy, ""), socket.socket()).config.load()
    if given.user and os.geteuid() == 0:
        become(given.user)
    asyncio.run(_serve(control, proxy))


if __name__ == "__main__":
    main()
