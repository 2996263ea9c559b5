"""/ports"""

from ipaddress import ip_network
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
    integer,
    ip,
    json_object,
    list_of,
    mac,
    object_of,
    one_of,
    or_none,
    text,
    uuid,
)
from unkai.network.api.networks import kinds, policy_target
from unkai.network.api.querying import Filterable
from unkai.network.api.resource import Resource, plain_struct, routes
from unkai.network.model import FLOATING_IP, ROUTER_GATEWAY, Port
from unkai.network.service import ports as service
from unkai.network.service.access import scope_of
from unkai.network.store import networks
from unkai.network.store import ports as store

VNIC_TYPES = ("normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa")

FIXED_IPS = list_of(object_of("fixed IP", {"subnet_id": uuid, "ip_address": ip}), "fixed IP", unique=True)


def _pair_address(value: Any) -> str:
    """An address or a CIDR; multicast makes no sense as a source."""
    try:
        network = ip_network(value if isinstance(value, str) and "%" not in value else "", strict=False)
    except ValueError:
        raise ValueError(f"'{value}' is not a valid IP address") from None
    if network.is_multicast:
        raise ValueError(f"AllowedAddressPair must not contain multicast addresses: '{value}'")
    return str(value)


_PAIRS = list_of(
    object_of("allowed address pair", {"mac_address": mac, "ip_address": _pair_address}, ("ip_address",)),
    "allowed address pair",
)
_DHCP_OPTIONS = list_of(
    object_of(
        "extra DHCP option",
        {
            "opt_name": text(64, empty=False),
            "opt_value": or_none(text(255, empty=False)),
            "ip_version": lambda value: one_of(4, 6)(integer()(value)),
        },
        ("opt_name", "opt_value"),
    ),
    "extra DHCP option",
)

_ATTRIBUTES = {
    **STANDARD,
    "network_id": Attribute(uuid, put=False, required=True),
    "admin_state_up": Attribute(boolean, default=True),
    "mac_address": Attribute(or_none(mac)),
    "fixed_ips": Attribute(FIXED_IPS),
    "device_id": Attribute(text(), default=""),
    "device_owner": Attribute(text(), default=""),
    "security_groups": Attribute(list_of(uuid, "security group")),
    "port_security_enabled": Attribute(boolean),
    "allowed_address_pairs": Attribute(_PAIRS, default=[]),
    "extra_dhcp_opts": Attribute(_DHCP_OPTIONS),
    "binding:host_id": Attribute(lambda value: "" if value is None else text()(value), default=""),
    "binding:vnic_type": Attribute(one_of(*VNIC_TYPES), default="normal"),
    "binding:profile": Attribute(json_object, default={}),
    "binding:vif_type": READ_ONLY,
    "binding:vif_details": READ_ONLY,
    "status": READ_ONLY,
    "ip_allocation": READ_ONLY,
    "resource_request": READ_ONLY,
}


def plain(port: Port) -> dict[str, Any]:
    found = plain_struct(port)
    for hidden in ("chassis", "owned_by_device", "position", "network_project_id", "network_shared"):
        del found[hidden]
    bound = bool(port.host) or port.serves(ROUTER_GATEWAY)
    found["binding:vif_type"] = "ovs" if bound else "unbound"
    found["binding:vif_details"] = {"port_filter": True, "connectivity": "l2"} if bound else {}
    if port.serves(FLOATING_IP):
        found["status"] = "N/A"
    found["ip_allocation"] = "immediate" if port.fixed_ips else "none"
    found["resource_request"] = None
    return found


def _target(port: Port) -> dict[str, Any]:
    return {
        "network:tenant_id": port.network_project_id,
        "network:project_id": port.network_project_id,
        "network:shared": port.network_shared,
        "network_device": port.device_owner.startswith("network:"),
    }


def _parents(tx: Tx, kit: Kit, context: Context, values: dict[str, Any]) -> dict[str, Any]:
    network = networks.get(tx, scope_of(kit, context), values["network_id"])
    owner = str(values.get("device_owner") or "")
    return policy_target(network) | {"network_device": owner.startswith("network:")}


def _create(tx: Tx, kit: Kit, context: Context, new: list[Any]) -> list[Any]:
    return [service.create(tx, kit, context, one) for one in new]


PORT = Resource(
    name="port",
    plural="ports",
    attributes=_ATTRIBUTES,
    filterable=Filterable(
        kinds(store.COLUMNS, ("admin_state_up", "port_security_enabled"), ("revision_number",)),
        frozenset({"fixed_ips", "security_groups"}),
    ),
    plain=plain,
    target=_target,
    find=store.ports,
    get=store.get,
    new=service.NewPort,
    create=_create,
    parents=_parents,
    change=service.PortChange,
    update=service.update,
    delete=service.delete,
)

ROUTES = routes(PORT) + tags.routes(PORT)
