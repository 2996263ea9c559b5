"""A north-bound database in memory: for tests, and for simulated clouds where nothing is wired.

A port of a guest counts as plugged as soon as it is meant for a chassis, a router's port at once.
"""

from collections.abc import Callable, Collection, Iterable

import msgspec

from unkai.network.ovn.model import KINDS, Key, North, NorthObject, SwitchPort, in_order
from unkai.network.ovn.north import NorthError, Ups


class MemoryNorth:
    """See `north.NorthWriter`."""

    def __init__(self) -> None:
        self._objects: North = {}
        self._up: Ups = {}
        self._on_up: Callable[[str, bool], None] = lambda port_id, up: None

    async def start(self, on_up: Callable[[str, bool], None]) -> None:
        self._on_up = on_up
        for port_id, up in self._up.items():
            on_up(port_id, up)

    def ready(self) -> bool:
        return True

    async def apply(self, put: Collection[NorthObject], drop: Iterable[Key] = ()) -> Ups:
        after = dict(self._objects)
        for key in sorted(drop, key=lambda key: -KINDS.index(key.kind)):
            _remove(after, key)
        for one in in_order(list(put)):
            _check(after, one)
            after[one.key] = one
        self._objects = after
        self._tell()
        return {one.id: self._up[one.id] for one in put if isinstance(one, SwitchPort)}

    async def read(self) -> North:
        return dict(self._objects)

    async def ups(self) -> Ups:
        return dict(self._up)

    async def close(self) -> None:
        return

    def _tell(self) -> None:
        before, self._up = self._up, {}
        for one in self._objects.values():
            if isinstance(one, SwitchPort):
                up = one.type == "router" or (one.type == "" and one.enabled and "requested-chassis" in one.options)
                self._up[one.id] = up
                if before.get(one.id) is not up:
                    self._on_up(one.id, up)


def _remove(objects: North, key: Key) -> None:
    objects.pop(key, None)
    for one in list(objects.values()):
        if not isinstance(one, SwitchPort):
            continue
        if key.kind == "network" and one.network_id == key.id:
            del objects[one.key]
        elif key.kind == "security_group" and key.id in one.groups:
            left = tuple(group for group in one.groups if group != key.id)
            objects[one.key] = msgspec.structs.replace(one, groups=left)
        elif key.kind == "subnet" and key.id in (one.dhcp4, one.dhcp6):
            objects[one.key] = msgspec.structs.replace(
                one,
                dhcp4=None if one.dhcp4 == key.id else one.dhcp4,
                dhcp6=None if one.dhcp6 == key.id else one.dhcp6,
            )


def _check(objects: North, one: NorthObject) -> None:
    if not isinstance(one, SwitchPort):
        return
    wanted = [Key("network", one.network_id)]
    wanted += [Key("subnet", id) for id in (one.dhcp4, one.dhcp6) if id is not None]
    wanted += [Key("security_group", id) for id in one.groups]
    for key in wanted:
        if key not in objects:
            raise NorthError(f"port {one.id} refers to {key.kind} {key.id}, which is not there")
