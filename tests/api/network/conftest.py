"""The network room over HTTP, in process: tokens are the names of people."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from unkai.kernel import settings
from unkai.kernel.context import Context
from unkai.kernel.errors import Unauthorized
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy
from unkai.kernel.quota import Quota
from unkai.kernel.store import Database
from unkai.kernel.wake import Wake
from unkai.kernel.web.app import Application
from unkai.network import room

PEOPLE = {
    "admin": Context(user_id="u-admin", project_id="p-admin", roles=("admin", "manager", "member", "reader")),
    "alice": Context(user_id="u-alice", project_id="p-alice", roles=("member", "reader")),
    "bob": Context(user_id="u-bob", project_id="p-bob", roles=("member", "reader")),
    "reader": Context(user_id="u-reader", project_id="p-alice", roles=("reader",)),
}


class Api:
    """Requests as somebody; `ok` insists on a status and gives the body."""

    def __init__(self, kit: Kit, client: httpx2.AsyncClient) -> None:
        self.kit = kit
        self.client = client

    async def ask(self, who: str, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        headers = {"X-Auth-Token": who, **more.pop("headers", {})}
        return await self.client.request(method, f"/network/v2.0{path}", json=body, headers=headers, **more)

    async def ok(self, who: str, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        answer = await self.ask(who, method, path, body, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def make(self, who: str, kind: str, path: str = "", **values: Any) -> dict[str, Any]:
        path = path or f"/{kind.replace('_', '-')}s"
        found: dict[str, Any] = (await self.ok(who, "POST", path, {kind: values}, 201))[kind]
        return found

    async def refused(
        self, who: str, method: str, path: str, body: Any, status: int, kind: str, part: str = ""
    ) -> None:
        """The request is refused with this status and upstream's exception type."""
        answer = await self.ask(who, method, path, body)
        assert answer.status_code == status, answer.text
        error = answer.json()["NeutronError"]
        assert error["type"] == kind, error
        assert part in error["message"], error
        assert error["detail"] == ""


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    options = settings.defaults()
    wake = Wake()
    database = Database(f"sqlite:///{tmp_path}/network.db", ring=wake.ring)
    database.create_all()
    kit = Kit(db=database, wake=wake, settings=options, policy=Policy(()), quota=Quota(()))
    made = room.build(kit)
    kit.policy = Policy(made.policies)
    kit.quota = Quota(made.quotas)

    async def authenticate(token: str) -> Context:
        if token not in PEOPLE:
            raise Unauthorized
        return PEOPLE[token]

    kit.authenticate = authenticate
    transport = httpx2.ASGITransport(app=Application(kit, [made]).asgi)
    async with httpx2.AsyncClient(transport=transport, base_url="http://cloud") as client:
        yield Api(kit, client)
    database.close()
