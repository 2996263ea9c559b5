"""/subnets"""

from typing import Any

from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network.api import tags
from unkai.network.api.attributes import (
    READ_ONLY,
    STANDARD,
    Attribute,
    boolean,
    cidr,
    integer,
    ip,
    list_of,
    object_of,
    one_of,
    or_none,
    text,
    uuid,
)
from unkai.network.api.networks import kinds, policy_target
from unkai.network.api.querying import Filterable
from unkai.network.api.resource import Resource, plain_struct, routes
from unkai.network.model import Subnet
from unkai.network.service import subnets as service
from unkai.network.service.access import scope_of
from unkai.network.store import networks
from unkai.network.store import subnets as store

_MODES = or_none(one_of("dhcpv6-stateful", "dhcpv6-stateless", "slaac"))
_POOLS = list_of(object_of("IP pool", {"start": ip, "end": ip}, ("start", "end")), "IP pool", unique=False)
HOST_ROUTES = list_of(
    object_of("hostroute", {"destination": cidr, "nexthop": ip}, ("destination", "nexthop")), "hostroute"
)


def _version(value: Any) -> Any:
    return one_of(4, 6)(integer()(value))


_ATTRIBUTES = {
    **STANDARD,
    "network_id": Attribute(uuid, put=False, required=True),
    "ip_version": Attribute(_version, put=False),
    "cidr": Attribute(or_none(cidr), put=False),
    "prefixlen": Attribute(integer(0), put=False),
    "subnetpool_id": Attribute(or_none(uuid), put=False),
    "use_default_subnetpool": Attribute(boolean, put=False, default=False),
    "gateway_ip": Attribute(or_none(ip)),
    "enable_dhcp": Attribute(boolean, default=True),
    "ipv6_ra_mode": Attribute(_MODES, put=False),
    "ipv6_address_mode": Attribute(_MODES, put=False),
    "allocation_pools": Attribute(_POOLS),
    "dns_nameservers": Attribute(list_of(ip, "nameserver")),
    "host_routes": Attribute(HOST_ROUTES),
    "service_types": Attribute(list_of(text(), "service type")),
    "dns_publish_fixed_ip": READ_ONLY,
}


def plain(subnet: Subnet) -> dict[str, Any]:
    found = plain_struct(subnet)
    for hidden in ("network_project_id", "network_shared"):
        del found[hidden]
    return found


def _target(subnet: Subnet) -> dict[str, Any]:
    return {
        "network:tenant_id": subnet.network_project_id,
        "network:project_id": subnet.network_project_id,
        "network:shared": subnet.network_shared,
    }


def _parents(tx: Tx, kit: Kit, context: Context, values: dict[str, Any]) -> dict[str, Any]:
    return policy_target(networks.get(tx, scope_of(kit, context), values["network_id"]))


def _create(tx: Tx, kit: Kit, context: Context, new: list[Any]) -> list[Any]:
    return [service.create(tx, kit, context, one) for one in new]


SUBNET = Resource(
    name="subnet",
    plural="subnets",
    attributes=_ATTRIBUTES,
    filterable=Filterable(
        kinds(store.COLUMNS, ("enable_dhcp", "shared", "router:external"), ("ip_version", "revision_number"))
        | {"shared": "boolean", "router:external": "boolean"}
    ),
    plain=plain,
    target=_target,
    find=store.subnets,
    get=store.get,
    new=service.NewSubnet,
    create=_create,
    parents=_parents,
    change=service.SubnetChange,
    update=service.update,
    delete=service.delete,
)

ROUTES = routes(SUBNET) + tags.routes(SUBNET)
