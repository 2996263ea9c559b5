"""Host aggregates (upstream API reference: Host aggregates; AGG-001 to AGG-007). The nodes room keeps them."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from unkai.compute.api.actions import only_action
from unkai.compute.api.body import Body, Check, convert, decode, given
from unkai.compute.api.kinds import Fqdn, Name, ZoneName, metadata_items, present, refuse
from unkai.compute.api.routes import Endpoint, delete, get, post, put
from unkai.compute.errors import UnknownAction
from unkai.kernel.clock import iso_micro
from unkai.kernel.errors import BadRequest
from unkai.kernel.web import Request, Response, empty, reply
from unkai.nodes import service as nodes
from unkai.nodes.service import Aggregate

_RULE = "os_compute_api:os-aggregates:"
AnyName = Annotated[str, Meta(min_length=1, max_length=255)]


class NewAggregate(Body):
    name: Name
    availability_zone: ZoneName | None | UnsetType = UNSET


class CreateAggregate(Body):
    aggregate: NewAggregate


class Changes(Body):
    name: AnyName | UnsetType = UNSET
    availability_zone: ZoneName | None | UnsetType = UNSET


class UpdateAggregate(Body):
    aggregate: Changes


class HostName(Body):
    host: Fqdn


class AddHost(Body):
    add_host: HostName


class RemoveHost(Body):
    remove_host: HostName


class NewMetadata(Body):
    metadata: Annotated[dict[str, str | None], Check(metadata_items)]


class SetMetadata(Body):
    set: NewMetadata = field(name="set_metadata")


def _view(request: Request, aggregate: Aggregate, *, short: bool = False) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": aggregate.id,
        "name": aggregate.name,
        "availability_zone": aggregate.zone,
        "created_at": iso_micro(aggregate.created_at),
        "updated_at": iso_micro(aggregate.updated_at),
        "deleted_at": None,
        "deleted": False,
    }
    if request.at_least(41):
        view["uuid"] = aggregate.uuid
    if not short:
        view.update(hosts=list(aggregate.hosts), metadata=aggregate.metadata)
    return view


def _number(request: Request) -> int:
    text = request.params["aggregate_id"]
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 10:
        raise BadRequest(reason=f"Invalid input received: id must be an integer: {text[:64]}")
    return int(text)


async def index(request: Request) -> Response:
    request.authorize(_RULE + "index")
    found = await request.kit.db.read(nodes.aggregates)
    return reply({"aggregates": [_view(request, aggregate) for aggregate in found]})


async def show(request: Request) -> Response:
    request.authorize(_RULE + "show")
    found = await request.kit.db.read(nodes.aggregate, _number(request))
    return reply({"aggregate": _view(request, found)})


async def create(request: Request) -> Response:
    body = (await decode(request, CreateAggregate)).aggregate
    request.authorize(_RULE + "create")
    made = await request.kit.db.run(nodes.create_aggregate, body.name, present(body.availability_zone, None))
    return reply({"aggregate": _view(request, made, short=True)})


async def update(request: Request) -> Response:
    body = (await decode(request, UpdateAggregate)).aggregate
    request.authorize(_RULE + "update")
    if not given(body):
        raise refuse("aggregate", "{}", "'name' or 'availability_zone' is a required property")
    name, zone = present(body.name, None), present(body.availability_zone, None)
    found = await request.kit.db.run(
        nodes.update_aggregate, _number(request), name=None if name is None else name.strip(), zone=zone
    )
    if body.availability_zone is None:
        key = {"availability_zone": None}
        found = await request.kit.db.run(nodes.set_aggregate_metadata, _number(request), key)
    return reply({"aggregate": _view(request, found)})


async def remove(request: Request) -> Response:
    request.authorize(_RULE + "delete")
    await request.kit.db.run(nodes.delete_aggregate, _number(request))
    return empty(200)


async def act(request: Request) -> Response:
    name, content = await only_action(request)
    if name == "add_host":
        host = convert(request, content, AddHost).add_host.host
        request.authorize(_RULE + "add_host")
        found = await request.kit.db.run(nodes.add_aggregate_host, request.kit, _number(request), host)
    elif name == "remove_host":
        host = convert(request, content, RemoveHost).remove_host.host
        request.authorize(_RULE + "remove_host")
        found = await request.kit.db.run(nodes.remove_aggregate_host, _number(request), host)
    elif name == "set_metadata":
        metadata = convert(request, content, SetMetadata).set.metadata
        request.authorize(_RULE + "set_metadata")
        found = await request.kit.db.run(nodes.set_aggregate_metadata, _number(request), metadata)
    else:
        raise UnknownAction(action=name[:64])
    return reply({"aggregate": _view(request, found)})


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/os-aggregates", index),
    post("/os-aggregates", create),
    get("/os-aggregates/{aggregate_id}", show),
    put("/os-aggregates/{aggregate_id}", update),
    delete("/os-aggregates/{aggregate_id}", remove),
    post("/os-aggregates/{aggregate_id}/action", act),
)
