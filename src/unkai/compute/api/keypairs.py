"""Key pairs (upstream API reference: Keypairs)."""

import asyncio
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from unkai.compute import keys
from unkai.compute.api import query
from unkai.compute.api.body import Body, Since, decode
from unkai.compute.api.kinds import Name, present, refuse
from unkai.compute.api.links import next_page
from unkai.compute.api.routes import Endpoint, delete, get, post
from unkai.compute.service import keypairs as service
from unkai.compute.store.keypairs import KeyPair
from unkai.kernel.clock import iso_micro
from unkai.kernel.web import Request, Response, empty, reply

_RULE = "os_compute_api:os-keypairs:"
# "@" and "." are in names from 2.92 on.
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_- ")


class NewKeyPair(Body):
    name: Name
    public_key: Annotated[str, Meta(max_length=65535)] | UnsetType = UNSET
    type: Annotated[Literal["ssh", "x509"] | UnsetType, Since(2)] = UNSET
    user_id: Annotated[str | UnsetType, Since(10)] = UNSET


class CreateKeyPair(Body):
    keypair: NewKeyPair


def _brief(request: Request, keypair: KeyPair) -> dict[str, Any]:
    view: dict[str, Any] = {
        "name": keypair.name,
        "public_key": keypair.public_key,
        "fingerprint": keypair.fingerprint,
    }
    if request.at_least(2):
        view["type"] = keypair.type
    return view


def _user(request: Request) -> str:
    """Whose key pairs: from 2.10 on an administrator may ask for another user's."""
    asked = request.query.get("user_id") if request.at_least(10) else None
    return asked or request.context.user_id


async def index(request: Request) -> Response:
    user_id = _user(request)
    request.authorize(_RULE + "index", {"user_id": user_id})
    paged = request.at_least(35)
    part = query.window(request) if paged else None
    marker, limit = (part.marker, part.limit) if part else (None, None)
    found = await request.kit.db.read(service.list_keypairs, user_id, marker, limit)
    query.require_marker(found, marker)
    answer: dict[str, Any] = {"keypairs": [{"keypair": _brief(request, keypair)} for keypair in found or []]}
    if part is not None:
        following = next_page(request, "os-keypairs", [keypair.name for keypair in found or []], part.limit)
        if following:
            answer["keypairs_links"] = following
    return reply(answer)


async def show(request: Request) -> Response:
    user_id = _user(request)
    request.authorize(_RULE + "show", {"user_id": user_id})
    keypair = await request.kit.db.read(service.get_keypair, user_id, request.params["keypair_name"])
    view = {
        **_brief(request, keypair),
        "user_id": keypair.user_id,
        "id": keypair.id,
        "created_at": iso_micro(keypair.created_at),
        "deleted": False,
        "deleted_at": None,
        "updated_at": None,
    }
    return reply({"keypair": view})


async def create(request: Request) -> Response:
    body = (await decode(request, CreateKeyPair)).keypair
    allowed = _SAFE | set("@.") if request.at_least(92) else _SAFE
    if not set(body.name) <= allowed:
        raise refuse("name", body.name, "Only letters, digits, spaces, - and _ (and @ and . from 2.92) are allowed.")
    user_id = present(body.user_id, None) or request.context.user_id
    request.authorize(_RULE + "create", {"user_id": user_id})
    kind = present(body.type, "ssh")
    private_key = None
    if isinstance(body.public_key, UnsetType):
        if request.at_least(92):
            raise refuse("public_key", None, "'public_key' is a required property")
        # Finding primes takes a tenth of a second or more: not on the event loop, and not in a transaction.
        made = await asyncio.to_thread(keys.make, kind, user_id)
        private_key = made.private_key
        wanted = service.imported(user_id, body.name, kind, made.public_key)
    else:
        wanted = service.imported(user_id, body.name, kind, body.public_key)
    keypair = await request.kit.db.run(service.add_keypair, request.kit, request.context, wanted)
    view = {**_brief(request, keypair), "user_id": keypair.user_id}
    if private_key is not None:
        view["private_key"] = private_key
    return reply({"keypair": view}, 201 if request.at_least(2) else 200)


async def remove(request: Request) -> Response:
    user_id = _user(request)
    request.authorize(_RULE + "delete", {"user_id": user_id})
    await request.kit.db.run(service.delete_keypair, user_id, request.params["keypair_name"])
    return empty(204 if request.at_least(2) else 202)


_USER = query.Names(added={10: {"user_id": None}}, strict=75)
_LIST = query.Names(added={10: {"user_id": None}, 35: query.PAGING}, strict=75)

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/os-keypairs", index, _LIST),
    post("/os-keypairs", create),
    get("/os-keypairs/{keypair_name}", show, _USER),
    delete("/os-keypairs/{keypair_name}", remove, _USER),
)
