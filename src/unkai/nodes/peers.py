"""Who calls on the node channel: decided by the connection, not by what the caller says."""

import os

import msgspec

from unkai.contracts.channel import HOST
from unkai.kernel.web import Request
from unkai.kernel.web.listener import UnixPeer
from unkai.nodes.errors import UnknownPeer


class InProcessPeer(msgspec.Struct, frozen=True):
    """A simulated host that lives in this very process."""

    host: str


def calling_host(req: Request) -> str:
    """The name of the host whose rows this caller may see. Raises UnknownPeer.

    On a unix socket the kernel vouches for root (or for the control plane's own user, in a cloud without root);
    such a caller is this machine's agent and names its host itself.
    """
    peer = req.peer
    if isinstance(peer, InProcessPeer):
        return peer.host
    if isinstance(peer, UnixPeer) and peer.uid in (0, os.getuid()):
        host = req.headers.get(HOST.lower(), "")
        if host:
            return host
    raise UnknownPeer
