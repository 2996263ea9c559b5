"""Guests' cards on the integration bridge: a tap made beforehand for each, and a port that OVN knows by the port's id.

libvirt is given taps that exist (`managed='no'`): they and their ports outlive a libvirtd that is killed, work with a
switch that listens elsewhere than libvirt believes, and are fenced before the guest's first frame.
"""

import asyncio

from pyroute2.netlink.exceptions import NetlinkError

from unkai.contracts.guest import Guest, Interface
from unkai.kernel.log import get
from unkai.node.errors import NetworkPlugFailed
from unkai.node.job import Job, Undo
from unkai.node.metadata.network_data import tap_name
from unkai.node.ports import links
from unkai.node.ports.links import Mark
from unkai.node.ports.switch import Switch

__all__ = ["Plugs"]

_log = get(__name__)


class Plugs:
    """All verbs raise NetworkPlugFailed."""

    def __init__(self, switch: Switch, host_id: str) -> None:
        self._switch = switch
        self._host_id = host_id

    async def plug(self, job: Job, guest: Guest, undo: Undo | None = None) -> None:
        """Every card of the guest; what is there already stays. Raises job.Stopped too."""
        mark = self._mark(guest.server_id)
        for card in guest.interfaces:
            name = tap_name(card.port_id)
            job.check()
            fresh = await self._make(name, mark, card)
            if undo is not None and fresh:
                undo.push(self._remove, name, mark)
            job.check()
            await self._switch.plug(name, mark, card.port_id, card.mac, fresh=fresh)

    async def unplug(self, job: Job, server_id: str) -> None:
        """Everything that was ever plugged for the server, found by its mark."""
        for name, mark in (await self._found()).items():
            if mark == self._mark(server_id):
                job.check()
                await self._remove(name, mark)

    async def servers(self) -> set[str]:
        """The servers of which a tap or a port is left."""
        return {mark.owner for mark in (await self._found()).values() if mark.kind == "server"}

    async def _found(self) -> dict[str, Mark]:
        ports = await self._switch.ports(self._host_id)
        return {**await asyncio.to_thread(links.marked, self._host_id), **ports}

    async def _make(self, name: str, mark: Mark, card: Interface) -> bool:
        try:
            return await asyncio.to_thread(links.make_tap, name, mark, card.mtu)
        except (NetlinkError, OSError) as error:
            raise NetworkPlugFailed(reason="the server's network device cannot be made", details=str(error)) from error

    async def _remove(self, name: str, mark: Mark) -> None:
        await self._switch.unplug(name)
        try:
            await asyncio.to_thread(links.remove, name, mark)
        except (NetlinkError, OSError) as error:
            raise NetworkPlugFailed(
                reason="the server's network device cannot be removed", details=str(error)
            ) from error

    def _mark(self, server_id: str) -> Mark:
        return Mark(self._host_id, "server", server_id)
