"""The EC2 layout: /<date>/meta-data/ as a tree of text, /<date>/user-data.

Dates and keys are those upstream keeps; a date later than a key's first one has it.
"""

import base64
from typing import Any

from unkai.node.metadata.source import Source

__all__ = ["VERSIONS", "find", "meta_data", "text", "tree"]

VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
)

# A folder whose line in its parent's listing is not "key/".
_NAME = "_name"


def tree(source: Source, version: str) -> dict[str, Any]:
    """Everything under a version. KeyError: no such version."""
    found: dict[str, Any] = {"meta-data": meta_data(source, version)}
    if source.data.user_data is not None:
        found["user-data"] = base64.b64decode(source.data.user_data)
    return found


def meta_data(source: Source, version: str) -> dict[str, Any]:
    version = VERSIONS[-1] if version == "latest" else version
    if version not in VERSIONS:
        raise KeyError(version)
    data = source.data
    found: dict[str, Any] = {
        "ami-id": data.ami_id,
        "ami-launch-index": data.launch_index,
        "ami-manifest-path": "FIXME",  # what upstream answers; images have none
        "hostname": data.hostname,
        "instance-id": data.ec2_id,
        "local-ipv4": data.local_ipv4,
        "reservation-id": data.reservation_id,
        "security-groups": data.security_groups,
    }
    if data.keys:
        key = data.keys[0]
        found["public-keys"] = {"0": {_NAME: f"0={key.name}", "openssh-key": key.data}}
    since = VERSIONS.index(version)
    if since >= VERSIONS.index("2007-01-19"):
        found |= {
            "local-hostname": data.hostname,
            "public-hostname": data.hostname,
            "public-ipv4": data.public_ipv4,
        }
    if since >= VERSIONS.index("2007-08-29"):
        found["instance-type"] = data.instance_type
    if since >= VERSIONS.index("2007-12-15"):
        found["block-device-mapping"] = _block_devices(source)
    if since >= VERSIONS.index("2008-02-01"):
        found["placement"] = {"availability-zone": data.availability_zone}
    if since >= VERSIONS.index("2008-09-01"):
        found["instance-action"] = "none"
    return found


def _block_devices(source: Source) -> dict[str, str]:
    mapping: dict[str, str] = {}
    ephemeral = 0
    for disk in source.guest.disks:
        if disk.role == "root":
            mapping |= {"ami": disk.device, "root": f"/dev/{disk.device}"}
        elif disk.role == "ephemeral":
            mapping[f"ephemeral{ephemeral}"] = f"/dev/{disk.device}"
            ephemeral += 1
        elif disk.role == "swap":
            mapping["swap"] = f"/dev/{disk.device}"
    return mapping


def find(found: Any, path: list[str]) -> Any:
    """What lies under a path of a tree. KeyError."""
    for part in path:
        if not isinstance(found, dict) or part == _NAME:
            raise KeyError(part)
        found = found[part]
    return found


def text(found: Any) -> bytes:
    """A folder as a listing, a list as lines, anything else as it is."""
    if isinstance(found, bytes):
        return found
    if isinstance(found, dict):
        return "\n".join(_entry(key, found[key]) for key in sorted(found) if key != _NAME).encode()
    if isinstance(found, list):
        return "\n".join(map(str, found)).encode()
    return str(found).encode()


def _entry(key: str, value: Any) -> str:
    if not isinstance(value, dict):
        return key
    return str(value[_NAME]) if _NAME in value else f"{key}/"
