"""POST /unkai/v1/what-if: where would a server with these needs go, and how many of it fit?"""

from typing import Annotated, Any

import msgspec

from unkai.kernel.ids import new_uuid
from unkai.kernel.web import Request, Response, Route, reply
from unkai.scheduler import explain, policy, service
from unkai.scheduler.model import PlaceRequest

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Traits = Annotated[list[Text], msgspec.Meta(max_length=200)]


class Needs(msgspec.Struct, forbid_unknown_fields=True):
    """What the server would need. Hosts are never named by users: `zone:host` is for administrators."""

    resources: Annotated[dict[Text, Amount], msgspec.Meta(min_length=1, max_length=50)]
    required_traits: Traits = []
    forbidden_traits: Traits = []
    zone: Text | None = None
    extra_specs: Annotated[dict[Text, Annotated[str, msgspec.Meta(max_length=255)]], msgspec.Meta(max_length=200)] = {}
    image_properties: Annotated[dict[Text, Any], msgspec.Meta(max_length=200)] = {}
    hints: Annotated[dict[Text, Any], msgspec.Meta(max_length=50)] = {}


class Body(msgspec.Struct, forbid_unknown_fields=True):
    what_if: Needs


async def post_what_if(req: Request) -> Response:
    """Nothing is claimed and nothing kept. Answers `host` (administrators only), `fits` and the refusals by rule."""
    req.authorize(policy.WHAT_IF)
    needs = (await req.decode(Body)).what_if
    request = PlaceRequest(
        server_id=new_uuid(),
        project_id=req.context.project_id or "",
        user_id=req.context.user_id,
        resources=needs.resources,
        required_traits=frozenset(needs.required_traits),
        forbidden_traits=frozenset(needs.forbidden_traits),
        zone=needs.zone,
        extra_specs=needs.extra_specs,
        image_properties=needs.image_properties,
        hints=needs.hints,
        request_id=req.context.request_id,
    )
    answer = await req.kit.db.read(service.what_if, req.kit, request)
    full = req.allows(policy.HOSTS)
    document = explain.for_admin(answer.document) if full else explain.for_user(answer.document)
    return reply({"what_if": {"possible": answer.host is not None, "fits": answer.fits, **document}})


ROUTES = (Route("POST", "/v1/what-if", post_what_if),)
