"""The version document (upstream API: GET /)."""

from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.answer import answer
from unkai.placement.versions import VERSIONS


async def get_root(req: Request) -> Response:
    version = {
        "id": f"v{VERSIONS.minimum}",
        "max_version": str(VERSIONS.maximum),
        "min_version": str(VERSIONS.minimum),
        # for a client that is discovering versions: this is the only one, and it is here
        "status": "CURRENT",
        "links": [{"rel": "self", "href": ""}],
    }
    return answer(req, {"versions": [version]})


ROUTES = (Route("GET", "/", get_root, auth=False),)
