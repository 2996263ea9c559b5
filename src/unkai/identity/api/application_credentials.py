"""/v3/users/{user_id}/application_credentials and /v3/users/{user_id}/access_rules"""

from typing import Any

from unkai.identity.api.common import collection, link, listing, read_resource, subject, target
from unkai.identity.api.users import user_facts
from unkai.identity.errors import ApplicationCredentialNotFound, NotPermitted
from unkai.identity.model import AccessRule, ApplicationCredential, Role, Token
from unkai.identity.service import application_credentials as service
from unkai.identity.service import lookup, tokens
from unkai.identity.service.application_credentials import NewApplicationCredential
from unkai.identity.service.parts import Identity
from unkai.kernel.clock import iso_micro_z
from unkai.kernel.paging import SortKey
from unkai.kernel.web import Request, Response, Route, empty, reply


def _render(req: Request, credential: ApplicationCredential, known: dict[str, Role]) -> dict[str, Any]:
    """As upstream shows it; never the secret."""
    content: dict[str, Any] = {
        "id": credential.id,
        "name": credential.name,
        "description": credential.description,
        "project_id": credential.project_id,
        "expires_at": (iso_micro_z(credential.expires_at) or "").removesuffix("Z") or None,
        "unrestricted": credential.unrestricted,
        "system": credential.system,
        "roles": [
            {
                "id": role.id,
                "name": role.name,
                "domain_id": role.domain_id,
                "description": role.description,
                "options": role.options,
            }
            for role in (known[role_id] for role_id in credential.role_ids if role_id in known)
        ],
        "links": {"self": link(req, "users", credential.user_id, "application_credentials", credential.id)},
    }
    if credential.access_rules is not None:
        content["access_rules"] = [_plain_rule(rule) for rule in credential.access_rules]
    return content


def _plain_rule(rule: AccessRule) -> dict[str, str]:
    return {"id": rule.id, "service": rule.service, "path": rule.path, "method": rule.method}


def _rule(req: Request, user_id: str, rule: AccessRule) -> dict[str, Any]:
    return _plain_rule(rule) | {"links": {"self": link(req, "users", user_id, "access_rules", rule.id)}}


async def _token(req: Request, *, managing: bool) -> Token:
    """The caller's token. One of a restricted credential may not make or delete others. Raises NotPermitted."""
    token = (await tokens.validate(req.kit, req.context.token or "")).token
    if managing and token.application_credential is not None and not token.application_credential.unrestricted:
        raise NotPermitted(
            action="Using method 'application_credential' is not allowed for managing additional application "
            "credentials"
        )
    return token


async def list_credentials(req: Request) -> Response:
    """GET /v3/users/{user_id}/application_credentials"""
    req.authorize("identity:list_application_credentials", target(req))
    asked = listing(req, ("name",))
    found, more = await req.kit.db.read(service.listed, req.params["user_id"], asked)
    known = await req.kit.db.read(service.role_facts, found)
    items = [_render(req, one, known) for one in found]
    return collection(req, "application_credentials", items, more=more, asked=asked)


async def create_credential(req: Request) -> Response:
    """POST /v3/users/{user_id}/application_credentials"""
    req.authorize("identity:create_application_credential", target(req))
    token = await _token(req, managing=True)
    if token.user.id != req.params["user_id"]:
        raise NotPermitted(action="Cannot create an application credential for another user")
    wanted, _ = await read_resource(req, "application_credential", NewApplicationCredential)
    secret = wanted.secret or service.new_secret()
    hashed = await req.kit.get(Identity).hasher.hash(secret)
    made = await req.kit.db.run(service.create, req.kit, token, wanted, hashed)
    known = await req.kit.db.read(service.role_facts, [made])
    return reply({"application_credential": _render(req, made, known) | {"secret": secret}}, 201)


async def _subject(req: Request, rule: str) -> ApplicationCredential:
    """The credential, judged by its owner and not by the user in the address, who is the caller's choice."""
    try:
        found = await req.kit.db.read(service.get, req.params["application_credential_id"])
    except ApplicationCredentialNotFound:
        req.authorize(rule, target(req))
        raise
    req.authorize(rule, target(req, {"user_id": found.user_id, "target.user_id": found.user_id}))
    return found


async def show_credential(req: Request) -> Response:
    """GET /v3/users/{user_id}/application_credentials/{application_credential_id}"""
    found = await _subject(req, "identity:get_application_credential")
    known = await req.kit.db.read(service.role_facts, [found])
    return reply({"application_credential": _render(req, found, known)})


async def delete_credential(req: Request) -> Response:
    """DELETE /v3/users/{user_id}/application_credentials/{application_credential_id}"""
    found = await _subject(req, "identity:delete_application_credential")
    await _token(req, managing=True)
    await req.kit.db.run(service.delete, req.kit, found.id)
    return empty(204)


async def list_rules(req: Request) -> Response:
    """GET /v3/users/{user_id}/access_rules"""
    user_id = req.params["user_id"]
    await subject(req, "identity:list_access_rules", user_facts, lookup.user, user_id)
    filters = ("service", "path", "method")
    asked = listing(req, filters, sortable=("id", *filters), default=(SortKey("path"),))
    found, more = await req.kit.db.read(service.rules_of_user, user_id, asked)
    items = [_rule(req, user_id, rule) for rule in found]
    return collection(req, "access_rules", items, more=more, asked=asked)


async def show_rule(req: Request) -> Response:
    """GET /v3/users/{user_id}/access_rules/{access_rule_id}"""
    user_id = req.params["user_id"]
    await subject(req, "identity:get_access_rule", user_facts, lookup.user, user_id)
    found = await req.kit.db.read(service.rule, user_id, req.params["access_rule_id"])
    return reply({"access_rule": _rule(req, user_id, found)})


async def delete_rule(req: Request) -> Response:
    """DELETE /v3/users/{user_id}/access_rules/{access_rule_id}"""
    user_id = req.params["user_id"]
    await subject(req, "identity:delete_access_rule", user_facts, lookup.user, user_id)
    await req.kit.db.run(service.delete_rule, user_id, req.params["access_rule_id"])
    return empty(204)


_CREDENTIALS = "/v3/users/{user_id}/application_credentials"
_RULES = "/v3/users/{user_id}/access_rules"
ROUTES = (
    Route("GET", _CREDENTIALS, list_credentials),
    Route("POST", _CREDENTIALS, create_credential),
    Route("GET", _CREDENTIALS + "/{application_credential_id}", show_credential),
    Route("DELETE", _CREDENTIALS + "/{application_credential_id}", delete_credential),
    Route("GET", _RULES, list_rules),
    Route("GET", _RULES + "/{access_rule_id}", show_rule),
    Route("DELETE", _RULES + "/{access_rule_id}", delete_rule),
)
