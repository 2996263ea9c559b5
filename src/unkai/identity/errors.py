"""Refusals of the identity room. Texts follow upstream's, because clients show and sometimes read them."""

from typing import Any

import msgspec

from unkai.kernel.errors import ApiError, BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from unkai.kernel.web import ErrorView

_ACTION = "You are not authorized to perform the requested action: {action}."


class Invalid(BadRequest):
    """A request that is well formed but contradicts itself or the state it names."""

    code = "identity.invalid"
    text = "{reason}"


class PasswordRefused(BadRequest):
    code = "identity.password_refused"
    text = "Password validation error: {reason}."
    remedy = "Choose another password as the message says, or wait until it may be changed."


class AuthenticationFailed(Unauthorized):
    """Every failed authentication looks the same: which part was wrong helps only those who guess."""

    code = "identity.authentication_failed"
    remedy = "Check user, domain, password and scope; the control plane's log names the cause under the request id."

    def __init__(self, cause: str, **headers: str) -> None:
        super().__init__(headers=headers)
        self.cause = cause


class PasswordExpired(Unauthorized):
    """Only for those who know the password: they need the id to change it."""

    code = "identity.password_expired"
    text = "The password is expired and needs to be changed for user: {user_id}."
    remedy = "POST /v3/users/{user_id}/password with the old and a new password."


class NotPermitted(Forbidden):
    """Refused for what the token is, not for the roles it carries."""

    code = "identity.not_permitted"
    text = _ACTION
    remedy = "Use a token that came from a password and is allowed to do this."


class Refused(ApiError):
    """Refused because of the state of the resource; upstream answers 403."""

    code = "identity.refused"
    status = 403
    title = "Forbidden"
    text = "{reason}"
    remedy = "Change the state that the message names, then try again."


class Immutable(Refused):
    code = "identity.immutable"
    text = 'Unable to {verb} immutable {kind} resource: `{id}`. Set resource option "immutable" to false first.'
    remedy = "Set the option immutable to false first."


class LimitReached(Refused):
    code = "identity.limit_reached"
    text = "Unable to create additional {kind}, maximum of {limit} already exceeded for user."
    remedy = "Delete some, or raise the limit in the configuration."


class Duplicate(Conflict):
    code = "identity.duplicate"
    text = "Conflict occurred attempting to store {kind} - {reason}."
    remedy = "Choose another name, or use the one that exists."


class Missing(NotFound):
    """Base of "could not find" errors."""

    code = "identity.missing"
    text = "Could not find: {id}."


class DomainNotFound(Missing):
    code = "identity.domain_not_found"
    text = "Could not find domain: {id}."


class ProjectNotFound(Missing):
    code = "identity.project_not_found"
    text = "Could not find project: {id}."


class TagNotFound(Missing):
    code = "identity.tag_not_found"
    text = "Could not find project tag: {id}."


class UserNotFound(Missing):
    code = "identity.user_not_found"
    text = "Could not find user: {id}."


class GroupNotFound(Missing):
    code = "identity.group_not_found"
    text = "Could not find group: {id}."


class MembershipNotFound(Missing):
    code = "identity.membership_not_found"
    text = "User '{user_id}' not found in group '{group_id}'."


class RoleNotFound(Missing):
    code = "identity.role_not_found"
    text = "Could not find role: {id}."


class ImpliedRoleNotFound(Missing):
    code = "identity.implied_role_not_found"
    text = "{prior} does not imply {implied}."


class AssignmentNotFound(Missing):
    code = "identity.assignment_not_found"
    text = (
        "Could not find role assignment with role: {role_id}, user or group: {actor_id}, "
        "project, domain, or system: {target_id}."
    )


class TokenNotFound(Missing):
    """A token that cannot be validated: unknown, foreign, expired or revoked. Its text never repeats the token."""

    code = "identity.token_not_found"
    text = "Failed to validate token"
    remedy = "Authenticate again."


class RegionNotFound(Missing):
    code = "identity.region_not_found"
    text = "Could not find region: {id}."


class ServiceNotFound(Missing):
    code = "identity.service_not_found"
    text = "Could not find service: {id}."


class EndpointNotFound(Missing):
    code = "identity.endpoint_not_found"
    text = "Could not find endpoint: {id}."


class CredentialNotFound(Missing):
    code = "identity.credential_not_found"
    text = "Could not find credential: {id}."


class ApplicationCredentialNotFound(Missing):
    code = "identity.application_credential_not_found"
    text = "Could not find Application Credential: {id}."


class AccessRuleNotFound(Missing):
    code = "identity.access_rule_not_found"
    text = "Could not find Access Rule: {id}."


class PolicyNotFound(Missing):
    code = "identity.policy_not_found"
    text = "Could not find policy: {id}."


class RegisteredLimitNotFound(Missing):
    code = "identity.registered_limit_not_found"
    text = "Could not find registered limit for {id}."


class LimitNotFound(Missing):
    code = "identity.limit_not_found"
    text = "Could not find limit for {id}."


def render_error(view: ErrorView) -> tuple[str, bytes]:
    """Upstream's body: {"error": {"code", "message", "title"}}."""
    message = view.message
    if view.status == 401 and view.code != PasswordExpired.code:
        message = Unauthorized.text
    elif view.code == Forbidden.code:
        message = _ACTION.format(action=view.params.get("rule", "unknown"))
    body: dict[str, Any] = {"code": view.status, "message": message, "title": view.title}
    return "application/json", msgspec.json.encode({"error": body})
