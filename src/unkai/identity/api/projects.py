"""/v3/projects with their tags and trees, and /v3/domains."""

from typing import Any

from unkai.identity.api.common import (
    collection,
    convert,
    default_domain,
    here,
    is_true,
    link,
    listing,
    read_change,
    read_resource,
    subject,
    target,
    visible,
)
from unkai.identity.errors import Invalid
from unkai.identity.model import Filter, Listing, Project
from unkai.identity.service import limits, lookup, projects
from unkai.identity.service.fields import Tag, Tags
from unkai.identity.service.projects import DomainFields, ProjectFields
from unkai.kernel.web import Request, Response, Route, empty, reply

_TAG_FILTERS = ("tags", "tags-any", "not-tags", "not-tags-any")


def render_project(req: Request, project: Project) -> dict[str, Any]:
    return {
        **project.extra,
        "id": project.id,
        "name": project.name,
        "domain_id": project.domain_id,
        "description": project.description,
        "enabled": project.enabled,
        "parent_id": project.parent_id,
        "is_domain": project.is_domain,
        "tags": list(project.tags),
        "options": project.options,
        "links": {"self": link(req, "projects", project.id)},
    }


def render_domain(req: Request, domain: Project) -> dict[str, Any]:
    return {
        **domain.extra,
        "id": domain.id,
        "name": domain.name,
        "description": domain.description,
        "enabled": domain.enabled,
        "tags": list(domain.tags),
        "options": domain.options,
        "links": {"self": link(req, "domains", domain.id)},
    }


def _project_facts(project: Project) -> dict[str, str | None]:
    return {"target.project.id": project.id, "target.project.domain_id": project.domain_id}


def _domain_facts(domain: Project) -> dict[str, str]:
    return {"target.domain.id": domain.id}


async def list_projects(req: Request) -> Response:
    """GET /v3/projects"""
    req.authorize("identity:list_projects", target(req, {"target.domain_id": req.context.domain_id}))
    asked = listing(req, ("domain_id", "name", "parent_id"), flags=("enabled", "is_domain"))
    filters = list(asked.filters)
    if "is_domain" not in req.query:
        filters.append(Filter("is_domain", False))
    filters += [Filter(n, tuple((req.query.get(n) or "").split(","))) for n in _TAG_FILTERS if n in req.query]
    asked = Listing(filters=tuple(filters), limit=asked.limit, marker=asked.marker, sort=asked.sort)
    found, more = await req.kit.db.read(projects.listed, visible(req), asked)
    return collection(req, "projects", [render_project(req, one) for one in found], more=more, asked=asked)


async def create_project(req: Request) -> Response:
    """POST /v3/projects"""
    wanted, body = await read_resource(req, "project", ProjectFields)
    named = wanted.domain_id if isinstance(wanted.domain_id, str) else None
    req.authorize("identity:create_project", target(req, {"target.project.domain_id": named}))
    project = await req.kit.db.run(projects.create, req.kit, wanted, body.extra, default_domain(req))
    return reply({"project": render_project(req, project)}, 201)


async def show_project(req: Request) -> Response:
    """GET /v3/projects/{project_id}, with its tree when the query asks for it"""
    project_id = req.params["project_id"]
    project = await subject(req, "identity:get_project", _project_facts, lookup.project, project_id)
    content = render_project(req, project)
    content |= await _tree(req, project)
    return reply({"project": content})


async def _tree(req: Request, project: Project) -> dict[str, Any]:
    """`parents` and `subtree` as lists (of projects where the caller has a role) or as nested ids. Raises Invalid."""
    found: dict[str, Any] = {}
    for key, read in (("parents", projects.ancestors), ("subtree", projects.descendants)):
        as_list, as_ids = is_true(req, f"{key}_as_list"), is_true(req, f"{key}_as_ids")
        if as_list and as_ids:
            raise Invalid(reason=f"Cannot use {key}_as_list and {key}_as_ids query params at the same time.")
        if as_list:
            members = await req.kit.db.read(read, project.id, req.context.user_id)
            own = {}
            if is_true(req, "include_limits"):
                own = await req.kit.db.read(limits.of_projects, [member.id for member in members])
            found[key] = [
                {"project": render_project(req, one) | ({"limits": own[one.id]} if own else {})} for one in members
            ]
        elif as_ids:
            members = await req.kit.db.read(read, project.id)
            found[key] = _line(members) if key == "parents" else _nested(project.id, members)
    return found


def _line(above: list[Project]) -> dict[str, Any] | None:
    """{parent: {grandparent: None}}"""
    nested: dict[str, Any] | None = None
    for project in reversed(above):
        nested = {project.id: nested}
    return nested


def _nested(root: str, below: list[Project]) -> dict[str, Any] | None:
    """{child: {grandchild: None}}"""
    children: dict[str | None, list[str]] = {}
    for project in below:
        children.setdefault(project.parent_id, []).append(project.id)

    def level(parent: str) -> dict[str, Any] | None:
        return {child: level(child) for child in children.get(parent, ())} or None

    return level(root)


async def update_project(req: Request) -> Response:
    """PATCH /v3/projects/{project_id}"""
    project_id = req.params["project_id"]
    await subject(req, "identity:update_project", _project_facts, lookup.project, project_id)
    wanted, body = await read_change(req, "project", ProjectFields, project_id)
    project = await req.kit.db.run(projects.update, req.kit, project_id, wanted, body.extra, body.changed)
    return reply({"project": render_project(req, project)})


async def delete_project(req: Request) -> Response:
    """DELETE /v3/projects/{project_id}"""
    project_id = req.params["project_id"]
    await subject(req, "identity:delete_project", _project_facts, lookup.project, project_id)
    await req.kit.db.run(projects.delete, req.kit, project_id)
    return empty(204)


def _tags_reply(req: Request, names: tuple[str, ...]) -> Response:
    return reply({"links": {"self": here(req)}, "tags": list(names)})


async def list_tags(req: Request) -> Response:
    """GET /v3/projects/{project_id}/tags"""
    rule = "identity:list_project_tags"
    project = await subject(req, rule, _project_facts, lookup.project, req.params["project_id"])
    return _tags_reply(req, project.tags)


async def replace_tags(req: Request) -> Response:
    """PUT /v3/projects/{project_id}/tags"""
    project_id = req.params["project_id"]
    await subject(req, "identity:update_project_tags", _project_facts, lookup.project, project_id)
    content = await req.json()
    names = convert(content.get("tags") if isinstance(content, dict) else None, list[Tag], "tags")
    convert(names, Tags, "tags")
    project = await req.kit.db.run(projects.set_tags, project_id, names)
    return _tags_reply(req, project.tags)


async def clear_tags(req: Request) -> Response:
    """DELETE /v3/projects/{project_id}/tags"""
    project_id = req.params["project_id"]
    await subject(req, "identity:delete_project_tags", _project_facts, lookup.project, project_id)
    await req.kit.db.run(projects.set_tags, project_id, [])
    return empty(204)


async def check_tag(req: Request) -> Response:
    """GET /v3/projects/{project_id}/tags/{value}"""
    rule = "identity:get_project_tag"
    project = await subject(req, rule, _project_facts, lookup.project, req.params["project_id"])
    projects.check_tag(project, req.params["value"])
    return empty(204)


async def add_tag(req: Request) -> Response:
    """PUT /v3/projects/{project_id}/tags/{value}"""
    project_id = req.params["project_id"]
    await subject(req, "identity:create_project_tag", _project_facts, lookup.project, project_id)
    value = convert(req.params["value"], Tag, "value")
    await req.kit.db.run(projects.tag, project_id, value)
    return Response(201, b"", headers={"Location": here(req)})


async def remove_tag(req: Request) -> Response:
    """DELETE /v3/projects/{project_id}/tags/{value}"""
    project_id = req.params["project_id"]
    await subject(req, "identity:delete_project_tag", _project_facts, lookup.project, project_id)
    await req.kit.db.run(projects.untag, project_id, req.params["value"])
    return empty(204)


async def list_domains(req: Request) -> Response:
    """GET /v3/domains"""
    req.authorize("identity:list_domains", target(req, {"target.domain.id": req.context.domain_id}))
    asked = listing(req, ("name",), flags=("enabled",))
    filters = (*asked.filters, Filter("is_domain", True))
    asked = Listing(filters=filters, limit=asked.limit, marker=asked.marker, sort=asked.sort)
    found, more = await req.kit.db.read(projects.listed, visible(req), asked)
    return collection(req, "domains", [render_domain(req, one) for one in found], more=more, asked=asked)


async def create_domain(req: Request) -> Response:
    """POST /v3/domains"""
    req.authorize("identity:create_domain", target(req))
    wanted, body = await read_resource(req, "domain", DomainFields)
    domain = await req.kit.db.run(projects.create_domain, req.kit, wanted, body.extra)
    return reply({"domain": render_domain(req, domain)}, 201)


async def show_domain(req: Request) -> Response:
    """GET /v3/domains/{domain_id}"""
    domain = await subject(req, "identity:get_domain", _domain_facts, lookup.domain, req.params["domain_id"])
    return reply({"domain": render_domain(req, domain)})


async def _authorize_change(req: Request, rule: str, domain_id: str) -> None:
    """Upstream answers 404 before 403 here. Raises DomainNotFound, Forbidden."""
    domain = await req.kit.db.read(lookup.domain, domain_id)
    req.authorize(rule, target(req, _domain_facts(domain)))


async def update_domain(req: Request) -> Response:
    """PATCH /v3/domains/{domain_id}"""
    domain_id = req.params["domain_id"]
    await _authorize_change(req, "identity:update_domain", domain_id)
    wanted, body = await read_change(req, "domain", DomainFields, domain_id)
    domain = await req.kit.db.run(projects.update_domain, req.kit, domain_id, wanted, body.extra, body.changed)
    return reply({"domain": render_domain(req, domain)})


async def delete_domain(req: Request) -> Response:
    """DELETE /v3/domains/{domain_id}"""
    domain_id = req.params["domain_id"]
    await _authorize_change(req, "identity:delete_domain", domain_id)
    await req.kit.db.run(projects.delete_domain, req.kit, domain_id)
    return empty(204)


ROUTES = (
    Route("GET", "/v3/projects", list_projects),
    Route("POST", "/v3/projects", create_project),
    Route("GET", "/v3/projects/{project_id}", show_project),
    Route("PATCH", "/v3/projects/{project_id}", update_project),
    Route("DELETE", "/v3/projects/{project_id}", delete_project),
    Route("GET", "/v3/projects/{project_id}/tags", list_tags),
    Route("PUT", "/v3/projects/{project_id}/tags", replace_tags),
    Route("DELETE", "/v3/projects/{project_id}/tags", clear_tags),
    Route("GET", "/v3/projects/{project_id}/tags/{value}", check_tag),
    Route("PUT", "/v3/projects/{project_id}/tags/{value}", add_tag),
    Route("DELETE", "/v3/projects/{project_id}/tags/{value}", remove_tag),
    Route("GET", "/v3/domains", list_domains),
    Route("POST", "/v3/domains", create_domain),
    Route("GET", "/v3/domains/{domain_id}", show_domain),
    Route("PATCH", "/v3/domains/{domain_id}", update_domain),
    Route("DELETE", "/v3/domains/{domain_id}", delete_domain),
)
