"""The agent's side of the metadata service: namespaces for the networks of its guests, and a proxy that serves them.

The proxy is a child that outlives the agent and is restarted when it dies; each time it is told everything again.
"""

import asyncio
import contextlib
import os
import pwd
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from pyroute2.netlink.exceptions import NetlinkError

import unkai
from unkai.contracts.guest import Guest, GuestData, MetadataPort
from unkai.kernel import children
from unkai.kernel.children import Backoff, Child, Supervisor
from unkai.kernel.log import get
from unkai.node.errors import NetworkPlugFailed
from unkai.node.metadata import messages
from unkai.node.metadata.messages import Close, Drop, Listen, Message, Reply, Serve, State
from unkai.node.metadata.proxy import read_password
from unkai.node.ports import links, namespaces
from unkai.node.ports.links import Mark
from unkai.node.ports.switch import Switch
from unkai.node.records import Record, Records

__all__ = ["Metadata", "proxy_child"]

_log = get(__name__)
_PATIENCE = 20.0


def proxy_child(directory: Path, children_folder: Path, user: str, vendor: Path | None) -> Child:
    """The proxy as a supervised child. `directory` holds its socket and what guests post."""
    arguments = ["--socket", str(directory / "proxy.sock"), "--passwords", str(directory / "passwords")]
    arguments += ["--user", user] if user else []
    arguments += ["--vendor", str(vendor)] if vendor is not None else []
    return Child(
        "metadata-proxy",
        (sys.executable, "-m", "unkai.node.metadata.proxy", *arguments),
        children_folder,
        env={"PYTHONPATH": str(Path(unkai.__file__).resolve().parents[1]), "PYTHONDONTWRITEBYTECODE": "1"},
        open_files=16384,
        stop_timeout=5.0,
    )


class Metadata:
    """`directory` is made for root only. Networks are made and removed one at a time."""

    def __init__(
        self, directory: Path, child: Child, user: str, records: Records, switch: Switch, host_id: str
    ) -> None:
        self._directory = directory
        self._child = child
        self._user = user
        self._records = records
        self._switch = switch
        self._host_id = host_id
        self._networks = asyncio.Lock()
        self._talking = threading.Lock()
        self._supervisor = Supervisor(Backoff(first=0.1))

    async def open(self) -> None:
        """Start or adopt the proxy and tell it everything. Raises children.ChildError, OSError, KeyError (user)."""
        await asyncio.to_thread(self._start)

    async def close(self) -> None:
        """Stop watching; the proxy goes on."""
        await asyncio.to_thread(self._supervisor.release)

    async def serve(self, guest: Guest, data: GuestData) -> None:
        """Keep what the guest may read and answer it from now on. Raises NetworkPlugFailed, OSError."""
        record = await asyncio.to_thread(self._records.put, guest, data)
        async with self._networks:
            for network_id, (port, mtu) in _networks(guest).items():
                await self._make(network_id, port, mtu)
        await asyncio.to_thread(self._tell_guest, record)

    async def forget(self, server_id: str) -> None:
        """Raises NetworkPlugFailed."""
        await asyncio.to_thread(self._records.forget, server_id)
        await asyncio.to_thread(self._try, Drop(server_id))
        (self._directory / "passwords" / server_id).unlink(missing_ok=True)
        await self.collect()

    async def refresh(self, data: GuestData) -> None:
        known = await asyncio.to_thread(self._records.get, data.server_id)
        if known is not None:
            await asyncio.to_thread(self._tell_guest, await asyncio.to_thread(self._records.put, known.guest, data))

    async def collect(self) -> None:
        """Remove the networks that no guest of this host is on. Raises NetworkPlugFailed."""
        async with self._networks:
            records = await asyncio.to_thread(self._records.all)
            used = {network for record in records.values() for network in _networks(record.guest)}
            found = {**await asyncio.to_thread(links.marked, self._host_id), **await self._switch.ports(self._host_id)}
            for name, mark in found.items():
                if mark.kind == "network" and mark.owner not in used:
                    await asyncio.to_thread(self._try, Close(mark.owner))
                    await self._switch.unplug(name)
                    await asyncio.to_thread(_remove, mark)

    def password(self, server_id: str) -> str:
        """What the guest posted ("" if nothing)."""
        folder = os.open(self._directory / "passwords", os.O_RDONLY | os.O_DIRECTORY)
        try:
            return read_password(folder, server_id)
        finally:
            os.close(folder)

    # ---- networks ----

    async def _make(self, network_id: str, port: MetadataPort, mtu: int) -> None:
        mark = Mark(self._host_id, "network", network_id)
        userspace = await self._switch.userspace()
        try:
            fresh = await asyncio.to_thread(namespaces.make, network_id, port, mtu, mark, userspace=userspace)
        except (NetlinkError, OSError) as error:
            raise NetworkPlugFailed(
                reason="the network's metadata address cannot be made", details=f"{network_id}: {error}"
            ) from error
        await self._switch.plug(namespaces.device(network_id), mark, port.port_id, port.mac, fresh=fresh)
        if fresh:
            await asyncio.to_thread(self._try, Close(network_id))
        await asyncio.to_thread(self._listen, network_id)

    # ---- the proxy, in threads ----

    def _start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        # Passed through by the proxy's user on the way to the passwords; nothing in it can be listed.
        self._directory.chmod(0o711)
        passwords = self._directory / "passwords"
        passwords.mkdir(exist_ok=True, mode=0o700)
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(passwords, account.pw_uid, account.pw_gid)
        if children.adopt(self._child) is not None:
            state = self._try(State())
            if state is None or state.release != unkai.__version__:
                children.stop(self._child)  # of another release: the same agent that knows it starts it anew
        self._supervisor.run(self._child, after=self._tell_all)

    def _tell_all(self) -> None:
        """After each start of the proxy. Networks that are gone are made again when a guest there starts."""
        state = self._try(State())
        if state is None:
            return  # guests go without, the host goes on
        for mark in links.marked(self._host_id).values():
            if mark.kind == "network" and mark.owner not in state.networks:
                self._listen(mark.owner)
        for record in self._records.all().values():
            self._tell_guest(record)

    def _tell_guest(self, record: Record) -> None:
        guest = record.guest
        addresses = [
            (card.network_id, address.address)
            for card in guest.interfaces
            for address in card.addresses
            if address.version == 4
        ]
        # What is on disk by now, which is this or newer.
        with contextlib.suppress(FileNotFoundError), open(self._records.path(guest.server_id), "rb") as stream:
            self._try(Serve(guest.server_id, addresses), [stream.fileno()])

    def _listen(self, network_id: str) -> None:
        state = self._try(State())
        if state is None or network_id in state.networks:
            return
        try:
            with namespaces.listen(network_id) as listening:
                self._try(Listen(network_id), [listening.fileno()])
        except OSError as error:
            _log.warning("no metadata in a network", network=network_id, error=str(error))

    def _try(self, message: Message, handles: Sequence[int] = ()) -> Reply | None:
        """None when the proxy does not answer: it is told everything once it is back."""
        try:
            return self._tell(message, handles)
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("metadata proxy does not answer", error=str(error))
            return None

    def _tell(self, message: Message, handles: Sequence[int] = ()) -> Reply:
        with self._talking, self._connected() as control:
            socket.send_fds(control, [messages.encode(message)], list(handles))
            reply = msgspec.json.decode(control.recv(messages.LIMIT), type=Reply)
        if reply.error:
            raise OSError(f"metadata proxy: {reply.error}")
        return reply

    def _connected(self) -> socket.socket:
        until = time.monotonic() + _PATIENCE
        while True:
            control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            control.settimeout(_PATIENCE)
            try:
                control.connect(str(self._directory / "proxy.sock"))
                return control
            except OSError:
                control.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)


def _networks(guest: Guest) -> dict[str, tuple[MetadataPort, int]]:
    """The networks that have a metadata port, with the MTU."""
    return {card.network_id: (card.metadata, card.mtu) for card in guest.interfaces if card.metadata is not None}


def _remove(mark: Mark) -> None:
    try:
        namespaces.remove(mark.owner, mark)
    except (NetlinkError, OSError) as error:
        raise NetworkPlugFailed(
            reason="the network's metadata address cannot be removed", details=f"{mark.owner}: {error}"
        ) from error
