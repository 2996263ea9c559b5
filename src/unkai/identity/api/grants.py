"""Roles of users and groups on projects, domains and the system, inherited ones too: 42 routes, one shape."""

import functools
from collections.abc import Awaitable, Callable

import msgspec

from unkai.identity.api.common import collection, target
from unkai.identity.api.roles import render_role
from unkai.identity.model import SYSTEM, ActorKind, Assignment, TargetKind
from unkai.identity.service import grants
from unkai.kernel.web import Request, Response, Route, empty
from unkai.kernel.web.routing import Handler

PlacedHandler = Callable[["Place", Request], Awaitable[Response]]


class Place(msgspec.Struct, frozen=True):
    """Which kind of grant a path is about."""

    actor_kind: ActorKind
    target_kind: TargetKind
    inherited: bool = False

    @property
    def actor_field(self) -> str:
        return f"{self.actor_kind}_id"

    def target_id(self, req: Request) -> str:
        return SYSTEM if self.target_kind == "system" else req.params[f"{self.target_kind}_id"]

    def rule(self, verb: str) -> str:
        if self.target_kind == "system":
            return f"identity:{verb}_system_grant{'s' if verb == 'list' else ''}_for_{self.actor_kind}"
        return f"identity:{verb}_grant{'s' if verb == 'list' else ''}"


async def _authorize(place: Place, req: Request, verb: str, *, actor_may_be_gone: bool = False) -> None:
    """Raises the not-found error of what the address names, then Forbidden."""
    facts = await req.kit.db.read(
        grants.facts,
        actor_kind=place.actor_kind,
        actor_id=req.params[place.actor_field],
        target_kind=place.target_kind,
        target_id=place.target_id(req),
        role_id=req.params.get("role_id"),
        actor_may_be_gone=actor_may_be_gone,
    )
    req.authorize(place.rule(verb), target(req, facts))


def _assignment(place: Place, req: Request) -> Assignment:
    return Assignment(
        role_id=req.params["role_id"],
        actor_kind=place.actor_kind,
        actor_id=req.params[place.actor_field],
        target_kind=place.target_kind,
        target_id=place.target_id(req),
        inherited=place.inherited,
    )


async def list_roles(place: Place, req: Request) -> Response:
    await _authorize(place, req, "list")
    found = await req.kit.db.read(
        grants.held,
        place.actor_kind,
        req.params[place.actor_field],
        place.target_kind,
        place.target_id(req),
        inherited=place.inherited,
    )
    return collection(req, "roles", [render_role(req, role) for role in found])


async def check_role(place: Place, req: Request) -> Response:
    await _authorize(place, req, "check")
    await req.kit.db.read(grants.check, _assignment(place, req))
    return empty(204)


async def give_role(place: Place, req: Request) -> Response:
    await _authorize(place, req, "create")
    await req.kit.db.run(grants.grant, _assignment(place, req))
    return empty(204)


async def take_role(place: Place, req: Request) -> Response:
    await _authorize(place, req, "revoke", actor_may_be_gone=True)
    await req.kit.db.run(grants.revoke, _assignment(place, req))
    return empty(204)


def _routes(place: Place) -> list[Route]:
    where = "/system" if place.target_kind == "system" else f"/{place.target_kind}s/{{{place.target_kind}_id}}"
    roles = f"{where}/{place.actor_kind}s/{{{place.actor_field}}}/roles"
    prefix, tail = ("/v3/OS-INHERIT", "/inherited_to_projects") if place.inherited else ("/v3", "")
    listed, one = f"{prefix}{roles}{tail}", f"{prefix}{roles}/{{role_id}}{tail}"

    def of(handler: PlacedHandler) -> Handler:
        return functools.partial(handler, place)

    found = [
        Route("GET", one, of(check_role)),
        Route("PUT", one, of(give_role)),
        Route("DELETE", one, of(take_role)),
    ]
    if not (place.inherited and place.target_kind == "project"):
        found.append(Route("GET", listed, of(list_roles)))
    return found


_ACTORS: tuple[ActorKind, ...] = ("user", "group")
_PLACES = (
    *(Place(actor, "project", inherited) for actor in _ACTORS for inherited in (False, True)),
    *(Place(actor, "domain", inherited) for actor in _ACTORS for inherited in (False, True)),
    *(Place(actor, "system") for actor in _ACTORS),
)

ROUTES = tuple(route for place in _PLACES for route in _routes(place))
