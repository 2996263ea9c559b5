"""Who may do what with an image: upstream's rules and defaults, and what a rule gets to see of an image.

A rule that refuses a caller who may not even see the image answers that there is no such image.
"""

from typing import Any

from unkai.image.errors import ImageNotFound, NotYours
from unkai.image.model import Draft, Image
from unkai.kernel.context import Context
from unkai.kernel.errors import Forbidden
from unkai.kernel.policy import Policy, Rule, Target
from unkai.kernel.scope import Scope

# Not upstream's `rule:context_is_admin` and `rule:service_api`: other rooms have rules of these names with other
# meanings, and all rooms share one set of rules.
_ADMIN = "role:admin"
_SERVICE = "role:service or role:admin"
_OWNER = "role:member and project_id:%(project_id)s"
_OWNER_READER = "role:reader and project_id:%(project_id)s"
_ANY_WHO_SEES = (
    "(project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s "
    "or 'public':%(visibility)s or 'shared':%(visibility)s)"
)
_ADMIN_OR_OWNER = f"{_ADMIN} or ({_OWNER})"
_ADMIN_OR_READER = f"{_ADMIN} or ({_OWNER_READER})"
_PROJECT = ("project",)


def _rule(name: str, check: str, description: str, *operations: str) -> Rule:
    return Rule(name, check, description, operations, _PROJECT)


POLICIES: tuple[Rule, ...] = (
    _rule(
        "add_image",
        f"{_ADMIN} or ({_OWNER} and project_id:%(owner)s)",
        "Register an image.",
        "POST /v2/images",
    ),
    _rule("delete_image", _ADMIN_OR_OWNER, "Delete an image.", "DELETE /v2/images/{image_id}"),
    _rule(
        "get_image",
        f"{_ADMIN} or (role:reader and {_ANY_WHO_SEES})",
        "See an image.",
        "GET /v2/images/{image_id}",
    ),
    _rule("get_images", _ADMIN_OR_READER, "List images.", "GET /v2/images"),
    _rule("modify_image", _ADMIN_OR_OWNER, "Change an image's attributes.", "PATCH /v2/images/{image_id}"),
    _rule("publicize_image", _ADMIN, "Make an image public.", "POST /v2/images", "PATCH /v2/images/{image_id}"),
    _rule(
        "communitize_image",
        _ADMIN_OR_OWNER,
        "Make an image a community image.",
        "POST /v2/images",
        "PATCH /v2/images/{image_id}",
    ),
    _rule(
        "download_image",
        f"{_ADMIN} or (role:member and {_ANY_WHO_SEES})",
        "Download an image's data.",
        "GET /v2/images/{image_id}/file",
    ),
    _rule("upload_image", _ADMIN_OR_OWNER, "Upload an image's data.", "PUT /v2/images/{image_id}/file"),
    _rule(
        "get_image_location",
        _ADMIN_OR_READER,
        "Read where an image's data lies.",
        "DELETE /v2/stores/{store_id}/{image_id}",
    ),
    _rule(
        "delete_image_location",
        _ADMIN,
        "Remove an image's data from one of its stores.",
        "DELETE /v2/stores/{store_id}/{image_id}",
    ),
    _rule(
        "add_image_location",
        f"{_SERVICE} or ({_OWNER} and project_id:%(owner)s)",
        "Give a queued image its data by a URL.",
        "POST /v2/images/{image_id}/locations",
    ),
    _rule(
        "fetch_image_location",
        _SERVICE,
        "Read all locations of an image.",
        "GET /v2/images/{image_id}/locations",
    ),
    _rule("add_member", _ADMIN_OR_OWNER, "Share an image with a project.", "POST /v2/images/{image_id}/members"),
    _rule(
        "delete_member",
        _ADMIN_OR_OWNER,
        "Stop sharing an image with a project.",
        "DELETE /v2/images/{image_id}/members/{member_id}",
    ),
    _rule(
        "get_member",
        f"{_ADMIN} or role:reader and (project_id:%(project_id)s or project_id:%(member_id)s)",
        "See whether a shared image was accepted.",
        "GET /v2/images/{image_id}/members/{member_id}",
    ),
    _rule(
        "get_members",
        f"{_ADMIN} or role:reader and (project_id:%(project_id)s or project_id:%(member_id)s)",
        "List the projects that an image is shared with.",
        "GET /v2/images/{image_id}/members",
    ),
    _rule(
        "modify_member",
        f"{_ADMIN} or (role:member and project_id:%(member_id)s)",
        "Accept or reject a shared image.",
        "PUT /v2/images/{image_id}/members/{member_id}",
    ),
    _rule(
        "deactivate",
        _ADMIN_OR_OWNER,
        "Keep an image's data from being downloaded.",
        "POST /v2/images/{image_id}/actions/deactivate",
    ),
    _rule(
        "reactivate",
        _ADMIN_OR_OWNER,
        "Let an image's data be downloaded again.",
        "POST /v2/images/{image_id}/actions/reactivate",
    ),
    _rule(
        "stores_info_detail",
        _SERVICE,
        "See how the stores are configured.",
        "GET /v2/info/stores/detail",
    ),
)


def seen_by(context: Context) -> Scope:
    """The rows a caller can see: all for an administrator, else what its project and the public have."""
    if context.is_admin:
        return Scope.system()
    return Scope.project(context.project_id) if context.project_id is not None else Scope.nothing()


def owned_by(image: Image) -> Scope:
    """The rows that an authorised change of this image may touch."""
    return Scope.project(image.owner) if image.owner is not None else Scope.system()


def target(context: Context, image: Image) -> Target:
    """An image as rules see it. `member_id` is set when the caller sees the image because it is shared with it."""
    shared = image.visibility == "shared" and context.project_id != image.owner
    facts: dict[str, Any] = dict(image.properties)
    facts.update(
        project_id=image.owner,
        owner=image.owner,
        visibility=image.visibility,
        member_id=context.project_id if shared else None,
        image_id=image.id,
        id=image.id,
        name=image.name,
        status=image.status,
        protected=image.protected,
        os_hidden=image.os_hidden,
        disk_format=image.disk_format,
        container_format=image.container_format,
    )
    return facts


def may(policy: Policy, context: Context, rule: str, image: Image) -> bool:
    return policy.allows(context, rule, target(context, image))


def authorize(policy: Policy, context: Context, rule: str, image: Image) -> None:
    """Raises Forbidden, or ImageNotFound when the caller may not know that there is such an image."""
    facts = target(context, image)
    if policy.allows(context, rule, facts):
        return
    if rule == "get_image" or not policy.allows(context, "get_image", facts):
        raise ImageNotFound(image_id=image.id)
    raise Forbidden(rule=rule)


def authorize_visibility(policy: Policy, context: Context, visibility: str, facts: Target) -> None:
    """Raises Forbidden when the caller may not give an image this visibility."""
    rule = {"public": "publicize_image", "community": "communitize_image"}.get(visibility)
    if rule is not None:
        policy.authorize(context, rule, facts)


def authorize_create(policy: Policy, context: Context, draft: Draft) -> None:
    """Raises Forbidden, or NotYours when the image would belong to another project."""
    facts = {"project_id": draft.owner, "owner": draft.owner, "visibility": draft.visibility}
    if not policy.allows(context, "add_image", facts):
        if draft.owner != context.project_id:
            raise NotYours(owner=draft.owner)
        raise Forbidden(rule="add_image")
    authorize_visibility(policy, context, draft.visibility, facts)
