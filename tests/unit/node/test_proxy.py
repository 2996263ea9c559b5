"""The metadata proxy as a process: what it is told, whom it answers, and what strangers cannot do to it."""

import asyncio
import base64
import contextlib
import json
import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import msgspec
import pytest

import unkai
from harness import servers
from unkai.contracts.guest import Guest
from unkai.node.metadata import messages
from unkai.node.metadata.messages import Close, Drop, Listen, Message, Reply, Serve, State
from unkai.node.metadata.proxy import read_password
from unkai.node.records import Records

NETWORK = "11111111-2222-4333-8444-555555555555"


class Process:
    """The proxy, run as the agent runs it, and told what the agent tells."""

    def __init__(self, folder: Path, user: str = "") -> None:
        self.folder = folder
        self.records = Records(folder / "guests")
        (folder / "passwords").mkdir()
        if user:
            account = pwd.getpwnam(user)
            os.chown(folder / "passwords", account.pw_uid, account.pw_gid)
            folder.chmod(0o711)
        arguments = ["--socket", str(folder / "proxy.sock"), "--passwords", str(folder / "passwords")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "unkai.node.metadata.proxy", *arguments, *(["--user", user] if user else [])],
            env={**os.environ, "PYTHONPATH": str(Path(unkai.__file__).parents[1])},
            stderr=subprocess.DEVNULL,
        )

    def tell(self, message: Message, handles: Sequence[int] = ()) -> Reply:
        until = time.monotonic() + 15
        while True:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return self._tell(message, handles)
            assert time.monotonic() < until
            time.sleep(0.02)

    def _tell(self, message: Message, handles: Sequence[int]) -> Reply:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
            control.settimeout(10)
            control.connect(str(self.folder / "proxy.sock"))
            socket.send_fds(control, [messages.encode(message)], list(handles))
            return msgspec.json.decode(control.recv(messages.LIMIT), type=Reply)

    def listen(self, network_id: str = NETWORK) -> int:
        with socket.socket() as made:
            made.bind(("127.0.0.1", 0))
            made.listen()
            assert self.tell(Listen(network_id), [made.fileno()]).error == ""
            return int(made.getsockname()[1])

    def serve(self, guest: Guest, address: str = "127.0.0.1", network_id: str = NETWORK, **data: object) -> None:
        self.records.put(guest, servers.data(guest, **data))
        with open(self.records.path(guest.server_id), "rb") as stream:
            assert self.tell(Serve(guest.server_id, [(network_id, address)]), [stream.fileno()]).error == ""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    made.process.terminate()
    made.process.wait(10)


def get(port: int, path: str, method: str = "GET", content: bytes | None = None) -> httpx2.Response:
    with httpx2.Client(trust_env=False) as client:
        return client.request(method, f"http://127.0.0.1:{port}{path}", content=content)


def test_it_tells_what_it_has(proxy: Process) -> None:
    assert proxy.tell(State()) == Reply(release=unkai.__version__)
    guest = servers.guest()
    proxy.listen()
    proxy.serve(guest)
    assert proxy.tell(State()) == Reply(release=unkai.__version__, networks=[NETWORK], servers=[guest.server_id])
    proxy.tell(Drop(guest.server_id))
    proxy.tell(Close(NETWORK))
    proxy.tell(Close(NETWORK))
    assert proxy.tell(State()) == Reply(release=unkai.__version__)


def test_a_guest_is_known_by_network_and_address(proxy: Process) -> None:
    mine, other = servers.guest(), servers.guest()
    here, there, nowhere = proxy.listen(), proxy.listen("other"), proxy.listen("empty")
    proxy.serve(mine)
    proxy.serve(other, network_id="other")
    for port, guest in (here, mine), (there, other):
        answer = get(port, "/openstack/latest/meta_data.json")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["uuid"] == guest.server_id
    assert get(nowhere, "/openstack/latest/meta_data.json").status_code == 404
    forged = httpx2.get(
        f"http://127.0.0.1:{nowhere}/openstack/latest/meta_data.json",
        headers={"X-Forwarded-For": "127.0.0.1", "X-Instance-ID": mine.server_id},
        trust_env=False,
    )
    assert forged.status_code == 404


def test_a_newer_rendering_is_served_at_once(proxy: Process) -> None:
    port, guest = proxy.listen(), servers.guest()
    proxy.serve(guest, meta={"a": "1"})
    proxy.serve(guest, meta={"a": "2"}, revision=2)
    assert get(port, "/openstack/latest/meta_data.json").json()["meta"] == {"a": "2"}
    proxy.tell(Drop(guest.server_id))
    assert get(port, "/openstack/latest/meta_data.json").status_code == 404


def test_paths_and_methods(proxy: Process) -> None:
    port, guest = proxy.listen(), servers.guest()
    proxy.serve(guest, user_data=base64.b64encode(b"#!/bin/sh\n").decode())
    assert get(port, "/openstack").text.splitlines()[-1] == "latest"
    assert get(port, "/latest/meta-data/instance-id").text == "i-00000001"
    assert get(port, "/openstack/latest/user_data").content == b"#!/bin/sh\n"
    assert get(port, "/latest/api/token", "PUT").status_code == 404
    assert get(port, "/openstack/2099-01-01").status_code == 404
    assert get(port, "/%2e%2e/%2e%2e/etc/passwd").status_code == 404
    head = get(port, "/latest/meta-data/hostname", "HEAD")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "13")


def test_a_password_is_posted_once(proxy: Process, tmp_path: Path) -> None:
    port, guest = proxy.listen(), servers.guest()
    proxy.serve(guest)
    path = "/openstack/latest/password"
    assert (get(port, path).status_code, get(port, path).text) == (200, "")
    assert get(port, path, "POST", b"x" * 1021).status_code == 400
    assert get(port, path, "PUT", b"x").status_code == 400
    assert get(port, path, "POST", b"\xff\xfe").status_code == 400
    assert get(port, path).text == ""
    assert get(port, path, "POST", b"x" * 1020).status_code == 200
    assert get(port, path, "POST", b"again").status_code == 409
    assert get(port, "/openstack/2013-04-04/password/").text == "x" * 1020
    assert (tmp_path / "passwords" / guest.server_id).read_text() == "x" * 1020


def test_what_is_not_a_password_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "big").write_text("x" * 5000)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "good").write_text("fine")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        names = ("link", "big", "pipe", "folder", "none", "good")
        assert [read_password(folder, name) for name in names] == ["", "", "", "", "", "fine"]
    finally:
        os.close(folder)


async def test_one_guest_cannot_keep_the_others_out(proxy: Process) -> None:
    port, guest = proxy.listen(), servers.guest()
    proxy.serve(guest)
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
    try:
        await asyncio.sleep(0.3)
        refused = [reader.at_eof() or reader.exception() is not None for reader, _ in idle]
        assert sum(refused) == 24
        reader, writer = idle[0]
        writer.write(b"GET /latest/meta-data/instance-id HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await asyncio.wait_for(reader.read(200), 5)
    finally:
        for _, writer in idle:
            writer.close()


async def test_a_head_without_end(proxy: Process) -> None:
    port = proxy.listen()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        writer.write(b"GET / HTTP/1.1\r\n")
        for _ in range(200):
            writer.write(b"X-A: " + b"a" * 1000 + b"\r\n")
            await writer.drain()
        data = await asyncio.wait_for(reader.read(), 10)
        assert data.startswith(b"HTTP/1.1 4") or data == b""
    writer.close()
    assert proxy.tell(State()).networks == [NETWORK]


def test_a_bad_message_does_no_harm(proxy: Process) -> None:
    proxy.tell(State())
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.connect(str(proxy.folder / "proxy.sock"))
        control.send(b'{"type": "nonsense"}')
        assert json.loads(control.recv(4096))["error"] != ""
        control.send(messages.encode(Listen("without a socket")))
        assert json.loads(control.recv(4096))["error"] != ""
    assert proxy.tell(State()).error == ""


@pytest.mark.root
def test_it_gives_up_roots_rights(tmp_path: Path) -> None:
    made = Process(tmp_path, user="nobody")
    try:
        port, guest = made.listen(), servers.guest()
        made.serve(guest)
        status = Path(f"/proc/{made.process.pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        nobody = str(pwd.getpwnam("nobody").pw_uid)
        assert fields["Uid"].split() == [nobody] * 4
        assert fields["Groups"].strip() == ""
        assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
        assert fields["NoNewPrivs"] == "1"
        assert get(port, "/openstack/latest/password", "POST", b"x").status_code == 200
        assert get(port, "/openstack/latest/password").text == "x"
    finally:
        made.process.terminate()
        made.process.wait(10)
