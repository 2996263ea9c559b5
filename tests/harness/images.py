"""An image service alone: its room, a database in a folder, and callers who are who their token says."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from unkai.image import room
from unkai.image.settings import GlanceStore, ImageTasks
from unkai.kernel.context import Context
from unkai.kernel.errors import Unauthorized
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy
from unkai.kernel.quota import Quota
from unkai.kernel.settings import Group, defaults
from unkai.kernel.store import Database
from unkai.kernel.wake import Wake
from unkai.kernel.web import Room
from unkai.kernel.web.app import Application

OCTETS = {"Content-Type": "application/octet-stream"}
JSON = {"Accept": "application/json"}


def context(project: str | None, *roles: str, user: str = "u") -> Context:
    return Context(user_id=user, project_id=project, roles=roles)


# Tokens that mean their holder: project and roles.
CALLERS = {
    "admin": context("p-admin", "admin", "manager", "member", "reader"),
    "member": context("p-one", "member", "reader"),
    "reader": context("p-one", "reader"),
    "other": context("p-two", "member", "reader"),
    "other-reader": context("p-two", "reader"),
    "third": context("p-three", "member", "reader"),
    "service": context("p-service", "service", "member", "reader"),
    "system": Context(user_id="u", system_scope="all", roles=("admin", "reader")),
    "unscoped": Context(user_id="u"),
}


async def authenticate(token: str) -> Context:
    if token not in CALLERS:
        raise Unauthorized
    return CALLERS[token]


@dataclass(frozen=True)
class Images:
    """`folder` is the file store's. `as_(token)` is a client of that caller, in this process."""

    kit: Kit
    room: Room
    app: Any
    folder: Path

    def as_(self, token: str = "member", **headers: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),
            base_url="http://cloud/image",
            headers={"X-Auth-Token": token, **JSON, **headers},
            timeout=60.0,
        )

    def blobs(self) -> list[Path]:
        """Every file of the store, half-written ones too."""
        return [path for path in self.folder.rglob("*") if path.is_file()]


def build(url: str, folder: Path, *groups: Group) -> Images:
    """Without background tasks: tests run those themselves. Needs no event loop."""
    chosen = [*groups]
    if not any(isinstance(group, GlanceStore) for group in chosen):
        chosen.append(GlanceStore(filesystem_store_datadir=str(folder)))
    settings = defaults(*chosen)
    wake = Wake()
    kit = Kit(db=Database(url, ring=wake.ring), wake=wake, settings=settings, policy=Policy(()), quota=Quota(()))
    built = room.build(kit)
    kit.policy = Policy(built.policies)
    kit.authenticate = authenticate
    kit.db.create_all()
    return Images(kit, built, Application(kit, [built]).asgi, folder)


@contextlib.contextmanager
def images(folder: Path, *groups: Group, url: str | None = None) -> Iterator[Images]:
    built = build(url or f"sqlite:///{folder}/images.db", folder / "store", *groups)
    try:
        yield built
    finally:
        built.kit.db.close()


def quick_leases() -> ImageTasks:
    return ImageTasks(image_upload_lease=0.6, image_reconcile_interval=0.05)


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """The application behind a real HTTP server on a free port; yields its base address."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, lifespan="off", http="httptools", interface="asgi3"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive(), "the server did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/image"
    finally:
        server.should_exit = True
        thread.join(20)


async def create(client: httpx2.AsyncClient, **body: Any) -> dict[str, Any]:
    """A queued image: raw and bare unless the body says otherwise."""
    values = {"name": "i", "disk_format": "raw", "container_format": "bare", **body}
    answer = await client.post("/v2/images", json=values)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def upload(client: httpx2.AsyncClient, image_id: str, data: Any, **headers: str) -> httpx2.Response:
    return await client.put(f"/v2/images/{image_id}/file", content=data, headers={**OCTETS, **headers})


async def active(client: httpx2.AsyncClient, data: bytes = b"data", **body: Any) -> dict[str, Any]:
    """An image with data."""
    image = await create(client, **body)
    answer = await upload(client, image["id"], data)
    assert answer.status_code == 204, answer.text
    found: dict[str, Any] = (await client.get(f"/v2/images/{image['id']}")).json()
    assert found["status"] == "active"
    return found


async def parts(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
