"""Who may do what: upstream's rules under their names, with today's defaults.

`field:` checks of upstream are written as literals compared with the target (`'True':%(network:shared)s`).
"""

from collections.abc import Mapping

from unkai.kernel.policy import Rule

_ADMIN = "rule:admin_only"
_MEMBER = "(rule:admin_only) or (role:member and project_id:%(project_id)s)"
_READER = "(rule:admin_only) or (role:reader and project_id:%(project_id)s)"
_OWNS_NETWORK = "role:member and rule:network_owner"
_READS_NETWORK = "role:reader and rule:network_owner"
_SERVICE = "rule:service_api"
_SHARED = "rule:shared"
_OWNER_OF_NETWORK = f"{_ADMIN} or {_SERVICE} or rule:network_owner"

_VERBS = {"create": "POST", "get": "GET", "update": "PUT", "delete": "DELETE"}


def _rules(
    resource: str, plural: str, checks: Mapping[str, str], attributes: Mapping[str, Mapping[str, str]]
) -> list[Rule]:
    """Rules of the verbs ("create" -> check) and of single attributes ("create" -> attribute -> check)."""
    path = f"/{plural.replace('_', '-')}"
    found = []
    for verb, check in checks.items():
        where = path if verb == "create" else f"{path}/{{id}}"
        operation = f"{_VERBS[verb]} {where}"
        words = f"{verb.capitalize()} a {resource.replace('_', ' ')}"
        found.append(Rule(f"{verb}_{resource}", check, f"{words}.", (operation,), ("project",)))
        for attribute, own in attributes.get(verb, {}).items():
            text = f"{words}: the attribute `{attribute}`."
            found.append(Rule(f"{verb}_{resource}:{attribute}", own, text, (operation,), ("project",)))
    return found


def _tags(resource: str, check_read: str, check_write: str) -> list[Rule]:
    """Rules of a resource's tags. `check_*` are those of the resource itself."""
    plural = resource.replace("_", "-") + "s"
    verbs = {
        "get": (check_read, "GET", "Get the tags"),
        "create": (check_write, "PUT", "Add a tag"),
        "update": (check_write, "PUT", "Replace the tags"),
        "delete": (check_write, "DELETE", "Remove tags"),
    }
    return [
        Rule(
            f"{verb}_{plural}_tags".replace("-", "_"),
            check,
            f"{words} of a {resource.replace('_', ' ')}.",
            (f"{method} /{plural}/{{id}}/tags",),
            ("project",),
        )
        for verb, (check, method, words) in verbs.items()
    ]


_GENERAL = [
    Rule("context_is_admin", "role:admin", "The caller is an administrator of the cloud."),
    Rule("admin_only", "rule:context_is_admin", "Only for administrators."),
    Rule("service_api", "role:service", "Only for other services of the cloud."),
    Rule("network_owner", "tenant_id:%(network:tenant_id)s", "The caller's project owns the network."),
    Rule("sg_owner", "tenant_id:%(security_group:tenant_id)s", "The caller's project owns the security group."),
    Rule("shared", "'True':%(network:shared)s", "The network is shared with everybody."),
    Rule("external", "'True':%(router:external)s", "The network is external."),
    Rule("network_device", "'True':%(network_device)s", "The port serves the network itself (network:...)."),
]

_NETWORK = _rules(
    "network",
    "networks",
    {
        "create": _MEMBER,
        "get": f"{_READER} or {_SHARED} or rule:external or {_SERVICE}",
        "update": _MEMBER,
        "delete": _MEMBER,
    },
    {
        "create": {
            "shared": _ADMIN,
            "router:external": _ADMIN,
            "is_default": _ADMIN,
            "port_security_enabled": _MEMBER,
            "provider:network_type": _ADMIN,
            "provider:physical_network": _ADMIN,
            "provider:segmentation_id": _ADMIN,
        },
        "get": {
            "provider:network_type": _ADMIN,
            "provider:physical_network": _ADMIN,
            "provider:segmentation_id": _ADMIN,
        },
        "update": {
            "shared": _ADMIN,
            "router:external": _ADMIN,
            "is_default": _ADMIN,
            "port_security_enabled": _MEMBER,
            "provider:network_type": _ADMIN,
            "provider:physical_network": _ADMIN,
            "provider:segmentation_id": _ADMIN,
        },
    },
)

_SUBNET = _rules(
    "subnet",
    "subnets",
    {
        "create": f"({_ADMIN}) or ({_OWNS_NETWORK})",
        "get": f"{_READER} or {_SHARED} or ({_READS_NETWORK}) or {_SERVICE}",
        "update": f"{_MEMBER} or ({_OWNS_NETWORK})",
        "delete": f"{_MEMBER} or ({_OWNS_NETWORK})",
    },
    {
        "create": {"service_types": f"({_ADMIN}) or ({_OWNS_NETWORK})"},
        "update": {"service_types": f"({_ADMIN}) or ({_OWNS_NETWORK})"},
    },
)

_PORT = _rules(
    "port",
    "ports",
    {
        "create": f"{_MEMBER} or {_SERVICE}",
        "get": f"{_READER} or ({_READS_NETWORK}) or {_SERVICE}",
        "update": f"{_MEMBER} or {_SERVICE}",
        "delete": f"{_MEMBER} or ({_OWNS_NETWORK}) or {_SERVICE}",
    },
    {
        "create": {
            "device_owner": f"not rule:network_device or {_OWNER_OF_NETWORK}",
            "mac_address": _OWNER_OF_NETWORK,
            "fixed_ips": f"{_OWNER_OF_NETWORK} or {_SHARED}",
            "fixed_ips:ip_address": _OWNER_OF_NETWORK,
            "fixed_ips:subnet_id": f"{_OWNER_OF_NETWORK} or {_SHARED}",
            "port_security_enabled": _OWNER_OF_NETWORK,
            "binding:host_id": f"{_ADMIN} or {_SERVICE}",
            "binding:profile": _SERVICE + f" or {_ADMIN}",
            "binding:vnic_type": f"{_MEMBER} or {_SERVICE}",
            "allowed_address_pairs": f"{_ADMIN} or rule:network_owner",
        },
        "get": {
            "binding:vif_type": f"{_ADMIN} or {_SERVICE}",
            "binding:vif_details": f"{_ADMIN} or {_SERVICE}",
            "binding:host_id": f"{_ADMIN} or {_SERVICE}",
            "binding:profile": f"{_ADMIN} or {_SERVICE}",
        },
        "update": {
            "device_owner": f"not rule:network_device or {_OWNER_OF_NETWORK}",
            "mac_address": f"{_ADMIN} or {_SERVICE}",
            "fixed_ips": f"{_OWNER_OF_NETWORK} or {_SHARED}",
            "fixed_ips:ip_address": _OWNER_OF_NETWORK,
            "fixed_ips:subnet_id": f"{_OWNER_OF_NETWORK} or {_SHARED}",
            "port_security_enabled": _OWNER_OF_NETWORK,
            "binding:host_id": f"{_ADMIN} or {_SERVICE}",
            "binding:profile": _SERVICE + f" or {_ADMIN}",
            "binding:vnic_type": f"{_MEMBER} or {_SERVICE}",
            "allowed_address_pairs": f"{_ADMIN} or rule:network_owner",
        },
    },
)

_ROUTER = _rules(
    "router",
    "routers",
    {"create": _MEMBER, "get": _READER, "update": _MEMBER, "delete": _MEMBER},
    {
        "create": {
            "external_gateway_info": _MEMBER,
            "external_gateway_info:network_id": _MEMBER,
            "external_gateway_info:enable_snat": _ADMIN,
            "external_gateway_info:external_fixed_ips": _ADMIN,
        },
        "update": {
            "external_gateway_info": _MEMBER,
            "external_gateway_info:network_id": _MEMBER,
            "external_gateway_info:enable_snat": _ADMIN,
            "external_gateway_info:external_fixed_ips": _ADMIN,
        },
    },
)

_ROUTER_ACTIONS = [
    Rule(name, _MEMBER, f"{words}.", (f"PUT /routers/{{id}}/{name}",), ("project",))
    for name, words in {
        "add_router_interface": "Connect a router to a subnet",
        "remove_router_interface": "Disconnect a router from a subnet",
        "add_extraroutes": "Add extra routes to a router",
        "remove_extraroutes": "Remove extra routes from a router",
    }.items()
]

_FLOATING_IP = _rules(
    "floatingip",
    "floatingips",
    {"create": _MEMBER, "get": _READER, "update": _MEMBER, "delete": _MEMBER},
    {"create": {"floating_ip_address": _ADMIN}},
)

_SECURITY_GROUP = _rules(
    "security_group",
    "security_groups",
    {"create": _MEMBER, "get": _READER, "update": _MEMBER, "delete": _MEMBER},
    {},
)

_SECURITY_GROUP_RULE = _rules(
    "security_group_rule",
    "security_group_rules",
    {
        "create": f"{_MEMBER} or (role:member and rule:sg_owner)",
        "get": f"{_READER} or (role:reader and rule:sg_owner)",
        "update": _MEMBER,
        "delete": f"{_MEMBER} or (role:member and rule:sg_owner)",
    },
    {},
)

_SUBNET_POOL = _rules(
    "subnetpool",
    "subnetpools",
    {
        "create": _MEMBER,
        "get": f"{_READER} or 'True':%(shared)s",
        "update": _MEMBER,
        "delete": _MEMBER,
    },
    {"create": {"shared": _ADMIN, "is_default": _ADMIN}, "update": {"is_default": _ADMIN}},
)

_OTHERS = [
    Rule("get_quota", _ADMIN, "Get the quota of any project.", ("GET /quotas", "GET /quotas/{id}"), ("project",)),
    Rule("update_quota", _ADMIN, "Set a project's quota.", ("PUT /quotas/{id}",), ("project",)),
    Rule(
        "delete_quota", _ADMIN, "Put a project's quota back to the defaults.", ("DELETE /quotas/{id}",), ("project",)
    ),
    Rule("get_agent", _ADMIN, "Get the agents on hosts.", ("GET /agents", "GET /agents/{id}"), ("project",)),
    Rule("get_availability_zone", "", "List the availability zones.", ("GET /availability_zones",), ("project",)),
    Rule("get_service_provider", "", "List the service providers.", ("GET /service-providers",), ("project",)),
    Rule(
        "get_network_ip_availability",
        _ADMIN,
        "See how many addresses of networks are used.",
        ("GET /network-ip-availabilities", "GET /network-ip-availabilities/{id}"),
        ("project",),
    ),
]

RULES: tuple[Rule, ...] = (
    *_GENERAL,
    *_NETWORK,
    *_tags("network", f"{_READER} or {_SHARED} or rule:external", _MEMBER),
    *_SUBNET,
    *_tags("subnet", f"{_READER} or {_SHARED} or ({_READS_NETWORK})", f"{_MEMBER} or ({_OWNS_NETWORK})"),
    *_PORT,
    *_tags("port", f"{_READER} or ({_READS_NETWORK})", f"{_MEMBER} or ({_OWNS_NETWORK})"),
    *_ROUTER,
    *_ROUTER_ACTIONS,
    *_tags("router", _READER, _MEMBER),
    *_FLOATING_IP,
    *_tags("floatingip", _READER, _MEMBER),
    *_SECURITY_GROUP,
    *_tags("security_group", _READER, _MEMBER),
    *_SECURITY_GROUP_RULE,
    *_SUBNET_POOL,
    *_tags("subnetpool", _READER, _MEMBER),
    *_OTHERS,
)
