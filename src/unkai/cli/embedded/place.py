"""Where everything of an embedded cloud lies, and the configuration file it is given.

unkai.conf         written once, then the operator's
credentials.json   the generated passwords, for root only
control/           the control plane's own: database, images, sockets (user `unkai`)
node/              the agent's: instances and their base images (root)
ovn/, libvirt/     the daemons' own
children/          records, locks and logs of the processes
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from unkai.cli.embedded import libvirt, ovn
from unkai.cli.embedded.external import External

CONTROL_USER = "unkai"
SIMULATED = "simulated-cloud"
PHYSICAL_NETWORK = "public"


def default_directory() -> Path:
    """Root's cloud lies under /var/lib, anybody else's under the user's own data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/unkai/cloud")
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "unkai" / "cloud"


@dataclass(frozen=True, slots=True)
class Place:
    """`directory` is the whole cloud's; `port` the public APIs'."""

    directory: Path
    port: int = 5000

    @property
    def config(self) -> Path:
        return self.directory / "unkai.conf"

    @property
    def control(self) -> Path:
        return self.directory / "control"

    @property
    def node(self) -> Path:
        return self.directory / "node"

    @property
    def children(self) -> Path:
        return self.directory / "children"

    @property
    def node_socket(self) -> Path:
        return self.control / "run" / "node.sock"

    @property
    def simulated(self) -> bool:
        """Whether the cloud that lies here has simulated hosts only (then it is one process)."""
        return (self.children / f"{SIMULATED}.pid").exists()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def external(self) -> External:
        return External()

    @property
    def floating_range(self) -> tuple[str, str]:
        """First and last address of the external network that routers and floating IPs may take."""
        network = self.external.interfaces[0].network
        last = network.num_addresses - 1
        return str(network[min(10, last // 4)]), str(network[last - min(5, last // 4)])

    def ovn(self) -> ovn.Options:
        return ovn.Options(
            directory=self.directory / "ovn",
            host=socket.gethostname(),
            group=CONTROL_USER,
            external=self.external,
            physical_network=PHYSICAL_NETWORK,
        )

    def libvirt(self, environment: dict[str, str]) -> libvirt.Options:
        return libvirt.Options(directory=self.directory / "libvirt", environment=environment)
