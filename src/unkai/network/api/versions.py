"""What versions there are, and what the one version has."""

from unkai.kernel.web import Request, Response, Route, reply
from unkai.network.api.resource import VERSION

_COLLECTIONS = (
    ("network", "networks"),
    ("subnet", "subnets"),
    ("subnetpool", "subnetpools"),
    ("port", "ports"),
    ("router", "routers"),
    ("floatingip", "floatingips"),
    ("security-group", "security-groups"),
    ("security-group-rule", "security-group-rules"),
    ("quota", "quotas"),
    ("agent", "agents"),
    ("extension", "extensions"),
)


async def _versions(request: Request) -> Response:
    """The versions of the API."""
    link = {"rel": "self", "href": f"{request.base_url}{VERSION}/"}
    return reply({"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]})


async def _version(request: Request) -> Response:
    """The resources of this version."""
    base = f"{request.base_url}{VERSION}"
    found = [
        {"name": name, "collection": plural, "links": [{"rel": "self", "href": f"{base}/{plural}"}]}
        for name, plural in _COLLECTIONS
    ]
    return reply({"resources": found})


ROUTES = (
    Route("GET", "/", _versions, auth=False),
    Route("GET", VERSION, _version, auth=False),
)
