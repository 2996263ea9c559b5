"""A network namespace for each network's metadata address: an OVN localport leads into it.

Inside is one end of a veth pair with the localport's addresses and 169.254.169.254; the other end is a port of the
integration bridge. Blocking functions: call them in a thread.
"""

import contextlib
import ctypes
import errno
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pyroute2 import IPRoute, netns
from pyroute2.netlink.exceptions import NetlinkError

from unkai.contracts.guest import MetadataPort
from unkai.node.ports import links
from unkai.node.ports.links import Mark

__all__ = ["ADDRESS", "PORT", "device", "listen", "make", "name", "remove"]

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
ADDRESS, PORT = "169.254.169.254", 80


def name(network_id: str) -> str:
    """Upstream's name for it."""
    return f"ovnmeta-{network_id}"


def device(network_id: str) -> str:
    """The outer end of the pair, which is the port on the bridge."""
    return f"umeta{network_id[:10]}"


def make(network_id: str, port: MetadataPort, mtu: int, mark: Mark, *, userspace: bool) -> bool:
    """True when the pair is new. Raises NetlinkError, OSError."""
    where, outer, inner = name(network_id), device(network_id), f"{device(network_id)[:13]}-i"
    if mark == links.marked(mark.host_id).get(outer) and _stands(where, inner, port):
        return False
    # The marked device first: whatever an agent killed here leaves is found by it.
    links.make_veth(outer, inner, mark, mtu, port.mac)
    if userspace:
        links.offloads_off(outer, inner)
    _ensure(where)
    with IPRoute() as ip:
        ip.link("set", index=ip.link_lookup(ifname=inner)[0], net_ns_fd=where)
    _in_namespace(where, lambda: _furnish(inner, port))
    return True


def listen(network_id: str) -> socket.socket:
    """A socket that listens on the metadata address inside. Raises OSError."""
    return _in_namespace(name(network_id), _bound)


def remove(network_id: str, mark: Mark) -> None:
    """The pair and the namespace; succeeds when they are not there."""
    links.remove(device(network_id), mark)
    with contextlib.suppress(FileNotFoundError):
        netns.remove(name(network_id))


def _stands(where: str, inner: str, port: MetadataPort) -> bool:
    if where not in netns.listnetns():
        return False
    try:
        return _in_namespace(where, lambda: _complete(inner, port))
    except OSError:
        return False


def _ensure(where: str) -> None:
    """The namespace, made by a thread that ends in it: the process itself never forks nor leaves its own."""
    if where in netns.listnetns():
        with contextlib.suppress(OSError):
            _in_namespace(where, lambda: None)
            return
        netns.remove(where)  # a name without a namespace, from an agent that was killed here

    def create() -> None:
        if _libc.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no new network namespace", where)
        netns.attach(where, "thread-self")

    with ThreadPoolExecutor(1) as thread:
        thread.submit(create).result()


def _in_namespace(where: str, work: Callable[[], T]) -> T:
    """A thread that enters the namespace and ends there: no other thread is ever in the wrong one."""

    def enter() -> T:
        netns.setns(where, flags=os.O_RDONLY, fork=False)
        return work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(enter).result()


def _complete(inner: str, port: MetadataPort) -> bool:
    with IPRoute() as ip:
        found = ip.link_lookup(ifname=inner)
        if not found:
            return False
        held = {f"{a.get('IFA_ADDRESS')}/{a['prefixlen']}" for a in ip.get_addr(index=found[0], family=socket.AF_INET)}
        (link,) = ip.get_links(found[0])
        return held == _wanted(port) and link.get("IFLA_ADDRESS") == port.mac and link["state"] == "up"


def _wanted(port: MetadataPort) -> set[str]:
    return {f"{ADDRESS}/32"} | {address for address in port.addresses if ":" not in address}


def _furnish(inner: str, port: MetadataPort) -> None:
    links.quiet(inner)
    with IPRoute() as ip:
        for link in "lo", inner:
            ip.link("set", index=ip.link_lookup(ifname=link)[0], state="up")
        index = ip.link_lookup(ifname=inner)[0]
        for address in sorted(_wanted(port)):
            host, _, length = address.partition("/")
            try:
                ip.addr("add", index=index, address=host, prefixlen=int(length))
            except NetlinkError as error:
                if error.code != errno.EEXIST:
                    raise


def _bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((ADDRESS, PORT))
        made.listen(64)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
