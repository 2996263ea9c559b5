"""/subnetpools"""

from typing import Any

from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network.api import tags
from unkai.network.api.attributes import READ_ONLY, STANDARD, Attribute, boolean, cidr, integer, list_of, name, or_none
from unkai.network.api.networks import kinds
from unkai.network.api.querying import Filterable
from unkai.network.api.resource import Resource, plain_struct, routes
from unkai.network.model import SubnetPool
from unkai.network.service import subnetpools as service
from unkai.network.store import subnetpools as store

_ATTRIBUTES = {
    **STANDARD,
    "name": Attribute(name, required=True),
    "ip_version": READ_ONLY,
    "prefixes": Attribute(list_of(cidr, "prefix"), required=True),
    "min_prefixlen": Attribute(integer(0)),
    "max_prefixlen": Attribute(integer(0)),
    "default_prefixlen": Attribute(integer(0)),
    "default_quota": Attribute(or_none(integer(0))),
    "shared": Attribute(boolean, put=False, default=False),
    "is_default": Attribute(boolean, default=False),
    "address_scope_id": READ_ONLY,
}


def plain(pool: SubnetPool) -> dict[str, Any]:
    found = plain_struct(pool) | {"address_scope_id": None}
    # Upstream shows these numbers as strings, and its clients rely on it.
    return found | {name: str(found[name]) for name in ("min_prefixlen", "max_prefixlen", "default_prefixlen")}


def _create(tx: Tx, kit: Kit, context: Context, new: list[Any]) -> list[Any]:
    return [service.create(tx, kit, context, one) for one in new]


_NUMBERS = (
    "ip_version",
    "min_prefixlen",
    "max_prefixlen",
    "default_prefixlen",
    "default_quota",
    "revision_number",
)

SUBNET_POOL = Resource(
    name="subnetpool",
    plural="subnetpools",
    attributes=_ATTRIBUTES,
    filterable=Filterable(kinds(store.COLUMNS, ("shared", "is_default"), _NUMBERS)),
    plain=plain,
    find=store.subnetpools,
    get=store.get,
    new=service.NewSubnetPool,
    create=_create,
    change=service.SubnetPoolChange,
    update=service.update,
    delete=service.delete,
)

ROUTES = routes(SUBNET_POOL) + tags.routes(SUBNET_POOL)
