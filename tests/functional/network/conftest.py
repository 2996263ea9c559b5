"""Real OVN daemons under a scratch folder, in a network namespace of their own, and network namespaces as guests."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pyroute2 import netns

from harness.host import call, until
from unit.network import world
from unit.network.world import World
from unkai.cli.embedded import ovn
from unkai.cli.embedded.external import GUEST_LINK_GROUP
from unkai.kernel.children import Supervisor
from unkai.network.model import Port
from unkai.network.ovn.database import OvnNorth
from unkai.network.settings import OvnOptions, WriterOptions
from unkai.network.wiring import Wiring, sync_now

T = TypeVar("T")
CHASSIS = "host1"
_CLIENT = Path(__file__).with_name("dhcp_client.py")


@dataclass
class Guest:
    """A network namespace with one interface, plugged for a port."""

    name: str
    port: Port

    def run(self, *argv: str, check: bool = True) -> str:
        return call("nsenter", f"--net=/run/netns/{self.name}", *argv, check=check)

    def reaches(self, address: str, seconds: int = 2) -> bool:
        command = ["nsenter", f"--net=/run/netns/{self.name}", "ping", "-c", "1", "-W", str(seconds), address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def dhcp(self) -> dict[str, Any] | None:
        """What DHCP offers, or None."""
        said = self.run(sys.executable, str(_CLIENT), "eth0", check=False)
        return json.loads(said) if said else None

    def configure(self) -> dict[str, Any]:
        """Take what DHCP offers."""
        offer = until("an offer", self.dhcp, 30)
        bits = sum(bin(int(octet)).count("1") for octet in offer["netmask"].split("."))
        self.run("ip", "address", "replace", f"{offer['address']}/{bits}", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "mtu", str(offer["mtu"]))
        for route in offer["routes"] or ([f"0.0.0.0/0 via {offer['router']}"] if offer["router"] else []):
            destination, _, hop = route.partition(" via ")
            self.run("ip", "route", "replace", destination, "via", hop)
        return offer

    @contextlib.contextmanager
    def serving(self, port: int, address: str = "0.0.0.0") -> Iterator[None]:
        command = ["nsenter", f"--net=/run/netns/{self.name}", sys.executable, "-m", "http.server"]
        server = subprocess.Popen(
            [*command, "--bind", address, str(port)], cwd="/run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until("the service", lambda: self.run("ss", "-Hltn", f"sport = {port}"), 20)
            yield
        finally:
            server.kill()
            server.wait()

    def gets(self, address: str, port: int, seconds: float = 1.0) -> bool:
        command = ["nsenter", f"--net=/run/netns/{self.name}", "curl", "-s", "-o", "/dev/null", "-m", str(seconds)]
        return subprocess.run([*command, f"http://{address}:{port}/"], check=False).returncode == 0


@dataclass
class Wired:
    """A network room whose writer runs, and the OVN it writes to."""

    cloud: World
    options: ovn.Options
    network: ovn.Endpoints
    tag: str
    background: "Background"
    guests: list[Guest] = field(default_factory=list)

    def nb(self, *arguments: str) -> str:
        return call("ovn-nbctl", "--no-leader-only", f"--db={self.network.northbound}", *arguments).strip()

    def vs(self, *arguments: str) -> str:
        return call("ovs-vsctl", f"--db={self.network.ovs}", "--timeout=10", *arguments).strip()

    def settle(self) -> None:
        """Everything written, and carried out by the chassis."""
        assert self.background.do(sync_now(self.cloud.kit))
        self.nb("--wait=hv", "--timeout=30", "sync")

    def plug(self, port: Port, interface: str = "eth0") -> Guest:
        """Make a guest for a port and wait until the network carries it."""
        number = len(self.guests)
        guest = Guest(f"{self.tag}-g{number}", port)
        self.guests.append(guest)
        outside = f"t{self.tag}{number}"
        call("ip", "netns", "add", guest.name)
        call("ip", "link", "add", outside, "type", "veth", "peer", "name", interface, "netns", guest.name)
        # A frame with a half-made checksum would enter the userspace datapath as it is, and be dropped as invalid.
        call("ethtool", "-K", outside, "tx", "off")
        guest.run("ethtool", "-K", interface, "tx", "off")
        call("ip", "link", "set", outside, "group", str(GUEST_LINK_GROUP), "up")
        guest.run("ip", "link", "set", "lo", "up")
        guest.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.accept_ra=2")
        guest.run("ip", "link", "set", interface, "address", port.mac_address, "up")
        self.vs("add-port", "br-int", outside, "--", "set", "Interface", outside, f"external_ids:iface-id={port.id}")
        return guest

    def unplug(self, guest: Guest) -> None:
        outside = f"t{self.tag}{self.guests.index(guest)}"
        self.vs("--if-exists", "del-port", outside)
        call("ip", "netns", "del", guest.name)
        call("ip", "link", "del", outside, check=False)


class Background:
    """The room's background task on a loop of its own, as the control-plane process runs it."""

    def __init__(self, cloud: World) -> None:
        self._cloud = cloud
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._cloud.kit.get(Wiring).run(self._cloud.kit))
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the same loop, as a handler of that process would."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def wired() -> Iterator[Wired]:
    tag = uuid.uuid4().hex[:6]
    folder = Path(tempfile.mkdtemp(prefix="unkai-net-", dir="/tmp"))
    folder.chmod(0o711)
    name = f"{tag}-host"
    netns.create(name)
    netns.pushns(name)
    options = ovn.Options(folder / "ovn", CHASSIS, group=None)
    supervisor = Supervisor()
    background = None
    made = None
    try:
        call("ip", "link", "set", "lo", "up")
        network = ovn.start(options, supervisor)
        cloud = world.make(
            folder,
            OvnOptions(ovn_nb_connection=network.northbound, ovsdb_connection_timeout=20),
            WriterOptions(gateway_chassis=[CHASSIS], reconcile_interval=0.0),
        )
        cloud.kit.put(Wiring, Wiring(OvnNorth(network.northbound, 20)))
        background = Background(cloud)
        until("the writer", cloud.kit.get(Wiring).north.ready, 20)
        made = Wired(cloud, options, network, tag, background)
        yield made
    finally:
        for guest in made.guests if made is not None else []:
            call("ip", "netns", "del", guest.name, check=False)
        if background is not None:
            background.stop()
        supervisor.release()
        ovn.stop(options)
        netns.popns()
        netns.remove(name)
        shutil.rmtree(folder)
