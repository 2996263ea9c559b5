"""What this service is: its versions, schemas, import methods, stores and usage."""

from typing import Any

from unkai.image import schemas
from unkai.image.blobs import Stores
from unkai.kernel.errors import NotFound
from unkai.kernel.web import Request, Response, Route, reply

# Upstream's list for a service without cache and import between stores. Newest first; 2.17 is the locations API.
_CURRENT = "2.17"
_SUPPORTED = ("2.15", "2.9", "2.7", "2.6", "2.5", "2.4", "2.3", "2.2", "2.1", "2.0")

# What the interoperable import can do here. Clients upload when the list is empty.
IMPORT_METHODS: tuple[str, ...] = ()


def _versions(req: Request) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{req.base_url}/v2/"}]
    found = [(_CURRENT, "CURRENT"), *((number, "SUPPORTED") for number in _SUPPORTED)]
    return {"versions": [{"id": f"v{number}", "status": status, "links": links} for number, status in found]}


async def choose_version(req: Request) -> Response:
    """List the API's versions, as a choice to make."""
    return reply(_versions(req), 300)


async def list_versions(req: Request) -> Response:
    """List the API's versions."""
    return reply(_versions(req))


async def show_schema(req: Request) -> Response:
    """Show a JSON schema: image, images, member or members."""
    document = schemas.documents(req.kit.settings).get(req.params["name"])
    if document is None:
        raise NotFound
    return reply(document)


async def show_import(req: Request) -> Response:
    """Show the import methods."""
    methods = {"description": "Import methods available.", "type": "array", "value": IMPORT_METHODS}
    return reply({"import-methods": methods})


async def list_stores(req: Request) -> Response:
    """List the stores that images' data can lie in."""
    return reply({"stores": _stores(req)})


async def list_stores_detail(req: Request) -> Response:
    """List the stores with their configuration."""
    req.authorize("stores_info_detail", {})
    stores = req.kit.get(Stores)
    found = _stores(req)
    for entry in found:
        store = stores.get(entry["id"])
        entry.update(type=store.kind, weight=0, properties=store.details())
    return reply({"stores": found})


def _stores(req: Request) -> list[dict[str, Any]]:
    stores = req.kit.get(Stores)
    found: list[dict[str, Any]] = []
    for name in stores.names():
        entry: dict[str, Any] = {"id": name, "description": f"Image data as upstream's {stores.get(name).kind} store"}
        if name == stores.default:
            entry["default"] = "true"
        found.append(entry)
    return found


async def show_usage(req: Request) -> Response:
    """Show usage and limits that Identity registered: none, since limits are this service's own settings."""
    return reply({"usage": {}})


ROUTES = (
    Route("GET", "/", choose_version, auth=False),
    Route("GET", "/versions", list_versions, auth=False),
    Route("GET", "/v2/schemas/{name}", show_schema),
    Route("GET", "/v2/info/import", show_import),
    Route("GET", "/v2/info/stores", list_stores),
    Route("GET", "/v2/info/stores/detail", list_stores_detail),
    Route("GET", "/v2/info/usage", show_usage),
)
