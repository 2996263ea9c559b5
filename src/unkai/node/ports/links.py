"""Network devices of the host, by netlink. Blocking functions: call them in a thread.

Each device made here carries in its alias (`ip link` shows it) the host's id and what it is for, so that it is
found again, and so that nobody else's is ever touched.
"""

import contextlib
import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pyroute2 import IPRoute
from pyroute2.ethtool import Ethtool
from pyroute2.netlink.exceptions import NetlinkError

__all__ = ["GUEST_LINK_GROUP", "Mark", "make_tap", "make_veth", "marked", "offloads_off", "quiet", "remove"]

# `ip link` group of everything a guest is behind. The embedded cloud's fence drops what arrives on such a link before
# the host's own stack sees it: with the userspace datapath the kernel gets a copy of each frame.
GUEST_LINK_GROUP = 21323

_PREFIX = "unkai"


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose a device or a port is: this host's (its id), for a server or for a network's metadata."""

    host_id: str
    kind: Literal["server", "network"]
    owner: str

    def __str__(self) -> str:
        return f"{_PREFIX}:{self.host_id}:{self.kind}:{self.owner}"

    @classmethod
    def parse(cls, text: str) -> "Mark | None":
        parts = text.split(":")
        if len(parts) != 4 or parts[0] != _PREFIX:
            return None
        kinds: dict[str, Literal["server", "network"]] = {"server": "server", "network": "network"}
        return cls(parts[1], kinds[parts[2]], parts[3]) if parts[2] in kinds else None


def make_tap(name: str, mark: Mark, mtu: int) -> bool:
    """A persistent tap for a guest, up, in the guests' group. True when it was not there before.

    Raises NetlinkError; FileExistsError when the name is somebody else's.
    """
    with IPRoute() as ip:
        index = _mine(ip, name, mark)
        fresh = index is None
        if index is None:
            ip.link("add", ifname=name, kind="tuntap", mode="tap")
            index = ip.link_lookup(ifname=name)[0]
        # In the group before it is up: no frame of a guest may reach the host's own stack.
        ip.link("set", index=index, group=GUEST_LINK_GROUP, ifalias=str(mark), mtu=mtu)
        quiet(name)
        ip.link("set", index=index, state="up")
        return fresh


def make_veth(name: str, peer: str, mark: Mark, mtu: int, mac: str) -> None:
    """A pair with the outer end up and in the guests' group; the inner end (`peer`, with `mac`) is left down.

    Raises NetlinkError, FileExistsError.
    """
    with IPRoute() as ip:
        index = _mine(ip, name, mark)
        if index is not None:
            ip.link("del", index=index)  # half made: the other end is not where it belongs
        ip.link("add", ifname=name, kind="veth", peer={"ifname": peer, "address": mac})
        index = ip.link_lookup(ifname=name)[0]
        ip.link("set", index=index, group=GUEST_LINK_GROUP, ifalias=str(mark), mtu=mtu)
        ip.link("set", index=ip.link_lookup(ifname=peer)[0], mtu=mtu)
        quiet(name)
        ip.link("set", index=index, state="up")


def remove(name: str, mark: Mark) -> None:
    """Nothing happens when it is not there. FileExistsError when it is somebody else's."""
    with IPRoute() as ip:
        index = _mine(ip, name, mark)
        if index is None:
            return
        try:
            ip.link("del", index=index)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise


def marked(host_id: str) -> dict[str, Mark]:
    """The devices of this host's making, by name."""
    found: dict[str, Mark] = {}
    with IPRoute() as ip:
        for link in ip.get_links():
            mark = Mark.parse(link.get("IFLA_IFALIAS") or "")
            if mark is not None and mark.host_id == host_id:
                found[link.get("IFLA_IFNAME")] = mark
    return found


def offloads_off(*names: str) -> None:
    """Complete checksums from here on: the userspace datapath drops frames that leave them to hardware, while ping
    goes on working."""
    with Ethtool() as tool:
        for name in names:
            found = tool.get_features(name)
            for feature, value in found.features.items():
                if feature.startswith(("tx-checksum", "tx-tcp", "tx-scatter-gather", "tx-generic-segmentation")):
                    value.enable = False
            tool.set_features(name, found)


def quiet(name: str) -> None:
    """Keep the host's own IPv6 off the device: its solicitations would go into the guest's network."""
    with contextlib.suppress(FileNotFoundError):
        Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6").write_text("1")


def _mine(ip: IPRoute, name: str, mark: Mark) -> int | None:
    found = ip.link_lookup(ifname=name)
    if not found:
        return None
    (link,) = ip.get_links(found[0])
    alias = link.get("IFLA_IFALIAS") or ""
    # A device without any mark is one of ours that was made by an agent killed a moment later.
    if alias not in ("", str(mark)):
        raise FileExistsError(f"device {name} belongs to {alias}")
    return int(found[0])
