"""Placement over HTTP, with tokens that are names of roles."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from unkai.kernel.context import Context
from unkai.kernel.errors import Unauthorized
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy
from unkai.kernel.quota import Quota
from unkai.kernel.settings import Group, defaults
from unkai.kernel.store import Database
from unkai.kernel.wake import Wake
from unkai.kernel.web.app import Application
from unkai.placement import room

PROJECT = "0123456789abcdef0123456789abcdef"


def uid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


async def authenticate(token: str) -> Context:
    if token == "system":
        return Context(user_id="u", system_scope="all", roles=("admin", "member", "reader"))
    roles = {"admin": ("admin", "member", "reader"), "service": ("service",), "reader": ("reader",)}.get(token)
    if roles is None:
        raise Unauthorized
    return Context(user_id="u", project_id=PROJECT, roles=roles)


class Client:
    """Requests with a token and a microversion; paths below /placement."""

    def __init__(self, http: httpx2.AsyncClient, kit: Kit) -> None:
        self._http = http
        self.kit = kit

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = "1.39",
        token: str | None = "admin",
        **headers: str,
    ) -> httpx2.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if version is not None:
            sent["OpenStack-API-Version"] = f"placement {version}"
        if token is not None:
            sent["X-Auth-Token"] = token
        if isinstance(body, bytes):
            sent.setdefault("Content-Type", "application/json")
            return await self._http.request(method, "/placement" + path, content=body, headers=sent)
        return await self._http.request(method, "/placement" + path, json=body, headers=sent)

    async def provide(self, name: str, inventories: dict[str, Any], parent: str | None = None, **more: Any) -> str:
        """A provider with inventories (totals or fields), traits and aggregates."""
        made = await self(
            "POST", "/resource_providers", {"name": name, "uuid": uid(name), "parent_provider_uuid": parent}
        )
        assert made.status_code == 200, made.text
        path, generation = f"/resource_providers/{uid(name)}", 0
        fields = {key: {"total": one} if isinstance(one, int) else one for key, one in inventories.items()}
        for part, content in (
            ("inventories", fields),
            ("traits", more.get("traits")),
            ("aggregates", more.get("aggregates")),
        ):
            if content:
                done = await self("PUT", f"{path}/{part}", {part: content, "resource_provider_generation": generation})
                assert done.status_code == 200, done.text
                generation = done.json()["resource_provider_generation"]
        return uid(name)


@asynccontextmanager
async def placement(folder: Path, *overrides: Group) -> AsyncIterator[Client]:
    db = Database(f"sqlite:///{folder}/unkai.db")
    db.create_all()
    kit = Kit(db=db, wake=Wake(), settings=defaults(*overrides), policy=Policy([]), quota=Quota([]))
    kit.authenticate = authenticate
    built = room.build(kit)
    kit.policy = Policy(built.policies)
    app = Application(kit, [built]).asgi
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://cloud") as http:
        yield Client(http, kit)
    db.close()
