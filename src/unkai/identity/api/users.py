"""/v3/users and /v3/groups."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from unkai.identity.api.common import (
    collection,
    convert,
    default_domain,
    link,
    listing,
    read_change,
    read_resource,
    subject,
    target,
    time_filter,
    visible,
)
from unkai.identity.api.projects import render_project
from unkai.identity.errors import Missing
from unkai.identity.model import Filter, Group, Listing, User
from unkai.identity.service import groups, lookup, projects, users
from unkai.identity.service.groups import GroupFields
from unkai.identity.service.parts import Identity
from unkai.identity.service.users import UserFields
from unkai.kernel import clock
from unkai.kernel.clock import iso_micro_z
from unkai.kernel.errors import InvalidParameter
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route, empty, reply

_SORTABLE = ("id", "name", "domain_id", "enabled")


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    original_password: str
    password: Annotated[str, Meta(min_length=1)]


def render_user(req: Request, user: User) -> dict[str, Any]:
    content = {
        **user.extra,
        "id": user.id,
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": user.enabled,
        "password_expires_at": iso_micro_z(user.password_expires_at),
        "options": user.options,
        "links": {"self": link(req, "users", user.id)},
    }
    if user.default_project_id is not None:
        content["default_project_id"] = user.default_project_id
    return content


def render_group(req: Request, group: Group) -> dict[str, Any]:
    return {
        **group.extra,
        "id": group.id,
        "name": group.name,
        "domain_id": group.domain_id,
        "description": group.description,
        "links": {"self": link(req, "groups", group.id)},
    }


def user_facts(user: User) -> dict[str, str]:
    return {"target.user.id": user.id, "target.user.domain_id": user.domain_id}


def group_facts(group: Group) -> dict[str, str]:
    return {"target.group.id": group.id, "target.group.domain_id": group.domain_id}


def _user_listing(req: Request) -> Listing:
    """Filters of users, the time that passwords end included. Raises InvalidParameter."""
    asked = listing(req, ("domain_id", "name"), flags=("enabled",), sortable=_SORTABLE)
    filters = list(asked.filters)
    if "password_expires_at" in req.query:
        operator, text = time_filter(req.query.get("password_expires_at") or "")
        try:
            filters.append(Filter("password_expires_at", (operator, clock.parse(text))))
        except ValueError as error:
            raise InvalidParameter(name="password_expires_at", reason="Timestamp not in expected format.") from error
    # There is no federation: nobody matches what only federated users have.
    if any(name in req.query for name in ("idp_id", "protocol_id", "unique_id")):
        filters.append(Filter("id", ""))
    return Listing(filters=tuple(filters), limit=asked.limit, marker=asked.marker, sort=asked.sort)


async def list_users(req: Request) -> Response:
    """GET /v3/users"""
    req.authorize("identity:list_users", target(req, {"target.domain_id": req.context.domain_id}))
    asked = _user_listing(req)
    found, more = await req.kit.db.read(users.listed, visible(req), asked)
    return collection(req, "users", [render_user(req, user) for user in found], more=more, asked=asked)


async def create_user(req: Request) -> Response:
    """POST /v3/users"""
    wanted, body = await read_resource(req, "user", UserFields)
    named = wanted.domain_id if isinstance(wanted.domain_id, str) else None
    req.authorize("identity:create_user", target(req, {"target.user.domain_id": named}))
    hashed = await _hashed(req, wanted)
    user = await req.kit.db.run(users.create, req.kit, wanted, body.extra, default_domain(req), hashed)
    return reply({"user": render_user(req, user)}, 201)


async def _hashed(req: Request, wanted: UserFields) -> str | None:
    """The hash of a new password, made before the transaction. Raises PasswordRefused."""
    if not isinstance(wanted.password, str):
        return None
    users.check_new_password(req.kit.settings, wanted.password)
    return await req.kit.get(Identity).hasher.hash(wanted.password)


async def show_user(req: Request) -> Response:
    """GET /v3/users/{user_id}"""
    user = await subject(req, "identity:get_user", user_facts, lookup.user, req.params["user_id"])
    return reply({"user": render_user(req, user)})


async def update_user(req: Request) -> Response:
    """PATCH /v3/users/{user_id}"""
    user_id = req.params["user_id"]
    await subject(req, "identity:update_user", user_facts, lookup.user, user_id)
    wanted, body = await read_change(req, "user", UserFields, user_id)
    hashed = await _hashed(req, wanted)
    user = await req.kit.db.run(users.update, req.kit, user_id, wanted, body.extra, hashed)
    return reply({"user": render_user(req, user)})


async def delete_user(req: Request) -> Response:
    """DELETE /v3/users/{user_id}"""
    user_id = req.params["user_id"]
    await subject(req, "identity:delete_user", user_facts, lookup.user, user_id)
    await req.kit.db.run(users.delete, req.kit, user_id)
    return empty(204)


async def change_password(req: Request) -> Response:
    """POST /v3/users/{user_id}/password: no token is needed, the old password is the proof"""
    content = await req.json()
    wanted = convert(content.get("user") if isinstance(content, dict) else None, PasswordChange, "user")
    await users.change_password(req.kit, req.params["user_id"], wanted.original_password, wanted.password)
    return empty(204)


async def revoke_tokens(req: Request) -> Response:
    """DELETE /v3/users/{user_id}/tokens"""
    user_id = req.params["user_id"]
    await subject(req, "identity:revoke_tokens_for_user", user_facts, lookup.user, user_id)
    await req.kit.db.run(users.revoke_tokens, req.kit, user_id)
    return empty(204)


async def list_user_projects(req: Request) -> Response:
    """GET /v3/users/{user_id}/projects"""
    user_id = req.params["user_id"]
    await subject(req, "identity:list_user_projects", user_facts, lookup.user, user_id)
    asked = listing(req, ("domain_id", "name"), flags=("enabled",))
    found, more = await req.kit.db.read(projects.of_user, user_id, asked)
    return collection(req, "projects", [render_project(req, one) for one in found], more=more, asked=asked)


async def list_user_groups(req: Request) -> Response:
    """GET /v3/users/{user_id}/groups"""
    user_id = req.params["user_id"]
    await subject(req, "identity:list_groups_for_user", user_facts, lookup.user, user_id)
    asked = listing(req, ("name",))
    found, more = await req.kit.db.read(groups.listed, visible(req), asked, user_id=user_id)
    items = [render_group(req, group) | {"membership_expires_at": None} for group in found]
    return collection(req, "groups", items, more=more, asked=asked)


async def list_groups(req: Request) -> Response:
    """GET /v3/groups"""
    req.authorize("identity:list_groups", target(req, {"target.group.domain_id": req.context.domain_id}))
    asked = listing(req, ("domain_id", "name"), sortable=("id", "name", "domain_id"))
    found, more = await req.kit.db.read(groups.listed, visible(req), asked)
    return collection(req, "groups", [render_group(req, group) for group in found], more=more, asked=asked)


async def create_group(req: Request) -> Response:
    """POST /v3/groups"""
    wanted, body = await read_resource(req, "group", GroupFields)
    named = wanted.domain_id if isinstance(wanted.domain_id, str) else None
    req.authorize("identity:create_group", target(req, {"target.group.domain_id": named}))
    group = await req.kit.db.run(groups.create, wanted, body.extra, default_domain(req))
    return reply({"group": render_group(req, group)}, 201)


async def show_group(req: Request) -> Response:
    """GET /v3/groups/{group_id}"""
    group = await subject(req, "identity:get_group", group_facts, lookup.group, req.params["group_id"])
    return reply({"group": render_group(req, group)})


async def update_group(req: Request) -> Response:
    """PATCH /v3/groups/{group_id}"""
    group_id = req.params["group_id"]
    await subject(req, "identity:update_group", group_facts, lookup.group, group_id)
    wanted, body = await read_change(req, "group", GroupFields, group_id)
    group = await req.kit.db.run(groups.update, group_id, wanted, body.extra)
    return reply({"group": render_group(req, group)})


async def delete_group(req: Request) -> Response:
    """DELETE /v3/groups/{group_id}"""
    group_id = req.params["group_id"]
    # Upstream answers 404 before 403 here.
    group = await req.kit.db.read(lookup.group, group_id)
    req.authorize("identity:delete_group", target(req, group_facts(group)))
    await req.kit.db.run(groups.delete, req.kit, group_id)
    return empty(204)


async def list_members(req: Request) -> Response:
    """GET /v3/groups/{group_id}/users"""
    group_id = req.params["group_id"]
    await subject(req, "identity:list_users_in_group", group_facts, lookup.group, group_id)
    asked = _user_listing(req)
    found, more = await req.kit.db.read(users.listed, visible(req), asked, group_id=group_id)
    return collection(req, "users", [render_user(req, user) for user in found], more=more, asked=asked)


def _membership(tx: Tx, group_id: str, user_id: str) -> dict[str, str]:
    """Facts about both, as far as they exist: the verb itself tells what is missing."""
    found: dict[str, str] = {}
    try:
        found |= user_facts(lookup.user(tx, user_id))
        found |= group_facts(lookup.group(tx, group_id))
    except Missing:
        return found
    return found


async def _authorize_membership(req: Request, rule: str) -> tuple[str, str]:
    group_id, user_id = req.params["group_id"], req.params["user_id"]
    req.authorize(rule, target(req, await req.kit.db.read(_membership, group_id, user_id)))
    return group_id, user_id


async def add_member(req: Request) -> Response:
    """PUT /v3/groups/{group_id}/users/{user_id}"""
    group_id, user_id = await _authorize_membership(req, "identity:add_user_to_group")
    await req.kit.db.run(groups.add_member, group_id, user_id)
    return empty(204)


async def check_member(req: Request) -> Response:
    """HEAD /v3/groups/{group_id}/users/{user_id}"""
    group_id, user_id = await _authorize_membership(req, "identity:check_user_in_group")
    await req.kit.db.read(groups.check_member, group_id, user_id)
    return empty(204)


async def remove_member(req: Request) -> Response:
    """DELETE /v3/groups/{group_id}/users/{user_id}"""
    group_id, user_id = await _authorize_membership(req, "identity:remove_user_from_group")
    await req.kit.db.run(groups.remove_member, req.kit, group_id, user_id)
    return empty(204)


ROUTES = (
    Route("GET", "/v3/users", list_users),
    Route("POST", "/v3/users", create_user),
    Route("GET", "/v3/users/{user_id}", show_user),
    Route("PATCH", "/v3/users/{user_id}", update_user),
    Route("DELETE", "/v3/users/{user_id}", delete_user),
    Route("POST", "/v3/users/{user_id}/password", change_password, auth=False),
    Route("DELETE", "/v3/users/{user_id}/tokens", revoke_tokens),
    Route("GET", "/v3/users/{user_id}/projects", list_user_projects),
    Route("GET", "/v3/users/{user_id}/groups", list_user_groups),
    Route("GET", "/v3/groups", list_groups),
    Route("POST", "/v3/groups", create_group),
    Route("GET", "/v3/groups/{group_id}", show_group),
    Route("PATCH", "/v3/groups/{group_id}", update_group),
    Route("DELETE", "/v3/groups/{group_id}", delete_group),
    Route("GET", "/v3/groups/{group_id}/users", list_members),
    Route("PUT", "/v3/groups/{group_id}/users/{user_id}", add_member),
    Route("GET", "/v3/groups/{group_id}/users/{user_id}", check_member),
    Route("DELETE", "/v3/groups/{group_id}/users/{user_id}", remove_member),
)
