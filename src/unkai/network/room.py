"""The room as `cloud` sees it."""

import msgspec

from unkai.kernel.kit import Kit
from unkai.kernel.web import ErrorView, Room
from unkai.network import policy, wiring
from unkai.network.api import (
    extensions,
    floating_ips,
    networks,
    others,
    ports,
    quotas,
    routers,
    security_groups,
    subnetpools,
    subnets,
    versions,
)
from unkai.network.hosts import Hosts
from unkai.network.ovn.memory import MemoryNorth
from unkai.network.ovn.north import NorthWriter
from unkai.network.service import access
from unkai.network.settings import OvnOptions
from unkai.network.wiring import Wiring

_ROUTES = (
    *versions.ROUTES,
    *extensions.ROUTES,
    *networks.ROUTES,
    *subnets.ROUTES,
    *subnetpools.ROUTES,
    *ports.ROUTES,
    *routers.ROUTES,
    *floating_ips.ROUTES,
    *security_groups.ROUTES,
    *quotas.ROUTES,
    *others.ROUTES,
)

# Errors of the kernel under the names of upstream's exceptions; the room's own classes have theirs.
_TYPES = {
    "InvalidBody": "HTTPBadRequest",
    "BadRequest": "HTTPBadRequest",
    "MalformedJson": "MalformedRequestBody",
    "InvalidParameter": "HTTPBadRequest",
    "Forbidden": "PolicyNotAuthorized",
    "NotFound": "HTTPNotFound",
    "MethodNotAllowed": "HTTPMethodNotAllowed",
    "TooLarge": "HTTPRequestEntityTooLarge",
    "UriTooLong": "HTTPRequestURITooLong",
    "UnsupportedMediaType": "HTTPUnsupportedMediaType",
    "ServiceUnavailable": "HTTPServiceUnavailable",
    "ApiError": "HTTPInternalServerError",
}


def render_error(view: ErrorView) -> tuple[str, bytes]:
    """Upstream's body: the type of the exception, a message, and details (none)."""
    if view.status == 401:
        body: dict[str, object] = {"error": {"code": 401, "title": view.title, "message": view.message}}
        return "application/json", msgspec.json.encode(body)
    message = view.message
    if view.kind == "Forbidden":
        message = f"rule:{view.params.get('rule')} is disallowed by policy"
    error = {"type": _TYPES.get(view.kind, view.kind), "message": message, "detail": ""}
    return "application/json", msgspec.json.encode({"NeutronError": error})


def _north(kit: Kit) -> NorthWriter:
    options = kit.settings[OvnOptions]
    if not options.ovn_nb_connection:
        return MemoryNorth()
    # Only a cloud with an OVN pays for its client.
    from unkai.network.ovn.database import OvnNorth

    return OvnNorth(options.ovn_nb_connection, options.ovsdb_connection_timeout)


def build(kit: Kit) -> Room:
    kit.put(Hosts, Hosts())
    kit.put(Wiring, Wiring(_north(kit)))
    return Room(
        name="network",
        prefix="/network",
        routes=_ROUTES,
        render_error=render_error,
        policies=policy.RULES,
        quotas=access.quota_resources(kit.settings),
        background=(wiring.run,),
    )
