"""Servers as a control plane would describe them to a host."""

import uuid
from typing import Any

from unkai.contracts.guest import (
    Disk,
    FixedAddress,
    Guest,
    GuestData,
    Hardware,
    ImageRef,
    Interface,
    MetadataPort,
    PublicKey,
)

GIB = 1 << 30
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0000000000000000000000000000000000000000000 user@example"


def image(image_id: str | None = None, **changes: Any) -> ImageRef:
    values: dict[str, Any] = {
        "image_id": image_id or str(uuid.uuid4()),
        "disk_format": "qcow2",
        "container_format": "bare",
        "size": 20_000_000,
        "hash_algo": "sha512",
        "hash_value": "0" * 128,
        "capability": "secret",
    }
    return ImageRef(**{**values, **changes})


def guest(server_id: str | None = None, **changes: Any) -> Guest:
    server_id = server_id or str(uuid.uuid4())
    values: dict[str, Any] = {
        "server_id": server_id,
        "name": f"instance-{server_id[:8]}",
        "display_name": "web",
        "project_id": "5d1f3a7b9c2e4f60a1b2c3d4e5f60718",
        "project_name": "demo",
        "user_id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "user_name": "alice",
        "flavor_name": "m1.tiny",
        "vcpus": 1,
        "memory_mb": 256,
        "disks": [Disk("root", "vda", "virtio", GIB, image=image(), boot_index=0)],
        "interfaces": [],
        "hardware": Hardware(),
        "created": "2026-01-02T03:04:05Z",
    }
    return Guest(**{**values, **changes})


def data(of: Guest, **changes: Any) -> GuestData:
    values: dict[str, Any] = {
        "server_id": of.server_id,
        "revision": 1,
        "hostname": "web.novalocal",
        "name": of.display_name,
        "project_id": of.project_id,
        "availability_zone": "nova",
        "launch_index": 0,
        "reservation_id": "r-abcdefgh",
        "instance_type": of.flavor_name,
        "image_id": "c0ffee00-0000-4000-8000-000000000001",
        "ami_id": "ami-00000001",
        "ec2_id": "i-00000001",
        "security_groups": ["default"],
        "meta": {},
        "keys": [PublicKey("mine", KEY)],
        "local_ipv4": "10.0.0.5",
    }
    return GuestData(**{**values, **changes})


def interface(number: int = 5, **changes: Any) -> Interface:
    """A card with address 10.0.0.`number` on one network with a metadata port."""
    values: dict[str, Any] = {
        "port_id": str(uuid.UUID(int=0x9000_0000_0000_4000_8000_0000_0000_0000 + number)),
        "network_id": "11111111-2222-4333-8444-555555555555",
        "mac": f"fa:16:3e:00:00:{number:02x}",
        "mtu": 1442,
        "addresses": [
            FixedAddress(
                f"10.0.0.{number}",
                4,
                24,
                "66666666-7777-4888-9999-aaaaaaaaaaaa",
                gateway="10.0.0.1",
                dns_servers=["10.0.0.3"],
            )
        ],
        "metadata": MetadataPort("77777777-8888-4999-aaaa-bbbbbbbbbbbb", "fa:16:3e:ff:ff:01", ["10.0.0.2/24"]),
    }
    return Interface(**{**values, **changes})
