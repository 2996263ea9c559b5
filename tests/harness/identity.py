"""The identity room alone, over HTTP in one process: bootstrapped, with a clock that tests can move."""

import atexit
import contextlib
import functools
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from unkai.identity import room, service
from unkai.identity.service.foundation import Bootstrap, BootstrapResult
from unkai.identity.service.parts import Identity
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy
from unkai.kernel.quota import Quota
from unkai.kernel.settings import Group, defaults
from unkai.kernel.store import Database
from unkai.kernel.wake import Wake
from unkai.kernel.web import Room
from unkai.kernel.web.app import Application

BASE = "http://cloud.test"
ADMIN, DEMO = "admin's password", "demo's password"
TOKENS = "/identity/v3/auth/tokens"


def by_password(
    name: str, password: str, *, domain: str = "default", scope: dict[str, Any] | str | None = None
) -> dict[str, Any]:
    """The body of POST /v3/auth/tokens."""
    user = {"name": name, "domain": {"id": domain}, "password": password}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return {"auth": auth if scope is None else auth | {"scope": scope}}


def by_token(token: str, scope: dict[str, Any] | str | None = None) -> dict[str, Any]:
    auth: dict[str, Any] = {"identity": {"methods": ["token"], "token": {"id": token}}}
    return {"auth": auth if scope is None else auth | {"scope": scope}}


def project(name: str, domain: str = "default") -> dict[str, Any]:
    return {"project": {"name": name, "domain": {"id": domain}}}


SYSTEM: dict[str, Any] = {"system": {"all": True}}


@dataclass
class IdentityCloud:
    kit: Kit
    app: Application
    made: BootstrapResult
    ahead: float = 0.0
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        return self.kit.get(Identity)

    def seconds(self) -> float:
        return time.time() + self.ahead

    def client(self, token: str | None = None) -> httpx2.AsyncClient:
        headers = {} if token is None else {"X-Auth-Token": token}
        transport = httpx2.ASGITransport(app=self.app.asgi)
        return httpx2.AsyncClient(transport=transport, base_url=BASE, headers=headers)

    async def authenticate(self, body: Any) -> httpx2.Response:
        async with self.client() as client:
            return await client.post(TOKENS, json=body)

    async def token(self, body: Any) -> str:
        answer = await self.authenticate(body)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["X-Subject-Token"])

    async def login(
        self, name: str, password: str, scope: dict[str, Any] | str | None = None, domain: str = "default"
    ) -> str:
        return await self.token(by_password(name, password, domain=domain, scope=scope))

    @contextlib.asynccontextmanager
    async def as_admin(self, scope: dict[str, Any] | str | None = None) -> AsyncIterator["Caller"]:
        token = await self.login("admin", ADMIN, scope if scope is not None else project("admin"))
        async with self.client(token) as client:
            yield Caller(client)

    @contextlib.asynccontextmanager
    async def as_user(
        self, name: str, password: str, scope: dict[str, Any] | str | None = None, domain: str = "default"
    ) -> AsyncIterator["Caller"]:
        async with self.client(await self.login(name, password, scope, domain)) as client:
            yield Caller(client)


@dataclass
class Caller:
    """Requests below /identity/v3 that say what they expect."""

    http: httpx2.AsyncClient

    async def ask(self, method: str, path: str, expect: int, json: Any = None, **more: Any) -> Any:
        """The decoded answer (None without a body); the status must be `expect`."""
        answer = await self.http.request(method, f"/identity/v3{path}", json=json, **more)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def get(self, path: str, expect: int = 200, **more: Any) -> Any:
        return await self.ask("GET", path, expect, **more)

    async def post(self, path: str, json: Any, expect: int = 201, **more: Any) -> Any:
        return await self.ask("POST", path, expect, json, **more)

    async def patch(self, path: str, json: Any, expect: int = 200) -> Any:
        return await self.ask("PATCH", path, expect, json)

    async def put(self, path: str, expect: int = 204, json: Any = None) -> Any:
        return await self.ask("PUT", path, expect, json)

    async def head(self, path: str, expect: int = 204, **more: Any) -> Any:
        return await self.ask("HEAD", path, expect, **more)

    async def delete(self, path: str, expect: int = 204, **more: Any) -> Any:
        return await self.ask("DELETE", path, expect, **more)

    async def user(self, name: str, password: str = "secret", **more: Any) -> dict[str, Any]:
        made = await self.post("/users", {"user": {"name": name, "password": password, **more}})
        return dict(made["user"])

    async def project(self, name: str, **more: Any) -> dict[str, Any]:
        return dict((await self.post("/projects", {"project": {"name": name, **more}}))["project"])

    async def domain(self, name: str, **more: Any) -> dict[str, Any]:
        return dict((await self.post("/domains", {"domain": {"name": name, **more}}))["domain"])

    async def group(self, name: str, **more: Any) -> dict[str, Any]:
        return dict((await self.post("/groups", {"group": {"name": name, **more}}))["group"])

    async def role(self, name: str, **more: Any) -> dict[str, Any]:
        return dict((await self.post("/roles", {"role": {"name": name, **more}}))["role"])


def _build(url: str, settings: tuple[Group, ...]) -> tuple[Kit, Room]:
    db = Database(url)
    kit = Kit(db=db, wake=Wake(), settings=defaults(*settings), policy=Policy(()), quota=Quota(()))
    built = room.build(kit)
    kit.policy = Policy(built.policies)
    kit.authenticate = partial(service.authenticate, kit)
    return kit, built


def _begin(kit: Kit) -> BootstrapResult:
    kit.db.create_all()
    wanted = Bootstrap(public_endpoint=BASE, admin_password=ADMIN, demo_password=DEMO)
    return kit.db.run_now(service.bootstrap, kit, wanted)


@functools.cache
def _template() -> tuple[Path, BootstrapResult]:
    """A bootstrapped SQLite file to copy: hashing passwords for every test would take most of the tests' time."""
    folder = Path(tempfile.mkdtemp(prefix="unkai-identity-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "identity.db"
    kit, _ = _build(f"sqlite:///{file}", ())
    made = _begin(kit)
    kit.get(Identity).close()
    kit.db.close()
    return file, made


@contextlib.contextmanager
def identity_cloud(folder: Path, *settings: Group, url: str | None = None) -> Iterator[IdentityCloud]:
    """A bootstrapped identity room on a database of its own: an empty one at `url`, or a file in the folder.

    A file that is there already is used as it is: two clouds on one folder are two processes of one cloud.
    """
    if url is not None or settings:
        file = folder / "identity.db"
        kit, built = _build(url or f"sqlite:///{file}", settings)
        made = _begin(kit)
    else:
        template, made = _template()
        file = folder / "identity.db"
        if not file.exists():
            shutil.copy(template, file)
        kit, built = _build(f"sqlite:///{file}", ())
    cloud = IdentityCloud(kit, Application(kit, [built]), made)
    cloud.identity.seconds = cloud.seconds
    try:
        yield cloud
    finally:
        cloud.identity.close()
        kit.db.close()
