"""Assembles the rooms into one cloud: kit, public application, node channel, flows and background tasks.

Nothing here decides anything about a service; it only says who is built, in which
order, and who is given to whom. A process may serve some rooms only (`only`).
"""

import asyncio
import importlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from unkai import front
from unkai.kernel import log
from unkai.kernel.flow.engine import Engine
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy, read_overrides
from unkai.kernel.quota import Quota
from unkai.kernel.settings import Group, Settings, option
from unkai.kernel.store import Database
from unkai.kernel.wake import Wake
from unkai.kernel.web import Room
from unkai.kernel.web.app import Application

_log = log.get(__name__)

# Bottom up, as the rooms stand on each other (design: arrows point down only).
ROOMS = ("identity", "placement", "network", "nodes", "scheduler", "image", "compute")
_CHANNEL = "nodes"


class DatabaseOptions(Group, name="database"):
    connection: str = option("", "Database URL; empty is SQLite in state_path.", secret=True)


class CloudOptions(Group, name="DEFAULT"):
    state_path: Path = option(Path("/var/lib/unkai"), "Where this cloud keeps its state.")
    debug: bool = option(False, "Log everything.")
    log_json: bool = option(False, "Log lines as JSON.")


class PolicyOptions(Group, name="oslo_policy"):
    policy_file: str = option("policy.yaml", "Operators' policy, relative to the configuration file's folder.")


class ServeOptions(Group, name="unkai"):
    bind_host: str = option("127.0.0.1", "Address that the public APIs listen on.")
    bind_port: int = option(5000, "Port of the public APIs.")
    node_socket: str = option("", "Socket of the node channel; empty is run/node.sock in state_path.")


def database_url(settings: Settings) -> str:
    return settings[DatabaseOptions].connection or f"sqlite:///{settings[CloudOptions].state_path}/unkai.db"


def node_socket(settings: Settings) -> Path:
    return Path(settings[ServeOptions].node_socket or settings[CloudOptions].state_path / "run" / "node.sock")


def modules(only: Iterable[str] = ROOMS) -> list[Any]:
    """The rooms' modules: importing them makes their tables, settings, errors known."""
    return [importlib.import_module(f"unkai.{name}.room") for name in ROOMS if name in set(only)]


def open_database(settings: Settings, wake: Wake | None = None) -> Database:
    return Database(database_url(settings), ring=None if wake is None else wake.ring)


class Cloud:
    """One control-plane process. `public` and `channel` are ASGI applications; `run` drives flows and tasks."""

    def __init__(self, settings: Settings, db: Database, wake: Wake, only: Sequence[str], config_dir: Path) -> None:
        self.kit = Kit(db=db, wake=wake, settings=settings, policy=Policy(()), quota=Quota(()))
        self.rooms: list[Room] = [module.build(self.kit) for module in modules(only)]
        public = [room for room in self.rooms if room.name != _CHANNEL]
        door = front.build(public)
        self.rooms.append(door)
        overrides = read_overrides([config_dir / settings[PolicyOptions].policy_file])
        self.kit.policy = Policy((rule for room in self.rooms for rule in room.policies), overrides)
        self.kit.quota = Quota(resource for room in self.rooms for resource in room.quotas)
        self._introduce(only)
        self.public = Application(self.kit, [*public, door]).asgi
        self.channel = Application(self.kit, [room for room in self.rooms if room.name == _CHANNEL]).asgi
        self.engine = Engine(db, wake, [kind for room in self.rooms for kind in room.flows(self.kit)])

    def _introduce(self, only: Sequence[str]) -> None:
        """Give rooms what stands above them, which they may not import."""
        if "identity" in only:
            from unkai.identity import service as identity

            self.kit.authenticate = partial(identity.authenticate, self.kit)
        if "nodes" in only and "image" in only:
            from unkai.image import service as image
            from unkai.nodes import service as nodes

            nodes.register_images(self.kit, partial(image.read_blob, self.kit))

    async def run(self) -> None:
        """Drive flows and the rooms' background tasks until cancelled. A task that fails ends the process: it is
        restarted whole, and nobody finds a control plane that only looks alive."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.engine.run())
            for room in self.rooms:
                for task in room.background:
                    tasks.create_task(_forever(room.name, task(self.kit)))


async def _forever(name: str, task: Any) -> None:
    await task
    raise RuntimeError(f"a background task of room {name} ended")


def build(settings: Settings, *, only: Sequence[str] = ROOMS, config_dir: Path = Path("/etc/unkai")) -> Cloud:
    """Needs the tables to exist, and a running event loop for the bells. Raises PolicyError."""
    wake = Wake()
    return Cloud(settings, open_database(settings, wake), wake, only, config_dir)
