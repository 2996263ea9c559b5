"""/floatingips"""

from typing import Any

from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network.api import tags
from unkai.network.api.attributes import READ_ONLY, STANDARD, Attribute, ip, or_none, uuid
from unkai.network.api.networks import kinds
from unkai.network.api.querying import Filterable
from unkai.network.api.resource import Resource, plain_struct, routes
from unkai.network.model import FloatingIp
from unkai.network.service import floating_ips as service
from unkai.network.store import floating_ips as store

_ATTRIBUTES = {
    **{name: attribute for name, attribute in STANDARD.items() if name != "name"},
    "floating_network_id": Attribute(uuid, put=False, required=True),
    "floating_ip_address": Attribute(or_none(ip), put=False),
    "subnet_id": Attribute(or_none(uuid), put=False),
    "port_id": Attribute(or_none(uuid)),
    "fixed_ip_address": Attribute(or_none(ip)),
    "router_id": READ_ONLY,
    "status": READ_ONLY,
    "port_details": READ_ONLY,
}


def plain(floating: FloatingIp) -> dict[str, Any]:
    found = plain_struct(floating)
    del found["floating_port_id"]
    return found


def _create(tx: Tx, kit: Kit, context: Context, new: list[Any]) -> list[Any]:
    return [service.create(tx, kit, context, one) for one in new]


FLOATING_IP = Resource(
    name="floatingip",
    plural="floatingips",
    attributes=_ATTRIBUTES,
    filterable=Filterable(kinds(store.COLUMNS, (), ("revision_number",))),
    plain=plain,
    find=store.floating_ips,
    get=store.get,
    new=service.NewFloatingIp,
    create=_create,
    change=service.FloatingIpChange,
    update=service.update,
    delete=service.delete,
)

ROUTES = routes(FLOATING_IP) + tags.routes(FLOATING_IP)
