"""/v3/role_assignments"""

from typing import Any, NamedTuple

from unkai.identity.api.common import collection, is_true, link, target, visible
from unkai.identity.errors import Invalid
from unkai.identity.model import ActorKind, Assignment, Effective, Project, TargetKind
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


class _Line(NamedTuple):
    """An assignment as the answer shows it: whose it is, and where and with which role it was granted."""

    actor_kind: ActorKind
    actor_id: str
    granted_kind: TargetKind
    granted_id: str
    granted_role: str
    inherited: bool
    group_id: str | None


def _line(one: Assignment | Effective) -> _Line:
    if isinstance(one, Assignment):
        return _Line(
            one.actor_kind, one.actor_id, one.target_kind, one.target_id, one.role_id, one.inherited, group_id=None
        )
    return _Line(
        "user",
        one.user_id,
        one.source_kind or one.target_kind,
        one.source_id or one.target_id,
        one.prior_role_id or one.role_id,
        inherited=one.source_id is not None,
        group_id=one.group_id,
    )


def _render(req: Request, one: Assignment | Effective, names: Names | None) -> dict[str, Any]:
    """An assignment with links to where it was granted, to the membership and to the role it comes from."""
    line = _line(one)
    scope = _scope(one, names)
    where = ["system"] if line.granted_kind == "system" else [f"{line.granted_kind}s", line.granted_id]
    who = [f"{line.actor_kind}s", line.actor_id] if line.group_id is None else ["groups", line.group_id]
    path = [*where, *who, "roles", line.granted_role]
    if line.inherited:
        scope["OS-INHERIT:inherited_to"] = "projects"
        path = ["OS-INHERIT", *path, "inherited_to_projects"]
    links = {"assignment": link(req, *path)}
    if line.group_id is not None:
        links["membership"] = link(req, "groups", line.group_id, "users", line.actor_id)
    if line.granted_role != one.role_id:
        # Upstream's link, although no such path exists.
        links["prior_role"] = link(req, "prior_role", one.role_id, "implies", line.granted_role)
    return {
        line.actor_kind: _actor(line.actor_kind, line.actor_id, names),
        "role": _role(one.role_id, names),
        "scope": scope,
        "links": links,
    }


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
