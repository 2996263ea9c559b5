"""/v3/regions, /v3/services and /v3/endpoints"""

from typing import Any

from unkai.identity.api.common import collection, link, listing, read_change, read_resource, target
from unkai.identity.errors import Invalid
from unkai.identity.model import Endpoint, Region, Service
from unkai.identity.service import catalog
from unkai.identity.service.catalog import EndpointFields, RegionFields, ServiceFields
from unkai.kernel.errors import InvalidParameter
from unkai.kernel.paging import SortKey
from unkai.kernel.web import Request, Response, Route, empty, reply

_BY_ID = (SortKey("id"),)


def _region(req: Request, region: Region) -> dict[str, Any]:
    return {
        **region.extra,
        "id": region.id,
        "description": region.description,
        "parent_region_id": region.parent_region_id,
        "links": {"self": link(req, "regions", region.id)},
    }


def _service(req: Request, service: Service) -> dict[str, Any]:
    return {
        **service.extra,
        "id": service.id,
        "type": service.type,
        "name": service.name,
        "enabled": service.enabled,
        "links": {"self": link(req, "services", service.id)},
    }


def _endpoint(req: Request, endpoint: Endpoint) -> dict[str, Any]:
    return {
        **endpoint.extra,
        "id": endpoint.id,
        "interface": endpoint.interface,
        "service_id": endpoint.service_id,
        "region_id": endpoint.region_id,
        "region": endpoint.region_id,
        "url": endpoint.url,
        "enabled": endpoint.enabled,
        "links": {"self": link(req, "endpoints", endpoint.id)},
    }


async def list_regions(req: Request) -> Response:
    """GET /v3/regions"""
    req.authorize("identity:list_regions", target(req))
    asked = listing(req, ("parent_region_id",), sortable=("id",), default=_BY_ID)
    found, more = await req.kit.db.read(catalog.list_regions, asked)
    return collection(req, "regions", [_region(req, one) for one in found], more=more, asked=asked)


async def create_region(req: Request) -> Response:
    """POST /v3/regions"""
    req.authorize("identity:create_region", target(req))
    wanted, body = await read_resource(req, "region", RegionFields)
    region = await req.kit.db.run(catalog.create_region, wanted, body.extra)
    return reply({"region": _region(req, region)}, 201)


async def put_region(req: Request) -> Response:
    """PUT /v3/regions/{region_id}: the id is the caller's choice"""
    req.authorize("identity:create_region", target(req))
    region_id = req.params["region_id"]
    wanted, body = await read_resource(req, "region", RegionFields)
    if isinstance(wanted.id, str) and wanted.id != region_id:
        raise Invalid(reason=f'Conflicting region IDs specified: "{region_id}" != "{wanted.id}"')
    fields = RegionFields(id=region_id, description=wanted.description, parent_region_id=wanted.parent_region_id)
    region = await req.kit.db.run(catalog.create_region, fields, body.extra)
    return reply({"region": _region(req, region)}, 201)


async def show_region(req: Request) -> Response:
    """GET /v3/regions/{region_id}"""
    req.authorize("identity:get_region", target(req))
    return reply({"region": _region(req, await req.kit.db.read(catalog.region, req.params["region_id"]))})


async def update_region(req: Request) -> Response:
    """PATCH /v3/regions/{region_id}"""
    req.authorize("identity:update_region", target(req))
    region_id = req.params["region_id"]
    wanted, body = await read_change(req, "region", RegionFields, region_id)
    region = await req.kit.db.run(catalog.update_region, region_id, wanted, body.extra)
    return reply({"region": _region(req, region)})


async def delete_region(req: Request) -> Response:
    """DELETE /v3/regions/{region_id}"""
    req.authorize("identity:delete_region", target(req))
    await req.kit.db.run(catalog.delete_region, req.params["region_id"])
    return empty(204)


async def list_services(req: Request) -> Response:
    """GET /v3/services"""
    req.authorize("identity:list_services", target(req))
    asked = listing(req, ("type", "name"), sortable=("id", "name", "type"))
    found, more = await req.kit.db.read(catalog.list_services, asked)
    return collection(req, "services", [_service(req, one) for one in found], more=more, asked=asked)


async def create_service(req: Request) -> Response:
    """POST /v3/services"""
    req.authorize("identity:create_service", target(req))
    wanted, body = await read_resource(req, "service", ServiceFields)
    service = await req.kit.db.run(catalog.create_service, wanted, body.extra)
    return reply({"service": _service(req, service)}, 201)


async def show_service(req: Request) -> Response:
    """GET /v3/services/{service_id}"""
    req.authorize("identity:get_service", target(req))
    return reply({"service": _service(req, await req.kit.db.read(catalog.service, req.params["service_id"]))})


async def update_service(req: Request) -> Response:
    """PATCH /v3/services/{service_id}"""
    req.authorize("identity:update_service", target(req))
    service_id = req.params["service_id"]
    wanted, body = await read_change(req, "service", ServiceFields, service_id)
    service = await req.kit.db.run(catalog.update_service, service_id, wanted, body.extra)
    return reply({"service": _service(req, service)})


async def delete_service(req: Request) -> Response:
    """DELETE /v3/services/{service_id}"""
    req.authorize("identity:delete_service", target(req))
    await req.kit.db.run(catalog.delete_service, req.params["service_id"])
    return empty(204)


async def list_endpoints(req: Request) -> Response:
    """GET /v3/endpoints"""
    req.authorize("identity:list_endpoints", target(req))
    interface = req.query.get("interface")
    if interface is not None and interface not in ("admin", "internal", "public"):
        raise InvalidParameter(name="interface", reason="it must be admin, internal or public")
    filters = ("interface", "service_id", "region_id")
    asked = listing(req, filters, sortable=("id", *filters), default=_BY_ID)
    found, more = await req.kit.db.read(catalog.list_endpoints, asked)
    return collection(req, "endpoints", [_endpoint(req, one) for one in found], more=more, asked=asked)


async def create_endpoint(req: Request) -> Response:
    """POST /v3/endpoints"""
    req.authorize("identity:create_endpoint", target(req))
    wanted, body = await read_resource(req, "endpoint", EndpointFields)
    endpoint = await req.kit.db.run(catalog.create_endpoint, wanted, body.extra)
    return reply({"endpoint": _endpoint(req, endpoint)}, 201)


async def show_endpoint(req: Request) -> Response:
    """GET /v3/endpoints/{endpoint_id}"""
    req.authorize("identity:get_endpoint", target(req))
    return reply({"endpoint": _endpoint(req, await req.kit.db.read(catalog.endpoint, req.params["endpoint_id"]))})


async def update_endpoint(req: Request) -> Response:
    """PATCH /v3/endpoints/{endpoint_id}"""
    req.authorize("identity:update_endpoint", target(req))
    endpoint_id = req.params["endpoint_id"]
    wanted, body = await read_change(req, "endpoint", EndpointFields, endpoint_id)
    endpoint = await req.kit.db.run(catalog.update_endpoint, endpoint_id, wanted, body.extra)
    return reply({"endpoint": _endpoint(req, endpoint)})


async def delete_endpoint(req: Request) -> Response:
    """DELETE /v3/endpoints/{endpoint_id}"""
    req.authorize("identity:delete_endpoint", target(req))
    await req.kit.db.run(catalog.delete_endpoint, req.params["endpoint_id"])
    return empty(204)


ROUTES = (
    Route("GET", "/v3/regions", list_regions),
    Route("POST", "/v3/regions", create_region),
    Route("GET", "/v3/regions/{region_id}", show_region),
    Route("PUT", "/v3/regions/{region_id}", put_region),
    Route("PATCH", "/v3/regions/{region_id}", update_region),
    Route("DELETE", "/v3/regions/{region_id}", delete_region),
    Route("GET", "/v3/services", list_services),
    Route("POST", "/v3/services", create_service),
    Route("GET", "/v3/services/{service_id}", show_service),
    Route("PATCH", "/v3/services/{service_id}", update_service),
    Route("DELETE", "/v3/services/{service_id}", delete_service),
    Route("GET", "/v3/endpoints", list_endpoints),
    Route("POST", "/v3/endpoints", create_endpoint),
    Route("GET", "/v3/endpoints/{endpoint_id}", show_endpoint),
    Route("PATCH", "/v3/endpoints/{endpoint_id}", update_endpoint),
    Route("DELETE", "/v3/endpoints/{endpoint_id}", delete_endpoint),
)
