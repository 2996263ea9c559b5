"""HTTP for all rooms: microversions, request ids, refusals in the room's body, bodies that break off."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import sqlalchemy as sa

from unkai.kernel.context import Context
from unkai.kernel.errors import Conflict, Unauthorized
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy, Rule
from unkai.kernel.quota import Quota
from unkai.kernel.settings import defaults
from unkai.kernel.store import Database
from unkai.kernel.wake import Wake
from unkai.kernel.web import ErrorView, Request, Response, Room, Route, Version, VersionRange, empty, reply
from unkai.kernel.web.app import Application, MiddlewareOptions
from unkai.kernel.web.listener import UnixPeer, tcp, unix

ALICE = Context(user_id="alice", project_id="p1", roles=("member",))


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0


class Things:
    """A small room that records what reached its handlers."""

    def __init__(self) -> None:
        self.uploads: list[bytes | str] = []

    async def show(self, req: Request) -> Response:
        return reply({"id": req.params["thing_id"], "version": str(req.version), "user": req.context.user_id})

    async def newer(self, req: Request) -> Response:
        return reply({"newer": True})

    async def create(self, req: Request) -> Response:
        body = await req.decode(Body)
        req.authorize("things:create", {"project_id": body.name})
        return reply({"thing": body}, 202, Location=f"{req.base_url}/things/1")

    async def upload(self, req: Request) -> Response:
        parts = []
        try:
            async for part in req.body.chunks():
                parts.append(part)
        except Exception as error:
            self.uploads.append(type(error).__name__)
            raise
        self.uploads.append(b"".join(parts))
        return empty()

    async def clash(self, req: Request) -> Response:
        raise Conflict(reason="it is there already")

    async def crash(self, req: Request) -> Response:
        raise RuntimeError("the inside of the house")

    async def count(self, req: Request) -> Response:
        await req.kit.db.read(lambda tx: tx.scalar(sa.select(sa.bindparam("n", 2**70))))
        return empty()

    async def peer(self, req: Request) -> Response:
        return reply({"uid": req.peer.uid if isinstance(req.peer, UnixPeer) else None})

    def room(self) -> Room:
        return Room(
            name="things",
            prefix="/things",
            routes=(
                Route("GET", "/items/{thing_id}", self.show),
                Route("GET", "/newer", self.newer, since=Version(1, 5), until=Version(1, 8)),
                Route("POST", "/items", self.create),
                Route("PUT", "/file", self.upload, auth=False),
                Route("GET", "/clash", self.clash, auth=False),
                Route("GET", "/crash", self.crash, auth=False),
                Route("GET", "/count", self.count, auth=False),
                Route("GET", "/peer", self.peer, auth=False),
            ),
            render_error=render,
            versions=VersionRange("things", Version(1, 1), Version(1, 10), "X-OpenStack-Things-API-Version"),
            policies=(Rule("things:create", "role:member and project_id:%(project_id)s", "Create."),),
        )


def render(view: ErrorView) -> tuple[str, bytes]:
    return "application/json", msgspec.json.encode({"refused": {"status": view.status, "message": view.message}})


@pytest.fixture
async def things() -> Things:
    return Things()


@pytest.fixture
async def app(things: Things, tmp_path: Path) -> AsyncIterator[Application]:
    room = things.room()
    db = Database(f"sqlite:///{tmp_path}/web.db")
    settings = defaults(MiddlewareOptions(max_request_body_size=1000))
    kit = Kit(db=db, wake=Wake(), settings=settings, policy=Policy(room.policies), quota=Quota(()))

    async def authenticate(token: str) -> Context:
        if token != "good":
            raise Unauthorized
        return ALICE

    kit.authenticate = authenticate
    yield Application(kit, [room])
    db.close()


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app.asgi)
    async with httpx2.AsyncClient(transport=transport, base_url="http://cloud") as client:
        client.headers["X-Auth-Token"] = "good"
        yield client


async def test_an_answer_carries_request_id_and_versions(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/things/items/7")
    assert answer.json() == {"id": "7", "version": "1.1", "user": "alice"}
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    assert answer.headers["openstack-api-version"] == "things 1.1"
    assert answer.headers["x-openstack-things-api-version"] == "1.1"
    assert answer.headers["vary"] == "OpenStack-API-Version, X-OpenStack-Things-API-Version"


@pytest.mark.parametrize(
    ("header", "value", "version"),
    [
        ("OpenStack-API-Version", "things 1.7", "1.7"),
        ("OpenStack-API-Version", "other 9.9, things 1.3", "1.3"),
        ("OpenStack-API-Version", "other 9.9", "1.1"),
        ("OpenStack-API-Version", "things latest", "1.10"),
        ("X-OpenStack-Things-API-Version", "1.4", "1.4"),
    ],
)
async def test_version_is_negotiated(client: httpx2.AsyncClient, header: str, value: str, version: str) -> None:
    answer = await client.get("/things/items/7", headers={header: value})
    assert answer.json()["version"] == version
    assert answer.headers["openstack-api-version"] == f"things {version}"


@pytest.mark.parametrize(
    ("value", "status"), [("things 1.11", 406), ("things 1.0", 406), ("things one", 400), ("things 1.05", 400)]
)
async def test_version_out_of_range_or_form(client: httpx2.AsyncClient, value: str, status: int) -> None:
    answer = await client.get("/things/items/7", headers={"OpenStack-API-Version": value})
    assert answer.status_code == status
    assert answer.json()["refused"]["status"] == status


@pytest.mark.parametrize(("version", "status"), [("1.4", 404), ("1.5", 200), ("1.8", 200), ("1.9", 404)])
async def test_a_route_exists_in_its_versions_only(client: httpx2.AsyncClient, version: str, status: int) -> None:
    answer = await client.get("/things/newer", headers={"OpenStack-API-Version": f"things {version}"})
    assert answer.status_code == status


@pytest.mark.parametrize("headers", [{"X-Auth-Token": ""}, {"X-Auth-Token": "stolen"}])
async def test_without_a_good_token(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.get("/things/items/7", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Keystone uri=")


async def test_create_validates_authorises_and_links(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/things/items", json={"name": "p1"})
    assert answer.status_code == 202
    assert answer.headers["location"] == "http://cloud/things/things/1"
    assert answer.json() == {"thing": {"name": "p1", "size": 0}}
    refused = await client.post("/things/items", json={"name": "p2"})
    assert refused.status_code == 403
    assert "things:create" in refused.json()["refused"]["message"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"[" * 200 + b"]" * 200, {}, 400),
        (b'{"name": 5}', {}, 400),
        (b'{"name": "p1", "colour": "red"}', {}, 400),
        (b'{"name": "\xff"}', {}, 400),
        (b"name=p1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b'{"name": "' + b"x" * 2000 + b'"}', {}, 413),
    ],
)
async def test_bad_bodies(client: httpx2.AsyncClient, content: bytes, headers: dict[str, str], status: int) -> None:
    answer = await client.post("/things/items", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["refused"]["status"] == status


async def test_too_large_without_a_length_is_refused_too(client: httpx2.AsyncClient) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 50

    answer = await client.post("/things/items", content=drip())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/things/nothing", 404),
        ("DELETE", "/things/items", 405),
        ("GET", "/things/clash", 409),
        ("GET", "/elsewhere", 404),
        ("GET", "/things/items/" + "x" * 20000, 414),
    ],
)
async def test_refusals_in_the_rooms_words(client: httpx2.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["refused"]["status"] == status
    assert answer.headers["x-openstack-request-id"].startswith("req-")


async def test_the_unexpected_shows_nothing_of_the_inside(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/things/crash")
    assert answer.status_code == 500
    assert "inside of the house" not in answer.text


async def test_values_that_no_column_holds_are_the_callers_mistake(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/things/count")
    assert answer.status_code == 400


async def test_callers_request_id_cannot_forge_log_lines(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/things/items/7", headers={"X-OpenStack-Request-ID": "req-1 level=info"})
    assert " " not in answer.headers["x-openstack-request-id"]


async def _raw(port: int, content: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def _until(condition: Any) -> None:
    for _ in range(300):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen")


@pytest.mark.parametrize(
    "content",
    [
        b"PUT /things/file HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
        b"PUT /things/file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
    ids=["sized", "chunked"],
)
async def test_a_client_cut_off_in_an_upload_is_noticed(app: Application, things: Things, content: bytes) -> None:
    listener = tcp(app.asgi, "127.0.0.1", 0)
    await listener.begin()
    try:
        await _raw(listener.port, content)
        await _until(lambda: things.uploads)
        assert things.uploads == ["ClientGone"]
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{listener.port}") as whole:
            assert (await whole.put("/things/file", content=b"whole")).status_code == 204
        assert things.uploads[1] == b"whole"
    finally:
        await listener.stop()


async def test_the_unix_listener_knows_its_peer(app: Application, tmp_path: Path) -> None:
    import os

    path = tmp_path / "node.sock"
    listener = unix(app.asgi, path)
    await listener.begin()
    try:
        transport = httpx2.AsyncHTTPTransport(uds=str(path))
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            assert (await client.get("/things/peer")).json() == {"uid": os.getuid()}
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        await listener.stop()
