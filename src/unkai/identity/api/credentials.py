"""/v3/credentials and their old EC2 form below a user."""

from typing import Any

from unkai.identity.api.common import collection, link, listing, read_change, read_resource, subject, target
from unkai.identity.errors import Invalid, NotPermitted
from unkai.identity.model import Credential
from unkai.identity.service import credentials, tokens
from unkai.identity.service.credentials import CredentialChange, NewCredential
from unkai.kernel.paging import SortKey
from unkai.kernel.web import Request, Response, Route, empty, reply

_BY_ID = (SortKey("id"),)


def _facts(credential: Credential) -> dict[str, str | None]:
    return {
        "target.credential.user_id": credential.user_id,
        "target.credential.project_id": credential.project_id,
        "target.credential.id": credential.id,
    }


def _render(req: Request, credential: Credential) -> dict[str, Any]:
    return {
        **credential.extra,
        "id": credential.id,
        "user_id": credential.user_id,
        "project_id": credential.project_id,
        "type": credential.type,
        "blob": credential.blob,
        "links": {"self": link(req, "credentials", credential.id)},
    }


def _render_ec2(req: Request, credential: Credential) -> dict[str, Any]:
    content = credentials.render_ec2(credential)
    where = link(req, "users", credential.user_id, "credentials", "OS-EC2", content["access"])
    return content | {"links": {"self": where}}


async def _delegated(req: Request) -> bool:
    """Whether the token came from an application credential: it must not reach other credentials."""
    token = (await tokens.validate(req.kit, req.context.token or "")).token
    return "application_credential" in token.methods


async def _require_primary(req: Request) -> None:
    """Raises NotPermitted."""
    if await _delegated(req):
        raise NotPermitted(action="Delegated tokens cannot access credentials directly")


async def list_credentials(req: Request) -> Response:
    """GET /v3/credentials: one's own, or everybody's for who may see those"""
    own = {} if req.context.system_scope else {"target.credential.user_id": req.context.user_id}
    req.authorize("identity:list_credentials", target(req, own))
    if await _delegated(req):
        return collection(req, "credentials", [])
    asked = listing(req, ("user_id", "type"), sortable=("id", "type"), default=_BY_ID)
    everybody = req.allows("identity:get_credential", target(req, {"target.credential.user_id": ""}))
    user_id = None if everybody else req.context.user_id
    found, more = await req.kit.db.read(credentials.listed, req.kit, asked, user_id=user_id)
    return collection(req, "credentials", [_render(req, one) for one in found], more=more, asked=asked)


async def create_credential(req: Request) -> Response:
    """POST /v3/credentials"""
    wanted, body = await read_resource(req, "credential", NewCredential)
    req.authorize("identity:create_credential", target(req, {"target.credential.user_id": wanted.user_id}))
    await _require_primary(req)
    made = await req.kit.db.run(credentials.create, req.kit, wanted, body.extra)
    return reply({"credential": _render(req, made)}, 201)


async def show_credential(req: Request) -> Response:
    """GET /v3/credentials/{credential_id}"""
    rule = "identity:get_credential"
    found = await subject(req, rule, _facts, credentials.get, req.kit, req.params["credential_id"])
    await _require_primary(req)
    return reply({"credential": _render(req, found)})


async def update_credential(req: Request) -> Response:
    """PATCH /v3/credentials/{credential_id}"""
    credential_id = req.params["credential_id"]
    await subject(req, "identity:update_credential", _facts, credentials.get, req.kit, credential_id)
    await _require_primary(req)
    wanted, _ = await read_change(req, "credential", CredentialChange, credential_id)
    changed = await req.kit.db.run(credentials.update, req.kit, credential_id, wanted)
    return reply({"credential": _render(req, changed)})


async def delete_credential(req: Request) -> Response:
    """DELETE /v3/credentials/{credential_id}"""
    credential_id = req.params["credential_id"]
    await subject(req, "identity:delete_credential", _facts, credentials.get, req.kit, credential_id)
    await _require_primary(req)
    await req.kit.db.run(credentials.delete, credential_id)
    return empty(204)


async def list_ec2(req: Request) -> Response:
    """GET /v3/users/{user_id}/credentials/OS-EC2"""
    req.authorize("identity:ec2_list_credentials", target(req))
    await _require_primary(req)
    found = await req.kit.db.read(credentials.list_ec2, req.kit, req.params["user_id"])
    return collection(req, "credentials", [_render_ec2(req, one) for one in found])


async def create_ec2(req: Request) -> Response:
    """POST /v3/users/{user_id}/credentials/OS-EC2"""
    user_id = req.params["user_id"]
    req.authorize("identity:ec2_create_credential", target(req, {"target.credential.user_id": user_id}))
    await _require_primary(req)
    content = await req.json()
    project_id = content.get("tenant_id") if isinstance(content, dict) else None
    if not isinstance(project_id, str):
        raise Invalid(reason="Invalid input for field 'tenant_id': it must be the id of a project.")
    made = await req.kit.db.run(credentials.create_ec2, req.kit, user_id, project_id)
    return reply({"credential": _render_ec2(req, made)}, 201)


async def _ec2_subject(req: Request, rule: str) -> Credential:
    """Upstream answers 404 for an unknown access key before it asks who wants to know: the key is not guessable."""
    found = await req.kit.db.read(credentials.get_ec2, req.kit, req.params["credential_id"])
    req.authorize(rule, target(req, _facts(found)))
    return found


async def show_ec2(req: Request) -> Response:
    """GET /v3/users/{user_id}/credentials/OS-EC2/{credential_id}"""
    found = await _ec2_subject(req, "identity:ec2_get_credential")
    await _require_primary(req)
    return reply({"credential": _render_ec2(req, found)})


async def delete_ec2(req: Request) -> Response:
    """DELETE /v3/users/{user_id}/credentials/OS-EC2/{credential_id}"""
    found = await _ec2_subject(req, "identity:ec2_delete_credential")
    await _require_primary(req)
    await req.kit.db.run(credentials.delete, found.id)
    return empty(204)


_EC2 = "/v3/users/{user_id}/credentials/OS-EC2"
ROUTES = (
    Route("GET", "/v3/credentials", list_credentials),
    Route("POST", "/v3/credentials", create_credential),
    Route("GET", "/v3/credentials/{credential_id}", show_credential),
    Route("PATCH", "/v3/credentials/{credential_id}", update_credential),
    Route("DELETE", "/v3/credentials/{credential_id}", delete_credential),
    Route("GET", _EC2, list_ec2),
    Route("POST", _EC2, create_ec2),
    Route("GET", _EC2 + "/{credential_id}", show_ec2),
    Route("DELETE", _EC2 + "/{credential_id}", delete_ec2),
)
