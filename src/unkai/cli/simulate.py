"""Simulated clouds: a control plane and any number of hosts without hypervisors in one process, for anybody.

What users see is the whole API; what is missing is guests that compute. Good for
trying clients and tools, for the CI of other projects, and for tests of scale.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from unkai.cli.embedded import credentials
from unkai.cli.embedded.beginning import Beginning, begin
from unkai.cli.embedded.place import PHYSICAL_NETWORK, SIMULATED, Place
from unkai.cloud import Cloud
from unkai.kernel import children
from unkai.kernel.children import Child
from unkai.kernel.settings import Settings
from unkai.nodes.service import InProcessPeer

_IMAGE = b"\0" * (1 << 20)


async def run_hosts(house: Cloud, settings: Settings, count: int) -> None:
    """The agents of `count` simulated hosts, until cancelled. Their channel is a function call, same protocol."""
    from unkai.node import main

    def connect(host: str) -> httpx2.AsyncClient:
        peer = InProcessPeer(host)

        async def with_peer(scope: Any, receive: Any, send: Any) -> None:
            scope["unkai.peer"] = peer
            await house.channel(scope, receive, send)

        return httpx2.AsyncClient(transport=httpx2.ASGITransport(with_peer), base_url="http://control-plane")

    await main.run_simulated(settings, connect, count)


def process(place: Place, count: int) -> Child:
    """The one process of a simulated cloud."""
    return Child(
        name=SIMULATED,
        argv=(sys.executable, "-m", "unkai.cli.main", "serve", *_arguments(place), "--simulate", str(count)),
        directory=place.children,
        env={"PYTHONPATH": os.environ.get("PYTHONPATH", "") or str(Path(__file__).resolve().parents[2])},
        ready=place.node_socket,
        ready_timeout=60.0,
    )


def start(place: Place, count: int, say: Callable[[str], None]) -> None:
    """Prepare the database and start the process, or find it running. Raises ChildError."""
    from unkai.cli.config import load
    from unkai.cli.embedded.api import Api

    child = process(place, count)
    if children.adopt(child) is not None:
        say("the simulated cloud runs already")
        return
    for folder in (place.control / "run", place.children):
        folder.mkdir(parents=True, exist_ok=True)
    place.config.write_text(
        f"[unkai]\nbind_port = {place.port}\nnode_socket = {place.node_socket}\n", encoding="utf-8"
    )
    secrets = credentials.ensure(place.directory / "credentials.json")
    first, last = place.floating_range
    external = place.external.interfaces[0]
    wanted = Beginning(
        admin_password=secrets.admin_password,
        demo_password=secrets.demo_password,
        endpoint=place.endpoint,
        physical_network=PHYSICAL_NETWORK,
        external_cidr=str(external.network),
        external_gateway=str(external.ip),
        external_first=first,
        external_last=last,
    )
    from unkai import cloud

    cloud.modules()
    begin(load([place.config], place.control), place.directory, wanted)
    children.start(child)
    say(f"{count} simulated host(s)")
    with Api.of(place) as api:
        api.ensure_image("cirros", _image(place), "raw")


def _image(place: Place) -> Path:
    """An image that every simulated host can boot: its content is never looked at by a processor."""
    path = place.directory / "cirros.raw"
    if not path.exists():
        path.write_bytes(_IMAGE)
    return path


def _arguments(place: Place) -> tuple[str, ...]:
    return ("--config", str(place.config), "--state", str(place.control))
