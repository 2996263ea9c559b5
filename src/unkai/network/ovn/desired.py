"""From rows to the objects of the north-bound database."""

from collections.abc import Collection, Mapping

from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network.ovn import acls, dhcp, ports, routers, switches
from unkai.network.ovn.facts import Facts, everything, load
from unkai.network.ovn.model import DROP, Key, Kind, North, NorthObject


def render(kit: Kit, facts: Facts, key: Key) -> NorthObject | None:
    """The object of a row; None when the row is gone, or has no object."""
    settings = kit.settings
    if key.kind == "network":
        network = facts.networks.get(key.id)
        return None if network is None else switches.switch(network)
    if key.kind == "subnet":
        subnet = facts.subnets.get(key.id)
        if subnet is None:
            return None
        metadata = facts.metadata.get(subnet.network_id)
        return dhcp.subnet_options(settings, facts.networks[subnet.network_id], subnet, metadata)
    if key.kind == "security_group":
        group = facts.groups.get(key.id)
        return None if group is None else acls.group(group)
    if key.kind == "router":
        router = facts.routers.get(key.id)
        return None if router is None else routers.router(facts, router)
    port = facts.ports.get(key.id)
    return None if port is None else ports.switch_port(settings, facts, port)


def objects(tx: Tx, kit: Kit, wanted: Mapping[Kind, Collection[str]]) -> tuple[list[NorthObject], list[Key]]:
    """The objects of these rows, and the keys of those that must not exist (any more)."""
    facts = load(tx, kit, wanted)
    put: list[NorthObject] = [acls.drop_group()]
    drop = []
    for kind, ids in wanted.items():
        for id in ids:
            if id == DROP:
                continue
            made = render(kit, facts, Key(kind, id))
            if made is None:
                drop.append(Key(kind, id))
            else:
                put.append(made)
    return put, drop


def whole(tx: Tx, kit: Kit) -> North:
    """Everything that shall exist."""
    put, _ = objects(tx, kit, everything(tx))
    return {one.key: one for one in put}
