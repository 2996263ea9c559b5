"""/extensions: only what is true, under upstream's aliases."""

from typing import Any

from unkai.kernel.web import Request, Response, Route, reply
from unkai.network.api.querying import chosen, fields
from unkai.network.api.resource import VERSION
from unkai.network.errors import ExtensionNotFound

# alias -> (name, description). Each line is a promise: tests/api/network walks them.
EXTENSIONS = {
    "agent": ("agent", "The agents on hosts."),
    "allowed-address-pairs": ("Allowed Address Pairs", "Addresses besides its own that a port may use."),
    "availability_zone": ("Availability Zone", "The availability zones of networks and routers."),
    "binding": ("Port Binding", "On which host a port is plugged, and how."),
    "default-subnetpools": ("Default Subnetpools", "A pool that subnets come from when none is named."),
    "empty-string-filtering": ("Empty String Filtering Extension", "Filters with an empty value find empty values."),
    "ext-gw-mode": ("Router External Gateway Mode", "Routers may do without source address translation."),
    "external-net": ("External networks", "Networks that lead outside (router:external)."),
    "extra_dhcp_opt": ("Extra DHCP options", "DHCP options of single ports."),
    "extraroute": ("Extra Route", "Extra routes of routers."),
    "extraroute-atomic": ("Atomically add/remove extra routes", "Add or remove some routes and leave the others."),
    "filter-validation": ("Filter parameters validation", "Filters by unknown attributes are refused."),
    "fip-port-details": ("Floating IP Port Details Extension", "The port behind a floating IP."),
    "ip-substring-filtering": ("IP address substring filtering", "Ports by a part of their addresses."),
    "ip_allocation": ("IP Allocation", "When a port's addresses were allocated."),
    "l2_adjacency": ("L2 Adjacency", "Whether a network is one broadcast domain."),
    "net-mtu": ("Network MTU", "The MTU of a network."),
    "net-mtu-writable": ("Network MTU (writable)", "The MTU of a network may be chosen and changed."),
    "network-ip-availability": ("Network IP Availability", "How many addresses of a network are used."),
    "pagination": ("Pagination support", "Lists by pages."),
    "port-security": ("Port Security", "Ports may do without protection against spoofing and without groups."),
    "port-security-groups-filtering": ("Port filtering on security groups", "Ports by their security groups."),
    "project-id": ("project_id field enabled", "project_id beside tenant_id."),
    "provider": ("Provider Network", "The segments of networks, for administrators."),
    "quota_details": ("Quota details management support", "Quotas with what is used of them."),
    "quotas": ("Quota management support", "Quotas of projects."),
    "revision-if-match": ("If-Match constraints based on revision_number", "Changes on condition of a revision."),
    "router": ("Neutron L3 Router", "Routers and floating IPs."),
    "security-group": ("security-group", "Security groups."),
    "security-groups-normalized-cidr": ("Normalized CIDR field for security group rules", "The CIDR a rule means."),
    "security-groups-shared-filtering": ("Security group filtering on the shared field", "Groups by `shared`."),
    "service-type": ("Neutron Service Type Management", "Who provides a kind of service."),
    "sorting": ("Sorting support", "Sorted lists."),
    "standard-attr-description": ("standard-attr-description", "Descriptions of resources."),
    "standard-attr-revisions": ("Resource revision numbers", "Revision numbers of resources."),
    "standard-attr-tag": ("Tag support for resources with standard attribute", "Tags of resources."),
    "standard-attr-timestamp": ("Resource timestamps", "When resources were created and changed."),
    "stateful-security-group": ("Stateful security group", "Groups without connection tracking."),
    "subnet-service-types": ("Subnet service types", "Subnets for some kinds of ports only."),
    "subnet_allocation": ("Subnet Allocation", "Subnets cut out of pools."),
    "tag": ("Tag support", "Tags of networks."),
    "tag-creation": ("Tag creation extension", "Several tags at once."),
    "tag-ext": ("Tag support for resources: subnet, subnetpool, port, router", "Tags of these resources."),
}
_UPDATED = "2026-01-01T00:00:00-00:00"


def _view(alias: str) -> dict[str, Any]:
    name, description = EXTENSIONS[alias]
    return {"alias": alias, "name": name, "description": description, "updated": _UPDATED, "links": []}


async def _list(request: Request) -> Response:
    """What this API can."""
    names = fields(request)
    return reply({"extensions": [chosen(_view(alias), names) for alias in EXTENSIONS]})


async def _show(request: Request) -> Response:
    """One extension."""
    alias = request.params["alias"]
    if alias not in EXTENSIONS:
        raise ExtensionNotFound(alias=alias)
    return reply({"extension": chosen(_view(alias), fields(request))})


ROUTES = (
    Route("GET", f"{VERSION}/extensions", _list),
    Route("GET", f"{VERSION}/extensions/{{alias}}", _show),
)
