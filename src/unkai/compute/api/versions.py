"""Version documents, which need no token: clients find their way with them."""

from typing import Any

from unkai.compute.api.routes import MAXIMUM, MINIMUM
from unkai.kernel.web import Request, Response, Route, reply

_DOCS = {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/api-ref/compute/"}
_OLD: dict[str, Any] = {
    "id": "v2.0", "status": "DEPRECATED", "version": "", "min_version": "", "updated": "2025-07-04T12:00:00Z",
}  # fmt: skip
_NEW: dict[str, Any] = {
    "id": "v2.1", "status": "CURRENT", "version": str(MAXIMUM), "min_version": str(MINIMUM),
    "updated": "2013-07-23T11:33:21Z",
}  # fmt: skip


def _link(request: Request, folder: str) -> dict[str, str]:
    return {"rel": "self", "href": f"{request.base_url}/{folder}/"}


async def index(request: Request) -> Response:
    versions = [
        {**_OLD, "links": [_link(request, "v2")]},
        {**_NEW, "links": [_link(request, "v2.1")]},
    ]
    return reply({"versions": versions})


async def show(request: Request) -> Response:
    return _show(request, _NEW, "v2.1", "2.1")


async def show_old(request: Request) -> Response:
    return _show(request, _OLD, "v2", "2")


def _show(request: Request, version: dict[str, Any], folder: str, number: str) -> Response:
    media = {"base": "application/json", "type": f"application/vnd.openstack.compute+json;version={number}"}
    return reply({"version": {**version, "links": [_link(request, folder), _DOCS], "media-types": [media]}})


ROUTES: tuple[Route, ...] = (
    Route("GET", "", index, auth=False),
    Route("GET", "/v2", show_old, auth=False),
    Route("GET", "/v2.1", show, auth=False),
    Route("GET", "/v2.1/versions/{id}", show, auth=False),
)
