"""A hypervisor host for tests: OVN and libvirt of its own (`harness.host`), a control plane of its own, an agent."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyroute2 import netns

from harness.control_plane import ControlPlane
from harness.host import IMAGES, REPOSITORY, Host
from unkai.contracts.guest import FixedAddress, ImageRef, Interface, MetadataPort
from unkai.kernel.settings import Settings, load
from unkai.kernel.web.listener import unix
from unkai.node.ports import namespaces
from unkai.node.settings import Paths, paths

TINY = IMAGES / "tiny.qcow2"


@dataclass
class Network:
    """A network in OVN with DHCP and a metadata localport, as the control plane would make it."""

    host: Host
    network_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    metadata_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    number: int = 5

    def make(self) -> None:
        nb, switch, port = self.host.nb, self.network_id, self.metadata_id
        nb("ls-add", switch, "--", "set", "logical_switch", switch, "other_config:subnet=10.0.0.0/24")
        nb("lsp-add", switch, port, "--", "lsp-set-type", port, "localport")
        nb("lsp-set-addresses", port, "fa:16:3e:ff:ff:01 10.0.0.2")
        routes = '"classless_static_route"="{169.254.169.254/32,10.0.0.2, 0.0.0.0/0,10.0.0.1}"'
        server = '"server_id"="10.0.0.1" "server_mac"="fa:16:3e:ff:00:01" "lease_time"="43200" "router"="10.0.0.1"'
        self.dhcp = nb("create", "dhcp_options", "cidr=10.0.0.0/24", f'options={server} "mtu"="1442" {routes}')

    def card(self, **changes: Any) -> Interface:
        """A port of the network, known to OVN."""
        self.number += 1
        port_id = str(uuid.uuid4())
        mac, address = f"fa:16:3e:00:00:{self.number:02x}", f"10.0.0.{self.number}"
        nb = self.host.nb
        nb("lsp-add", self.network_id, port_id, "--", "lsp-set-addresses", port_id, f"{mac} {address}")
        nb("lsp-set-port-security", port_id, f"{mac} {address}", "--", "lsp-set-dhcpv4-options", port_id, self.dhcp)
        values: dict[str, Any] = {
            "port_id": port_id,
            "network_id": self.network_id,
            "mac": mac,
            "mtu": 1442,
            "addresses": [FixedAddress(address, 4, 24, str(uuid.uuid4()), gateway="10.0.0.1")],
            "metadata": MetadataPort(self.metadata_id, "fa:16:3e:ff:ff:01", ["10.0.0.2/24"]),
        }
        return Interface(**{**values, **changes})


@dataclass
class Node:
    """The agent's side of `host`. `state` is its state directory."""

    host: Host
    state: Path
    plane: ControlPlane
    agent: subprocess.Popen[bytes] | None = None
    networks: list[Network] = field(default_factory=list)

    def network(self) -> Network:
        made = Network(self.host)
        made.make()
        self.networks.append(made)
        return made

    @property
    def settings(self) -> Settings:
        return load([self.config], overrides={("DEFAULT", "state_path"): str(self.state)})

    @property
    def where(self) -> Paths:
        return paths(self.settings)

    @property
    def config(self) -> Path:
        return self.host.folder / "node.conf"

    @property
    def socket(self) -> Path:
        return self.host.folder / "node.sock"

    def configure(self, **default: object) -> None:
        self.config.write_text(
            "[DEFAULT]\nheal_seconds = 1\n"
            + "".join(f"{name} = {value}\n" for name, value in default.items())
            + f"[ovn]\novsdb_connection = {self.host.network.ovs}\n"
            f"[libvirt]\nconnection_uri = {self.host.hypervisor.uri}\nvirt_type = qemu\n"
        )

    def start_agent(self) -> None:
        assert self.agent is None
        log = open(self.host.folder / "agent.log", "ab")  # noqa: SIM115  the child's
        self.agent = subprocess.Popen(
            [sys.executable, "-m", "unkai.cli.main", "node", *self._arguments()],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()

    def _arguments(self) -> list[str]:
        return ["--config", str(self.config), "--state", str(self.state), "--socket", str(self.socket)]

    def end_agent(self, number: int = signal.SIGTERM) -> None:
        if self.agent is not None:
            self.agent.send_signal(number)
            self.agent.wait(30)
            self.agent = None

    def agent_log(self) -> str:
        return (self.host.folder / "agent.log").read_text(errors="replace")

    def image(self, path: Path = TINY, **changes: Any) -> ImageRef:
        """An image of the control plane's with the content of a file."""
        data = path.read_bytes()
        image_id = str(uuid.uuid4())
        self.plane.images[image_id] = ("open", data)
        values: dict[str, Any] = {
            "image_id": image_id,
            "disk_format": "qcow2",
            "container_format": "bare",
            "size": len(data),
            "hash_algo": "sha512",
            "hash_value": hashlib.sha512(data).hexdigest(),
            "capability": "open",
        }
        return ImageRef(**{**values, **changes})

    def console(self, server_id: str) -> str:
        log = self.where.guest(server_id) / "console.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def left_over(self) -> list[str]:
        """Whatever of any guest is still on this host."""
        found = [f"domain {domain.name()}" for domain in self.host.connect().listAllDomains()]
        links = json.loads(subprocess.check_output(["ip", "-json", "link"]))
        found += [f"link {link['ifname']}" for link in links if link["ifname"].startswith(("tap", "umeta"))]
        found += [
            f"port {name}" for name in self.host.vs("list-ports", "br-int").split() if name[:3] in ("tap", "ume")
        ]
        # Namespaces have names for the whole machine, where other clouds may have theirs.
        spaces = {namespaces.name(network.network_id) for network in self.networks}
        found += [f"namespace {name}" for name in spaces & set(netns.listnetns())]
        found += [f"folder {path.name}" for path in self.where.instances.iterdir() if path.name != "_base"]
        found += [f"unfinished {path.name}" for path in self.where.base.glob(".*")]
        found += [f"record {path.name}" for path in (self.state / "guests").glob("*")]
        return found


@contextlib.asynccontextmanager
async def node(host: Host, lease: float = 6.0) -> AsyncIterator[Node]:
    """A control plane on a unix socket and the agent's settings; no agent yet. Ends the agent and its proxy."""
    plane = ControlPlane(lease=lease, heartbeat=1.0)
    made = Node(host, host.folder / f"node-{uuid.uuid4().hex[:6]}", plane)
    made.configure()
    listener = unix(plane, made.socket)
    await listener.begin()
    try:
        yield made
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(made.end_agent)
        await asyncio.to_thread(_end_proxy, made)
        await listener.stop()


def _end_proxy(made: Node) -> None:
    from unkai.kernel import children
    from unkai.kernel.children import Child

    children.stop(Child("metadata-proxy", (), made.where.children))
