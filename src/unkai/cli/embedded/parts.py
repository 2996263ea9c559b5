"""The processes of an embedded cloud, in the order they stand on each other.

`start` is safe to repeat: what runs is adopted. So the command starts everything
where the user sees what goes wrong, and the supervisor then takes over watching.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from unkai.cli.embedded import libvirt, ovn, probe
from unkai.cli.embedded.beginning import Beginning
from unkai.cli.embedded.credentials import Credentials
from unkai.cli.embedded.place import CONTROL_USER, PHYSICAL_NETWORK, Place
from unkai.cli.embedded.tools import HostError
from unkai.kernel import children
from unkai.kernel.children import Child, Status, Supervisor

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Running:
    """What came up: connection strings for the configuration."""

    ovn: ovn.Endpoints
    libvirt: libvirt.Endpoints
    virt_type: str


def start_host(place: Place, supervisor: Supervisor, say: Say) -> Running:
    """OVN, libvirt and what kind of guests the machine can run. Raises HostError, ChildError."""
    make_user(CONTROL_USER)
    make_folders(place)
    say("network: Open vSwitch and OVN")
    network = ovn.start(place.ovn(), supervisor)
    say("hypervisor: libvirt")
    hypervisor = libvirt.start(place.libvirt(network.environment), supervisor)
    verdict = probe.verdict(place.directory, hypervisor.user)
    say(f"guests: virt_type {verdict.virt_type} ({verdict.reason}); datapath {network.datapath}")
    return Running(network, hypervisor, verdict.virt_type)


def write_config(place: Place, running: Running) -> None:
    """The configuration both sides read, written anew at each start; the operator's own is in the drop-ins."""
    place.config.write_text(
        "# Written by `unkai up`; put your own options into unkai.conf.d/*.conf beside it.\n"
        "[DEFAULT]\n"
        "resume_guests_state_on_host_boot = true\n"
        "[unkai]\n"
        f"bind_port = {place.port}\n"
        f"node_socket = {place.node_socket}\n"
        "[ovn]\n"
        f"ovn_nb_connection = {running.ovn.northbound}\n"
        f"ovsdb_connection = {running.ovn.ovs}\n"
        f"integration_bridge = {running.ovn.integration_bridge}\n"
        "[libvirt]\n"
        f"connection_uri = {running.libvirt.uri}\n"
        f"virt_type = {running.virt_type}\n",
        encoding="utf-8",
    )
    place.config.chmod(0o644)
    drop_ins(place).mkdir(exist_ok=True)


def drop_ins(place: Place) -> Path:
    return place.directory / "unkai.conf.d"


def bootstrap(place: Place, credentials: Credentials) -> None:
    """Schema and first rows, done by the control plane's own user. Raises HostError with what it printed."""
    first, last = place.floating_range
    wanted = Beginning(
        admin_password=credentials.admin_password,
        demo_password=credentials.demo_password,
        endpoint=place.endpoint,
        physical_network=PHYSICAL_NETWORK,
        external_cidr=str(place.external.interfaces[0].network),
        external_gateway=str(place.external.interfaces[0].ip),
        external_first=first,
        external_last=last,
    )
    account = pwd.getpwnam(CONTROL_USER)
    done = subprocess.run(
        [*_unkai(), "db", "bootstrap", *_config(place, "control")],
        input=msgspec.json.encode(wanted),
        capture_output=True,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        cwd=place.control,
        env=_environment(),
        check=False,
    )
    if done.returncode != 0:
        raise HostError(f"the database could not be prepared:\n{done.stderr.decode(errors='replace')[-4000:]}")


def control_plane(place: Place) -> Child:
    return Child(
        name="control-plane",
        argv=(*_unkai(), "serve", *_config(place, "control")),
        directory=place.children,
        env=_environment(),
        user=CONTROL_USER,
        group=CONTROL_USER,
        open_files=65536,
        ready=place.node_socket,
        ready_timeout=60.0,
        stop_timeout=20.0,
    )


def agent(place: Place) -> Child:
    return Child(
        name="agent",
        argv=(*_unkai(), "node", *_config(place, "node"), "--socket", str(place.node_socket)),
        directory=place.children,
        env=_environment(),
        open_files=65536,
        stop_timeout=20.0,
    )


def start_cloud(place: Place, supervisor: Supervisor, say: Say) -> None:
    """Control plane and agent. Raises ChildError."""
    say("control plane")
    supervisor.run(control_plane(place))
    say("agent")
    supervisor.run(agent(place))


def supervisor_child(place: Place) -> Child:
    return Child(
        name="supervisor",
        argv=(*_unkai(), "supervise", "--directory", str(place.directory), "--port", str(place.port)),
        directory=place.children,
        env=_environment(),
        stop_timeout=60.0,
    )


def status(place: Place) -> list[Status]:
    """One row for each process of the cloud."""
    network = ovn.status(place.ovn())
    hypervisor = libvirt.status(place.libvirt({}))
    ours = [children.status(child) for child in (control_plane(place), agent(place), supervisor_child(place))]
    return [*ours, *network, *hypervisor]


def stop(place: Place, say: Say) -> None:
    """End everything that runs, guests' network last. Whoever supervises must have let go."""
    say("control plane and agent")
    children.stop(agent(place))
    for record in (place.node / "children").glob("*.pid"):
        # What the agent started and left running (the metadata proxy): known by its record alone.
        children.stop(Child(name=record.stem, argv=("true",), directory=record.parent))
    children.stop(control_plane(place))
    say("hypervisor: libvirt")
    libvirt.stop(place.libvirt({}))
    say("network: OVN and Open vSwitch")
    ovn.stop(place.ovn())


def make_user(name: str) -> None:
    """The unprivileged user the control plane runs as. Raises HostError."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
        if program is None:
            raise HostError("useradd is missing: install the package passwd") from None
        subprocess.run(
            [program, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
             "--shell", "/usr/sbin/nologin", name],
            check=True, capture_output=True,
        )  # fmt: skip


def make_folders(place: Place) -> None:
    account = pwd.getpwnam(CONTROL_USER)
    for folder, mode in ((place.directory, 0o755), (place.children, 0o700), (place.node, 0o711)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    for folder in (place.control, place.control / "run"):
        folder.mkdir(exist_ok=True)
        os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o700)


def _unkai() -> tuple[str, ...]:
    return (sys.executable, "-m", "unkai.cli.main")


def _config(place: Place, side: str) -> tuple[str, ...]:
    """Both sides read the same options but keep their state apart: the host's is not the control plane's to read."""
    return ("--config", str(place.config), "--config", str(drop_ins(place)), "--state", str(place.directory / side))


def _environment() -> dict[str, str]:
    """What a child needs to find this very Unkai: the same interpreter's path, nothing else of the caller's."""
    return {"PYTHONPATH": os.environ.get("PYTHONPATH", "") or str(Path(__file__).resolve().parents[3])}
