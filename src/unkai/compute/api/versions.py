"""Version documents, which need no token: clients find their way with them."""

from typing import Any

from unkai.compute.api.routes import MAXIMUM, MINIMUM
from unkai.kernel.web import Request, Response, Route, reply

_UPDATED = "2013-07-23T11:33:21Z"


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": str(MAXIMUM),
        "min_version": str(MINIMUM),
        "updated": _UPDATED,
        "links": [{"rel": "self", "href": f"{request.base_url}/v2.1/"}],
    }


async def index(request: Request) -> Response:
    return reply({"versions": [_version(request)]})


async def show(request: Request) -> Response:
    view = _version(request)
    view["links"].append(
        {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/api-ref/compute/"}
    )
    media = {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
    view["media-types"] = [media]
    return reply({"version": view})


ROUTES: tuple[Route, ...] = (
    Route("GET", "", index, auth=False),
    Route("GET", "/v2.1", show, auth=False),
    Route("GET", "/v2.1/versions/{id}", show, auth=False),
)
