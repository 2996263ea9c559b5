"""/networks"""

from typing import Any

from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network.api import tags
from unkai.network.api.attributes import READ_ONLY, STANDARD, Attribute, boolean, integer, name, one_of, or_none
from unkai.network.api.querying import Filterable
from unkai.network.api.resource import Resource, plain_struct, routes
from unkai.network.model import Network
from unkai.network.service import networks as service
from unkai.network.service import segments
from unkai.network.store import networks as store

_ATTRIBUTES = {
    **STANDARD,
    "admin_state_up": Attribute(boolean, default=True),
    "status": READ_ONLY,
    "subnets": READ_ONLY,
    "shared": Attribute(boolean, default=False),
    "router:external": Attribute(boolean, default=False),
    "is_default": Attribute(boolean, default=False),
    "mtu": Attribute(integer(0, 65535), default=0),
    "port_security_enabled": Attribute(boolean, default=True),
    "provider:network_type": Attribute(or_none(one_of(*segments.TYPES)), put=False),
    "provider:physical_network": Attribute(or_none(name), put=False),
    "provider:segmentation_id": Attribute(or_none(integer(0, 2**24)), put=False),
    "availability_zone_hints": READ_ONLY,
    "availability_zones": READ_ONLY,
    "ipv4_address_scope": READ_ONLY,
    "ipv6_address_scope": READ_ONLY,
    "l2_adjacency": READ_ONLY,
}
_BOOLEANS = ("admin_state_up", "shared", "router:external", "is_default", "port_security_enabled")
_NUMBERS = ("mtu", "revision_number", "provider:segmentation_id")


def plain(network: Network) -> dict[str, Any]:
    found = plain_struct(network)
    if not network.external:
        del found["is_default"]
    return found | {
        "availability_zone_hints": [],
        "availability_zones": [],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "l2_adjacency": True,
    }


def policy_target(network: Network) -> dict[str, Any]:
    """What rules about a network, and about what is on it, compare with."""
    return {
        "network:tenant_id": network.project_id,
        "network:project_id": network.project_id,
        "network:shared": network.shared,
        "router:external": network.external,
    }


def _create(tx: Tx, kit: Kit, context: Context, new: list[Any]) -> list[Any]:
    return [service.create(tx, kit, context, one) for one in new]


def kinds(columns: dict[str, Any], booleans: tuple[str, ...] = (), numbers: tuple[str, ...] = ()) -> dict[str, str]:
    """How the values of filters are read, by the names of columns."""
    times = {"created_at": "time", "updated_at": "time"}
    special = dict.fromkeys(booleans, "boolean") | dict.fromkeys(numbers, "integer") | times
    return {column: special.get(column, "text") for column in columns}


NETWORK = Resource(
    name="network",
    plural="networks",
    attributes=_ATTRIBUTES,
    filterable=Filterable(kinds(store.COLUMNS, _BOOLEANS, _NUMBERS), frozenset({"subnets"})),
    plain=plain,
    target=policy_target,
    find=store.networks,
    get=store.get,
    new=service.NewNetwork,
    create=_create,
    change=service.NetworkChange,
    update=service.update,
    delete=service.delete,
)

ROUTES = routes(NETWORK) + tags.routes(NETWORK)
