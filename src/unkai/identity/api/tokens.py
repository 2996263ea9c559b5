"""/v3/auth: issuing, validating and revoking tokens; what a token can be exchanged for."""

from typing import Any

from unkai.identity.api.common import collection, link, listing, target
from unkai.identity.api.projects import render_domain, render_project
from unkai.identity.errors import NotPermitted, TokenNotFound
from unkai.identity.model import Token
from unkai.identity.service import authentication, catalog_view, projects, tokens
from unkai.identity.service.auth_request import AuthBody
from unkai.identity.service.parts import Identity
from unkai.identity.settings import ResourceOptions, TokenOptions
from unkai.kernel.clock import iso_micro_z
from unkai.kernel.web import Request, Response, Route, reply


async def issue(req: Request) -> Response:
    """POST /v3/auth/tokens"""
    wanted = await req.decode(AuthBody)
    token = await authentication.authenticate_for_token(req.kit, wanted.auth)
    return reply(await _render(req, token), 201, X_Subject_Token=token.id, Vary="X-Auth-Token")


async def show(req: Request) -> Response:
    """GET /v3/auth/tokens"""
    token = await _subject(req, "identity:validate_token")
    return reply(await _render(req, token), 200, X_Subject_Token=token.id, Vary="X-Auth-Token")


async def check(req: Request) -> Response:
    """HEAD /v3/auth/tokens"""
    token = await _subject(req, "identity:check_token")
    return reply(await _render(req, token), 200, X_Subject_Token=token.id, Vary="X-Auth-Token")


async def revoke(req: Request) -> Response:
    """DELETE /v3/auth/tokens"""
    token = await _subject(req, "identity:revoke_token")
    descendants = req.query.flag("cascade", True) is not False
    await req.kit.db.run(tokens.revoke_token, req.kit, token, descendants=descendants)
    return Response(204)


async def _subject(req: Request, rule: str) -> Token:
    """The token in X-Subject-Token, if the caller may deal with it. Raises Forbidden, TokenNotFound."""
    token_id = req.headers.get("x-subject-token")
    if not token_id:
        req.authorize(rule, target(req))
        raise TokenNotFound
    window = 0
    if req.query.flag("allow_expired", False):
        window = req.kit.settings[TokenOptions].allow_expired_window
    token = (await tokens.validate(req.kit, token_id, window=window)).token
    facts = {"target.token.user_id": token.user.id, "target.token.user.domain.id": token.user_domain.id}
    req.authorize(rule, target(req, facts))
    credential = token.application_credential
    if credential is not None and credential.access_rules is not None and not _knows_access_rules(req):
        # A service that would not check the rules must not take the token for an unlimited one.
        raise TokenNotFound
    return token


def _knows_access_rules(req: Request) -> bool:
    try:
        return float(req.headers.get("openstack-identity-access-rules", "0")) >= 1.0
    except ValueError:
        return False


async def _render(req: Request, token: Token) -> dict[str, Any]:
    user: dict[str, Any] = {
        "domain": {"id": token.user_domain.id, "name": token.user_domain.name},
        "id": token.user.id,
        "name": token.user.name,
        "password_expires_at": iso_micro_z(token.user.password_expires_at),
    }
    content: dict[str, Any] = {
        "methods": list(token.methods),
        "user": user,
        "audit_ids": list(token.audit_ids),
        "expires_at": iso_micro_z(token.expires_at),
        "issued_at": iso_micro_z(token.issued_at),
    }
    _add_scope(req, token, content)
    if token.scoped and "nocatalog" not in req.query:
        content["catalog"] = await _catalog(req, token.project.id if token.project else None, token.user.id)
    credential = token.application_credential
    if credential is not None:
        content["application_credential"] = {
            "id": credential.id,
            "name": credential.name,
            "restricted": not credential.unrestricted,
        }
        if credential.access_rules:
            content["application_credential"]["access_rules"] = [
                {"id": rule.id, "service": rule.service, "path": rule.path, "method": rule.method}
                for rule in credential.access_rules
            ]
    return {"token": content}


def _add_scope(req: Request, token: Token, content: dict[str, Any]) -> None:
    if token.system:
        content["system"] = {"all": True}
    elif token.domain is not None:
        content["domain"] = {"id": token.domain.id, "name": token.domain.name}
    elif token.project is not None and token.project_domain is not None:
        domain = {"id": token.project_domain.id, "name": token.project_domain.name}
        content["project"] = {"domain": domain, "id": token.project.id, "name": token.project.name}
        content["is_domain"] = token.project.is_domain
        options = req.kit.settings[ResourceOptions]
        if options.admin_project_name and options.admin_project_domain_name:
            names = (token.project.name, domain["name"])
            content["is_admin_project"] = names == (options.admin_project_name, options.admin_project_domain_name)
    else:
        return
    content["roles"] = [{"id": role.id, "name": role.name} for role in token.roles]


async def _catalog(req: Request, project_id: str | None, user_id: str) -> list[dict[str, Any]]:
    identity = req.kit.get(Identity)
    epoch = await identity.epoch.value()
    known = identity.catalog
    if known is not None and known[0] == epoch:
        pairs = known[1]
    else:
        pairs = await req.kit.db.read(catalog_view.offered, identity, epoch)
    return catalog_view.render(pairs, project_id=project_id, user_id=user_id)


async def catalog(req: Request) -> Response:
    """GET /v3/auth/catalog"""
    req.authorize("identity:get_auth_catalog", target(req))
    if req.context.project_id is None:
        raise NotPermitted(action="A project-scoped token is required to produce a service catalog")
    found = await _catalog(req, req.context.project_id, req.context.user_id)
    return reply({"catalog": found, "links": {"self": link(req, "auth", "catalog")}})


async def own_projects(req: Request) -> Response:
    """GET /v3/auth/projects"""
    req.authorize("identity:get_auth_projects", target(req))
    asked = listing(req, ())
    found, _ = await req.kit.db.read(projects.of_user, req.context.user_id, asked)
    return collection(req, "projects", [render_project(req, project) for project in found])


async def own_domains(req: Request) -> Response:
    """GET /v3/auth/domains"""
    req.authorize("identity:get_auth_domains", target(req))
    asked = listing(req, ())
    found, _ = await req.kit.db.read(projects.domains_of_user, req.context.user_id, asked)
    return collection(req, "domains", [render_domain(req, domain) for domain in found])


async def own_system(req: Request) -> Response:
    """GET /v3/auth/system"""
    req.authorize("identity:get_auth_system", target(req))
    allowed = await req.kit.db.read(projects.has_system_role, req.context.user_id)
    return reply({"system": [{"all": True}] if allowed else [], "links": {"self": link(req, "auth", "system")}})


ROUTES = (
    Route("POST", "/v3/auth/tokens", issue, auth=False),
    Route("GET", "/v3/auth/tokens", show),
    Route("HEAD", "/v3/auth/tokens", check),
    Route("DELETE", "/v3/auth/tokens", revoke),
    Route("GET", "/v3/auth/catalog", catalog),
    Route("GET", "/v3/auth/projects", own_projects),
    Route("GET", "/v3/auth/domains", own_domains),
    Route("GET", "/v3/auth/system", own_system),
)
