"""The handlers that every resource has: list, show, create (one or many), update, delete, and its tags.

A handler parses and renders; what happens in the database is one transaction: load in the caller's scope (404 for
what it may not see), ask the policy with the resource as target, call the service.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from unkai.kernel import clock
from unkai.kernel.context import Context
from unkai.kernel.errors import Forbidden, InvalidBody
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route, empty, reply
from unkai.network.api import querying
from unkai.network.api.attributes import Attributes, for_create, for_update
from unkai.network.api.querying import Filterable
from unkai.network.errors import HTTPBadRequest, RevisionNumberConstraintFailed
from unkai.network.model import Listing
from unkai.network.service.access import scope_of

VERSION = "/v2.0"
Values = dict[str, Any]


async def _nothing(request: Request) -> None:
    """Most lists need no preparation."""


def _no_parents(tx: Tx, kit: Kit, context: Context, values: Values) -> Values:
    return {}


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as data. `plain` renders all attributes; `create` gets all the new ones of a request at once.

    `parents` are values of what a new one belongs to, for the policy ("network:tenant_id"); `target` the same for
    one that exists. `prepare` runs before a list (what is made on demand).
    """

    name: str
    plural: str
    attributes: Attributes
    filterable: Filterable
    plain: Callable[[Any], Values]
    target: Callable[[Any], Values] = lambda item: {}
    find: Callable[[Tx, Scope, Listing], list[Any]]
    get: Callable[[Tx, Scope, str], Any]
    new: type[msgspec.Struct] | None = None
    create: Callable[[Tx, Kit, Context, list[Any]], list[Any]] | None = None
    parents: Callable[[Tx, Kit, Context, Values], Values] = _no_parents
    change: type[msgspec.Struct] | None = None
    update: Callable[[Tx, Kit, Context, Any, Any], Any] | None = None
    delete: Callable[[Tx, Kit, Context, Any], None] | None = None
    prepare: Callable[[Request], Awaitable[None]] = _nothing

    @property
    def path(self) -> str:
        return f"{VERSION}/{self.plural.replace('_', '-')}"


def routes(resource: Resource) -> tuple[Route, ...]:
    """The routes of a resource, without those of its tags and actions."""
    one = f"{resource.path}/{{id}}"
    found = [
        Route("GET", resource.path, partial(_list, resource)),
        Route("GET", one, partial(_show, resource)),
    ]
    if resource.create is not None:
        found.append(Route("POST", resource.path, partial(_create, resource)))
    if resource.update is not None:
        found.append(Route("PUT", one, partial(_update, resource)))
    if resource.delete is not None:
        found.append(Route("DELETE", one, partial(_delete, resource)))
    return tuple(found)


def view(resource: Resource, kit: Kit, context: Context, item: Any) -> Values:
    """What this caller may see of one item."""
    plain = resource.plain(item)
    target = plain | resource.target(item)
    hidden = [
        name
        for name in plain
        if (rule := f"get_{resource.name}:{name}") in kit.policy.rules and not kit.policy.allows(context, rule, target)
    ]
    return {name: value for name, value in plain.items() if name not in hidden}


def load(resource: Resource, tx: Tx, kit: Kit, context: Context, id: str, verb: str) -> Any:
    """The item, if the caller may do `verb` ("get", "update", "delete" or an action's rule) to it.

    What the caller may not even see is not found. Raises the resource's not-found error, Forbidden.
    """
    item = resource.get(tx, scope_of(kit, context), id)
    target = resource.plain(item) | resource.target(item)
    rule = f"{verb}_{resource.name}" if verb in ("get", "update", "delete") else verb
    allowed(resource, tx, kit, context, rule, target, id)
    return item


def allowed(resource: Resource, tx: Tx, kit: Kit, context: Context, rule: str, target: Values, id: str) -> None:
    """Refuse with 403 what the caller sees but may not do, and with 404 what it does not see."""
    if kit.policy.allows(context, rule, target):
        return
    if rule == f"get_{resource.name}" or not kit.policy.allows(context, f"get_{resource.name}", target):
        resource.get(tx, Scope.nothing(), id)
    raise Forbidden(rule=rule)


# ---- handlers -------------------------------------------------------------------------------------


async def _list(resource: Resource, request: Request) -> Response:
    """What the caller sees, by filters, sorted, by pages."""
    wanted = querying.listing(request, resource.filterable)
    names = querying.fields(request)
    await resource.prepare(request)
    scope = scope_of(request.kit, request.context)
    items = await request.kit.db.read(resource.find, scope, wanted)
    policy, context = request.kit.policy, request.context
    rule = f"get_{resource.name}"
    shown = [
        view(resource, request.kit, context, item)
        for item in items
        if policy.allows(context, rule, resource.plain(item) | resource.target(item))
    ]
    body: Values = {resource.plural: [querying.chosen(item, names) for item in shown]}
    found = querying.links(request, wanted.page, [item.id for item in items], resource.path)
    if found:
        body[f"{resource.plural}_links"] = found
    return reply(body)


async def _show(resource: Resource, request: Request) -> Response:
    """One of them."""
    item = await request.kit.db.read(_loaded, resource, request, request.params["id"])
    shown = view(resource, request.kit, request.context, item)
    return reply({resource.name: querying.chosen(shown, querying.fields(request))})


def _loaded(tx: Tx, resource: Resource, request: Request, id: str) -> Any:
    return load(resource, tx, request.kit, request.context, id, "get")


async def _create(resource: Resource, request: Request) -> Response:
    """Make one, or several at once: all or none."""
    body = await _body(request)
    many = resource.plural in body
    given = body.get(resource.plural if many else resource.name)
    if many and (not isinstance(given, list) or not given):
        raise HTTPBadRequest(reason="Resources required")
    wanted = [values_of(resource, one) for one in (given if many else [given])]  # type: ignore[union-attr]
    ready = [_with_project(request, for_create(resource.attributes, one)) for one in wanted]
    items = await request.kit.db.run(_created, resource, request, ready)
    shown = [view(resource, request.kit, request.context, item) for item in items]
    return reply({resource.plural: shown} if many else {resource.name: shown[0]}, 201)


def _created(tx: Tx, resource: Resource, request: Request, wanted: list[Values]) -> list[Any]:
    kit, context = request.kit, request.context
    assert resource.new is not None and resource.create is not None
    new = []
    for values in wanted:
        target = _defaults(resource.attributes) | values | {"tenant_id": values["project_id"]}
        target |= resource.parents(tx, kit, context, values)
        kit.policy.authorize(context, f"create_{resource.name}", target)
        _authorize_attributes(resource, kit, context, "create", values, target)
        plain = {name: value for name, value in values.items() if name != "tenant_id"}
        new.append(msgspec.convert(plain, resource.new))
    return resource.create(tx, kit, context, new)


async def _update(resource: Resource, request: Request) -> Response:
    """Change one."""
    body = await _body(request)
    values = for_update(resource.attributes, values_of(resource, body.get(resource.name)))
    item = await request.kit.db.run(_updated, resource, request, values)
    return reply({resource.name: view(resource, request.kit, request.context, item)})


def _updated(tx: Tx, resource: Resource, request: Request, values: Values) -> Any:
    kit, context, id = request.kit, request.context, request.params["id"]
    assert resource.change is not None and resource.update is not None
    item = resource.get(tx, scope_of(kit, context), id)
    target = resource.plain(item) | values | resource.target(item)
    allowed(resource, tx, kit, context, f"update_{resource.name}", target, id)
    _authorize_attributes(resource, kit, context, "update", values, target)
    if_match(request, item)
    return resource.update(tx, kit, context, item, msgspec.convert(values, resource.change))


async def _delete(resource: Resource, request: Request) -> Response:
    """Delete one."""
    await request.kit.db.run(_deleted, resource, request)
    return empty(204)


def _deleted(tx: Tx, resource: Resource, request: Request) -> None:
    assert resource.delete is not None
    item = load(resource, tx, request.kit, request.context, request.params["id"], "delete")
    if_match(request, item)
    resource.delete(tx, request.kit, request.context, item)


def if_match(request: Request, item: Any) -> None:
    """`If-Match: revision_number=N` makes a change conditional. Raises RevisionNumberConstraintFailed (412)."""
    wanted = request.headers.get("if-match", "")
    name, equals, number = wanted.partition("=")
    if not equals or name.strip() != "revision_number":
        return
    if not number.strip().isdigit() or int(number) != item.revision_number:
        raise RevisionNumberConstraintFailed(id=item.id, expected=number.strip()[:32], current=item.revision_number)


async def _body(request: Request) -> Values:
    body = await request.json()
    if not isinstance(body, dict):
        raise InvalidBody(reason="the body must be a JSON object")
    return body


def values_of(resource: Resource, given: Any) -> Values:
    """The object below the resource's name; in bulk requests it may stand below it once more.

    Raises HTTPBadRequest.
    """
    if isinstance(given, dict) and set(given) == {resource.name}:
        given = given[resource.name]
    if not isinstance(given, dict):
        raise HTTPBadRequest(reason=f"Unable to find '{resource.name}' in request body")
    return given


def _with_project(request: Request, values: Values) -> Values:
    """Under whose name it is made: the caller's project, unless an administrator says another."""
    own = request.context.project_id
    project = values.pop("tenant_id", None) or values.get("project_id") or own
    if not project:
        raise HTTPBadRequest(reason="Running without keystone AuthN requires that tenant_id is specified")
    if project != own and not (request.allows("context_is_admin", {}) or request.allows("service_api", {})):
        raise HTTPBadRequest(
            reason="Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires "
            "admin or advsvc privileges"
        )
    values["project_id"] = project
    return values


def _defaults(attributes: Attributes) -> Values:
    return {name: attribute.default for name, attribute in attributes.items()}


def _authorize_attributes(
    resource: Resource, kit: Kit, context: Context, verb: str, values: Mapping[str, Any], target: Values
) -> None:
    """Ask for each attribute with a rule of its own, and for each field of objects with one.

    Creating with a default spelled out needs no right, as upstream.
    """
    for name, value in values.items():
        if verb == "create" and value == resource.attributes[name].default:
            continue
        rule = f"{verb}_{resource.name}:{name}"
        if rule in kit.policy.rules:
            kit.policy.authorize(context, rule, target)
        parts = value if isinstance(value, list) else [value]
        for field in {key for part in parts if isinstance(part, dict) for key, own in part.items() if own is not None}:
            if f"{rule}:{field}" in kit.policy.rules:
                kit.policy.authorize(context, f"{rule}:{field}", target)


def plain_struct(item: msgspec.Struct) -> Values:
    """All fields of a resource under their API names, with the project under both of its names."""
    found: Values = msgspec.to_builtins(item)
    found["tenant_id"] = found["project_id"]
    for name in "created_at", "updated_at":
        found[name] = clock.iso_z(getattr(item, name))
    return found


__all__ = ["VERSION", "Resource", "allowed", "if_match", "load", "plain_struct", "routes", "view"]
