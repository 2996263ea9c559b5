"""The version document (upstream API: GET /)."""

from unkai.kernel.web import Request, Response, Route, reply

MINIMUM, MAXIMUM = "1.0", "1.39"


async def get_root(req: Request) -> Response:
    version = {
        "id": "v1.0",
        "max_version": MAXIMUM,
        "min_version": MINIMUM,
        "status": "CURRENT",
        "links": [{"rel": "self", "href": ""}],
    }
    return reply({"versions": [version]})


ROUTES = (Route("GET", "/", get_root, auth=False),)
