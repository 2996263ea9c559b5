"""What the room wants to find in the north-bound database: whole objects, compared and written as wholes.

Kinds and ids are those of the room's rows. Sets of the database are sorted tuples here, so that equal means equal.
"""

from typing import Literal, NamedTuple

import msgspec

Kind = Literal["network", "subnet", "security_group", "router", "port"]
# An object only refers to kinds before its own.
KINDS: tuple[Kind, ...] = ("network", "subnet", "security_group", "router", "port")

# The group of all ports with port security: what no other group allows is dropped there.
DROP = "drop"


class Key(NamedTuple):
    kind: Kind
    id: str


class Localnet(msgspec.Struct, frozen=True):
    """Where a network leaves OVN: the physical network that hosts map to a bridge, and its VLAN."""

    physical_network: str
    tag: int | None = None


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    options: dict[str, str]
    notes: dict[str, str]
    localnet: Localnet | None = None

    @property
    def key(self) -> Key:
        return Key("network", self.id)


class DhcpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What DHCP answers in a subnet. `id` is the subnet's."""

    id: str
    cidr: str
    options: dict[str, str]

    @property
    def key(self) -> Key:
        return Key("subnet", self.id)


class Acl(msgspec.Struct, frozen=True, order=True):
    direction: Literal["from-lport", "to-lport"]
    priority: int
    match: str
    action: Literal["allow", "allow-related", "allow-stateless", "drop"]
    rule: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A security group, or DROP. Its members are named by the ports."""

    id: str
    acls: tuple[Acl, ...]

    @property
    def key(self) -> Key:
        return Key("security_group", self.id)


class RouterPort(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """`chassis` may carry the port, best first (an external gateway); a port without runs everywhere."""

    id: str
    mac: str
    addresses: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()
    advertisements: tuple[tuple[str, str], ...] = ()
    chassis: tuple[str, ...] = ()


class StaticRoute(msgspec.Struct, frozen=True, order=True):
    """`port` is the router port it leaves by ("" lets OVN find it)."""

    prefix: str
    nexthop: str
    port: str = ""


class Nat(msgspec.Struct, frozen=True, order=True):
    """`floating_ip` is the row it comes from ("": the router's own SNAT)."""

    type: Literal["snat", "dnat_and_snat"]
    external_ip: str
    logical_ip: str
    floating_ip: str = ""


class Router(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    enabled: bool
    options: dict[str, str]
    notes: dict[str, str]
    ports: tuple[RouterPort, ...] = ()
    routes: tuple[StaticRoute, ...] = ()
    nats: tuple[Nat, ...] = ()

    @property
    def key(self) -> Key:
        return Key("router", self.id)


class SwitchPort(msgspec.Struct, frozen=True, kw_only=True):
    """`dhcp4` and `dhcp6` are subnets whose answers the port gets, `own4` and `own6` answers of its own instead."""

    id: str
    network_id: str
    type: Literal["", "router", "localport"] = ""
    addresses: tuple[str, ...]
    port_security: tuple[str, ...] = ()
    enabled: bool = True
    dhcp4: str | None = None
    dhcp6: str | None = None
    own4: DhcpOptions | None = None
    own6: DhcpOptions | None = None
    options: dict[str, str] = {}
    notes: dict[str, str] = {}
    groups: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return Key("port", self.id)


NorthObject = Switch | DhcpOptions | Group | Router | SwitchPort
North = dict[Key, NorthObject]


def in_order(objects: list[NorthObject]) -> list[NorthObject]:
    """Sorted so that whatever is referred to comes first."""
    return sorted(objects, key=lambda one: KINDS.index(one.key.kind))
