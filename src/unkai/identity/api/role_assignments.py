"""/v3/role_assignments"""

from typing import Any

from unkai.identity.api.common import collection, is_true, link, target, visible
from unkai.identity.errors import Invalid
from unkai.identity.model import Assignment, Effective, Project
from unkai.identity.service import lookup, role_assignments
from unkai.identity.service.role_assignments import Names, Question
from unkai.kernel.web import Request, Response, Route


async def list_assignments(req: Request) -> Response:
    """GET /v3/role_assignments"""
    asked = _question(req)
    await _authorize(req, asked)
    effective = is_true(req, "effective")
    _refuse_empty(asked, effective)
    found: list[Assignment] | list[Effective]
    if effective:
        found = await req.kit.db.read(role_assignments.effective, visible(req), asked)
    else:
        found = await req.kit.db.read(role_assignments.direct, visible(req), asked)
    names = await req.kit.db.read(role_assignments.names, found) if is_true(req, "include_names") else None
    return collection(req, "role_assignments", [_render(req, one, names) for one in found])


def _question(req: Request) -> Question:
    query = req.query
    inherited = None
    if "scope.OS-INHERIT:inherited_to" in query:
        inherited = query.get("scope.OS-INHERIT:inherited_to") == "projects"
    return Question(
        role_id=query.get("role.id") or None,
        user_id=query.get("user.id") or None,
        group_id=query.get("group.id") or None,
        project_id=query.get("scope.project.id") or None,
        domain_id=query.get("scope.domain.id") or None,
        system=query.get("scope.system") == "all",
        inherited=inherited,
        subtree=is_true(req, "include_subtree"),
    )


async def _authorize(req: Request, asked: Question) -> None:
    """Raises Forbidden; with `include_subtree` also Invalid and ProjectNotFound."""
    if not asked.subtree:
        facts = {"target.domain_id": req.context.domain_id}
        req.authorize("identity:list_role_assignments", target(req, facts))
        return
    facts = {}
    if asked.project_id is not None:
        project = await req.kit.db.read(lookup.project, asked.project_id)
        facts = {
            "target.domain_id": project.domain_id,
            "target.project.id": project.id,
            "target.project.domain_id": project.domain_id,
        }
    req.authorize("identity:list_role_assignments_for_tree", target(req, facts))
    if asked.project_id is None:
        raise Invalid(reason="scope.project.id must be specified if include_subtree is also specified")


def _refuse_empty(asked: Question, effective: bool) -> None:
    """Combinations that contradict themselves. Raises Invalid."""
    if asked.domain_id and asked.project_id:
        raise Invalid(reason="Specify a domain or project, not both")
    if asked.domain_id and asked.system:
        raise Invalid(reason="Specify system or domain, not both")
    if asked.project_id and asked.system:
        raise Invalid(reason="Specify system or project, not both")
    if asked.user_id and asked.group_id:
        raise Invalid(reason="Specify a user or group, not both")
    if effective and asked.group_id:
        raise Invalid(reason="Combining effective and group filter will always result in an empty list.")
    if effective and asked.inherited and asked.domain_id:
        raise Invalid(reason="Combining effective, domain and inherited filters will always result in an empty list.")


def _render(req: Request, one: Assignment | Effective, names: Names | None) -> dict[str, Any]:
    """An assignment with links to where it was granted, to the membership and to the role it comes from."""
    came = one if isinstance(one, Effective) else None
    actor_kind, actor_id = ("user", came.user_id) if came else (one.actor_kind, one.actor_id)  # type: ignore[union-attr]
    inherited = came.source_id is not None if came else one.inherited  # type: ignore[union-attr]
    content: dict[str, Any] = {
        actor_kind: _actor(actor_kind, actor_id, names),
        "role": _role(one.role_id, names),
        "scope": _scope(one, names),
    }
    if inherited:
        content["scope"]["OS-INHERIT:inherited_to"] = "projects"
    granted_kind, granted_id = one.target_kind, one.target_id
    if came is not None and came.source_kind is not None and came.source_id is not None:
        granted_kind, granted_id = came.source_kind, came.source_id
    where = ["system"] if granted_kind == "system" else [f"{granted_kind}s", granted_id]
    links: dict[str, str] = {}
    if came is not None and came.group_id is not None:
        who = ["groups", came.group_id]
        links["membership"] = link(req, "groups", came.group_id, "users", came.user_id)
    else:
        who = [f"{actor_kind}s", actor_id]
    role = came.prior_role_id if came is not None and came.prior_role_id is not None else one.role_id
    path = [*where, *who, "roles", role]
    links["assignment"] = link(req, *(["OS-INHERIT", *path, "inherited_to_projects"] if inherited else path))
    if came is not None and came.prior_role_id is not None:
        links["prior_role"] = link(req, "prior_role", one.role_id, "implies", came.prior_role_id)
    return content | {"links": links}


def _domain(domain_id: str | None, names: Names) -> dict[str, str]:
    found = names.projects.get(domain_id or "")
    return {"id": domain_id or "", "name": found.name if found is not None else ""}


def _actor(kind: str, identity: str, names: Names | None) -> dict[str, Any]:
    if names is None:
        return {"id": identity}
    found = names.users.get(identity) if kind == "user" else names.groups.get(identity)
    if found is None:
        # Roles can outlive an actor that came from elsewhere.
        return {"id": identity, "name": "", "domain": {"id": "", "name": ""}}
    return {"id": identity, "name": found.name, "domain": _domain(found.domain_id, names)}


def _role(role_id: str, names: Names | None) -> dict[str, Any]:
    role = names.roles.get(role_id) if names is not None else None
    if role is None or names is None:
        return {"id": role_id}
    content: dict[str, Any] = {"id": role_id, "name": role.name}
    return content | ({"domain": _domain(role.domain_id, names)} if role.domain_id is not None else {})


def _scope(one: Assignment | Effective, names: Names | None) -> dict[str, Any]:
    if one.target_kind == "system":
        return {"system": {"all": True}}
    found: Project | None = names.projects.get(one.target_id) if names is not None else None
    content: dict[str, Any] = {"id": one.target_id}
    if found is not None and names is not None:
        content["name"] = found.name
        if one.target_kind == "project":
            content["domain"] = _domain(found.domain_id or found.id, names)
    return {one.target_kind: content}


ROUTES = (Route("GET", "/v3/role_assignments", list_assignments),)
