"""Virtual machines of the tests: made through openstacksdk, reached by SSH, gone afterwards."""

import contextlib
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from harness.clouds import wait_for

USER = "cirros"
BOOT_SECONDS = 300.0  # a guest without KVM on a busy machine; some ten seconds on an idle one


@dataclass(frozen=True)
class Key:
    name: str
    private: Path


@dataclass(frozen=True)
class Guest:
    server: Any
    address: str
    key: Key

    @property
    def id(self) -> str:
        return str(self.server.id)

    def ssh(self, command: str, seconds: float = 20.0) -> subprocess.CompletedProcess[str]:
        """Run a command in the guest; exit status 255 is ssh's own: no connection."""
        return ssh(self.address, self.key, command, seconds)

    def says(self, command: str) -> str:
        """What a command in the guest prints. AssertionError when it fails."""
        done = self.ssh(command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def wait_for_ssh(self, seconds: float = BOOT_SECONDS) -> None:
        wait_for(f"SSH to {self.address}", lambda: self.ssh("true").returncode == 0, seconds, pause=0.5)


def ssh(address: str, key: Key, command: str, seconds: float = 20.0) -> subprocess.CompletedProcess[str]:
    options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    options += ["ConnectTimeout=5", "IdentitiesOnly=yes"]
    flags = [part for option in options for part in ("-o", option)]
    try:
        return subprocess.run(
            ["ssh", *flags, "-i", str(key.private), f"{USER}@{address}", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess([], 255, "", f"no answer within {seconds} s")


@contextlib.contextmanager
def key_pair(cloud: Connection, folder: Path) -> Iterator[Key]:
    """A key of ssh-keygen's, imported."""
    name = f"key-{uuid.uuid4().hex[:8]}"
    private = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(private)], check=True)
    cloud.compute.create_keypair(name=name, public_key=private.with_suffix(".pub").read_text())
    try:
        yield Key(name, private)
    finally:
        cloud.compute.delete_keypair(name)


@contextlib.contextmanager
def security_group(cloud: Connection, *tcp_ports: int) -> Iterator[Any]:
    """A group that lets in these ports and ping."""
    group = cloud.network.create_security_group(name=f"group-{uuid.uuid4().hex[:8]}")
    try:
        for port in tcp_ports:
            allow_tcp(cloud, group, port)
        cloud.network.create_security_group_rule(
            security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="icmp"
        )
        yield group
    finally:
        cloud.network.delete_security_group(group)


def allow_tcp(cloud: Connection, group: Any, port: int) -> Any:
    return cloud.network.create_security_group_rule(
        security_group_id=group.id,
        direction="ingress",
        ethertype="IPv4",
        protocol="tcp",
        port_range_min=port,
        port_range_max=port,
    )


def request(cloud: Connection, **options: Any) -> dict[str, Any]:
    """What a server of the tests is made of; `options` replace or add."""
    wanted = {
        "name": f"test-{uuid.uuid4().hex[:8]}",
        "image_id": cloud.image.find_image("cirros", ignore_missing=False).id,
        "flavor_id": cloud.compute.find_flavor("m1.tiny", ignore_missing=False).id,
        "networks": [{"uuid": cloud.network.find_network("private", ignore_missing=False).id}],
    }
    return wanted | options


@contextlib.contextmanager
def server(cloud: Connection, **options: Any) -> Iterator[Any]:
    """A server that is ACTIVE; deleted, and waited for, on leaving."""
    made = cloud.compute.create_server(**request(cloud, **options))
    try:
        yield wait_until_active(cloud, made)
    finally:
        delete(cloud, made)


def wait_until_active(cloud: Connection, made: Any) -> Any:
    """The server once it is ACTIVE. AssertionError with its fault when it fails."""
    found = wait_for(
        f"{made.id} ACTIVE", lambda: (s := cloud.compute.get_server(made.id)).status in ("ACTIVE", "ERROR") and s, 240
    )
    assert found.status == "ACTIVE", found.fault
    return found


def delete(cloud: Connection, made: Any) -> None:
    cloud.compute.delete_server(made, ignore_missing=True)
    cloud.compute.wait_for_delete(made, wait=120)


@contextlib.contextmanager
def floating_ip(cloud: Connection, made: Any) -> Iterator[str]:
    """An address of the external network for the server's first port."""
    public = cloud.network.find_network("public", ignore_missing=False)
    port = next(iter(cloud.network.ports(device_id=made.id)))
    address = cloud.network.create_ip(floating_network_id=public.id, port_id=port.id)
    try:
        yield address.floating_ip_address
    finally:
        cloud.network.delete_ip(address)


@contextlib.contextmanager
def reachable(cloud: Connection, key: Key, group: Any, **options: Any) -> Iterator[Guest]:
    """A server with a floating IP that answers SSH."""
    with (
        server(cloud, key_name=key.name, security_groups=[{"name": group.name}], **options) as made,
        floating_ip(cloud, made) as address,
    ):
        guest = Guest(made, address, key)
        guest.wait_for_ssh()
        yield guest
