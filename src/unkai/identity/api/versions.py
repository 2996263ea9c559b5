"""Version discovery: /identity answers 300 with what there is, /identity/v3 describes v3."""

from typing import Any

from unkai.identity.api.common import link
from unkai.kernel.web import Request, Response, Route, reply

_MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]


def _v3(req: Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": link(req) + "/"}],
        "media-types": _MEDIA,
    }


async def list_versions(req: Request) -> Response:
    """GET /identity"""
    return reply({"versions": {"values": [_v3(req)]}}, 300, Location=link(req) + "/", Vary="X-Auth-Token")


async def show_version(req: Request) -> Response:
    """GET /identity/v3"""
    return reply({"version": _v3(req)}, 200, Vary="X-Auth-Token")


ROUTES = (
    Route("GET", "/", list_versions, auth=False),
    Route("GET", "/v3", show_version, auth=False),
)
