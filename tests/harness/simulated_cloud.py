"""A whole cloud in one process, with simulated hosts: what a test of several rooms talks to over HTTP.

async with simulated_cloud(tmp_path, hosts=2) as cloud:
    await cloud.call("GET", "/compute/v2.1/servers")
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from unkai import cloud
from unkai.compute.service import seed_flavors
from unkai.contracts.guest import Guest, GuestData, PowerState
from unkai.identity import service as identity
from unkai.kernel import settings
from unkai.kernel.settings import Group
from unkai.kernel.store import Tx
from unkai.node import main as agents
from unkai.node.agent import Agent
from unkai.node.channel import Channel
from unkai.node.journal import Journal
from unkai.node.simulated.driver import SimulatedDriver
from unkai.node.simulated.faults import Faults, Rule
from unkai.node.simulated.hosts import Machine, fleet
from unkai.node.simulated.settings import Simulated
from unkai.nodes.service import InProcessPeer

BASE = "http://cloud.example"
IMAGE = b"\0" * 65536


class Answer:
    """Status, headers and the decoded body of an answer."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.text = response.text
        self.body: Any = response.json() if response.content and "json" in response.headers["content-type"] else None

    @property
    def fault(self) -> tuple[str, str]:
        """Name and message of Compute's error body."""
        assert self.status >= 400, self.text
        name, content = next(iter(self.body.items()))
        return name, content["message"]


class SimulatedCloud:
    """`tokens` are by user name; `hosts` the machines; `faults` what they shall do wrong."""

    def __init__(self, house: cloud.Cloud, machines: Sequence[Machine]) -> None:
        self.house = house
        self.machines = machines
        self.faults = Faults(None)
        settings = house.kit.settings[Simulated]
        self.drivers = [SimulatedDriver(machine, settings, self.faults) for machine in machines]
        self.tokens: dict[str, str] = {}
        self.projects: dict[str, str] = {}
        self.image = ""
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(house.public), base_url=BASE)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = "admin",
        version: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if user is not None:
            sent["X-Auth-Token"] = self.tokens[user]
        if version is not None:
            sent["OpenStack-API-Version"] = f"compute {version}"
        response = await self._client.request(method, path, json=body, headers=sent, content=content)
        return Answer(response)

    async def compute(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.call(method, f"/compute/v2.1{path}", body, **more)

    async def until(self, condition: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Wait for an awaitable condition to give something true, and return it."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found = await condition()
            if found:
                return found
            assert asyncio.get_running_loop().time() < deadline, "it did not become true in time"
            await asyncio.sleep(0.02)

    async def server(self, server_id: str, user: str = "admin", version: str = "2.104") -> dict[str, Any]:
        answer = await self.compute("GET", f"/servers/{server_id}", user=user, version=version)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.body["server"]
        return found

    async def settled(self, server_id: str, status: str, seconds: float = 20.0) -> dict[str, Any]:
        """The server once nothing is being done to it and it has this status."""

        async def look() -> dict[str, Any] | None:
            found = await self.server(server_id)
            if found["status"] == "ERROR" and status != "ERROR":
                raise AssertionError(f"server in ERROR: {found.get('fault')}")
            return found if found["status"] == status and found["OS-EXT-STS:task_state"] is None else None

        found: dict[str, Any] = await self.until(look, seconds)
        return found

    async def gone(self, server_id: str, seconds: float = 20.0) -> None:
        async def look() -> bool:
            return (await self.compute("GET", f"/servers/{server_id}")).status == 404

        await self.until(look, seconds)

    async def forget(self) -> None:
        """Every server is deleted."""
        found = (await self.compute("GET", "/servers?all_tenants=1")).body["servers"]
        for server in found:
            await self.compute("POST", f"/servers/{server['id']}/action", {"unlock": None})
            await self.compute("DELETE", f"/servers/{server['id']}")
        for server in found:
            await self.gone(server["id"])

    async def boot(self, user: str = "demo", **fields: Any) -> dict[str, Any]:
        """A running server."""
        body = {"name": "one", "flavorRef": "1", "imageRef": self.image, "networks": "none", **fields}
        answer = await self.compute("POST", "/servers", {"server": body}, user=user, version="2.100")
        assert answer.status == 202, answer.text
        return await self.settled(answer.body["server"]["id"], "ACTIVE")

    def guest(self, server_id: str) -> Guest:
        """What the host that holds the server was told about it."""
        return self._held(server_id).guest

    def guest_data(self, server_id: str) -> GuestData:
        """What the guest can read of itself now."""
        return self._held(server_id).data

    def happen(self, server_id: str, power: PowerState) -> None:
        """The guest's power changes by itself."""
        self._holder(server_id).happen(server_id, power)

    def holders(self, server_id: str) -> list[str]:
        """Names of the hosts that have the guest: one, unless something is wrong."""
        pairs = zip(self.machines, self.drivers, strict=True)
        return [machine.name for machine, driver in pairs if server_id in driver._guests]

    def power(self, server_id: str) -> PowerState:
        """What the guest's power really is."""
        found: PowerState = self._held(server_id).power
        return found

    def _holder(self, server_id: str) -> SimulatedDriver:
        return next(driver for driver in self.drivers if server_id in driver._guests)

    def _held(self, server_id: str) -> Any:
        return self._holder(server_id)._guests[server_id]

    async def close(self) -> None:
        await self._client.aclose()


def _bootstrap(tx: Tx, house: cloud.Cloud) -> identity.BootstrapResult:
    seed_flavors(tx)
    wanted = identity.Bootstrap(admin_password="secret", demo_password="secret", public_endpoint=BASE)
    return identity.bootstrap(tx, house.kit, wanted)


async def _token(running: SimulatedCloud, name: str, project: str) -> str:
    user = {"name": name, "domain": {"id": "default"}, "password": "secret"}
    scope = {"project": {"name": project, "domain": {"id": "default"}}}
    methods = {"methods": ["password"], "password": {"user": user}}
    answer = await running.call(
        "POST", "/identity/v3/auth/tokens", {"auth": {"identity": methods, "scope": scope}}, user=None
    )
    assert answer.status == 201, answer.text
    running.projects[project] = answer.body["token"]["project"]["id"]
    return str(answer.headers["X-Subject-Token"])


async def _image(running: SimulatedCloud) -> str:
    body = {"name": "cirros", "disk_format": "raw", "container_format": "bare", "visibility": "public"}
    made = await running.call("POST", "/image/v2/images", body)
    assert made.status == 201, made.text
    stored = await running.call(
        "PUT",
        f"/image/v2/images/{made.body['id']}/file",
        content=IMAGE,
        headers={"Content-Type": "application/octet-stream"},
    )
    assert stored.status == 204, stored.text
    return str(made.body["id"])


@contextlib.asynccontextmanager
async def simulated_cloud(
    folder: Path, *, hosts: int = 1, options: Sequence[Group] = ()
) -> AsyncIterator[SimulatedCloud]:
    """A cloud with users admin and demo, an image and `hosts` simulated hosts, which are up when this yields."""
    cloud.modules()
    chosen = settings.defaults(cloud.CloudOptions(state_path=folder), *options)
    database = cloud.open_database(chosen)
    database.create_all()
    database.close()
    house = cloud.build(chosen, config_dir=folder)
    running = SimulatedCloud(house, fleet(hosts))

    def connect(host: str) -> httpx2.AsyncClient:
        peer = InProcessPeer(host)

        async def with_peer(scope: Any, receive: Any, send: Any) -> None:
            scope["unkai.peer"] = peer
            await house.channel(scope, receive, send)

        return httpx2.AsyncClient(transport=httpx2.ASGITransport(with_peer), base_url="http://control-plane")

    house.kit.db.run_now(_bootstrap, house)
    work = [asyncio.create_task(house.run())]
    for machine, driver in zip(running.machines, running.drivers, strict=True):
        channel = Channel(connect(machine.name), machine.name)
        agent = Agent(driver, channel, Journal(None), agents.options(chosen, None))
        work.append(asyncio.create_task(agent.run()))
    try:
        running.tokens["admin"] = await _token(running, "admin", "admin")
        running.tokens["demo"] = await _token(running, "demo", "demo")
        running.image = await _image(running)

        async def all_up() -> bool:
            answer = await running.compute("GET", "/os-services")
            return [one["state"] for one in answer.body["services"]] == ["up"] * hosts

        await running.until(all_up)
        yield running
    finally:
        await running.close()
        for task in work:
            task.cancel()
        ended = await asyncio.gather(*work, return_exceptions=True)
        house.kit.db.close()
        for error in ended:
            if isinstance(error, Exception):
                raise error


__all__ = ["Rule", "SimulatedCloud", "simulated_cloud"]
