"""Register, show, change, delete images, and switch them off and on."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from unkai.image import changes, fields, policy, store
from unkai.image.changes import Change
from unkai.image.errors import (
    HasNoData,
    ImageExists,
    ImageNotFound,
    NotSwitchable,
    OwnerFixed,
    Protected,
    TagNotFound,
    WrongStatus,
)
from unkai.image.model import BlobRef, Draft, Image, may_become
from unkai.kernel.clock import utcnow
from unkai.kernel.context import Context
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


def get_image(tx: Tx, context: Context, image_id: str) -> Image:
    """An image that the caller sees (IMG-087: hidden ones too). Raises ImageNotFound."""
    image = store.get_image(tx, policy.seen_by(context), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    return image


def show_image(tx: Tx, kit: Kit, context: Context, image_id: str) -> Image:
    """`get_image` for the API: the policy get_image must allow it too. Raises ImageNotFound."""
    image = get_image(tx, context, image_id)
    policy.authorize(kit.policy, context, "get_image", image)
    return image


def images_by_ids(tx: Tx, ids: Iterable[str], *, deleted: bool = False) -> dict[str, Image]:
    """Images by id, whoever they belong to; with `deleted`, tombstones too. For other rooms' lists."""
    return store.images_by_ids(tx, Scope.system(), ids, deleted=deleted)


def data_location(tx: Tx, image_id: str) -> BlobRef:
    """Where an active image's data lies. Raises ImageNotFound, HasNoData."""
    image = store.get_image(tx, Scope.system(), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    places = store.location_of(tx, Scope.system(), image_id) if image.status == "active" else []
    if not places:
        raise HasNoData(image_id=image_id, status=image.status)
    return places[0]


def create_image(tx: Tx, kit: Kit, context: Context, draft: Draft) -> Image:
    """Register an image without data: queued (IMG-012, IMG-032).

    Without an owner in the draft it belongs to the caller's project. Raises Forbidden, NotYours, ImageExists.
    """
    if draft.owner is None:
        draft = msgspec.structs.replace(draft, owner=context.project_id)
    policy.authorize_create(kit.policy, context, draft)
    image_id = draft.id or new_uuid()
    if draft.id is not None and store.image_exists(tx, Scope.system(), image_id):
        raise ImageExists(image_id=image_id)
    now = utcnow()
    values: dict[str, Any] = msgspec.structs.asdict(draft)
    values.update(id=image_id, status="queued", created_at=now, updated_at=now)
    image = Image(**values)
    store.insert_image(tx, image)
    return image


def update_image(tx: Tx, kit: Kit, context: Context, image_id: str, wanted: tuple[Change, ...]) -> Image:
    """Apply a patch (IMG-082). All of it or nothing.

    Raises ImageNotFound, Forbidden, OwnerFixed and what `changes.apply` and `fields.check_formats` raise.
    """
    before = _locked(tx, context, image_id)
    if not wanted:
        policy.authorize(kit.policy, context, "get_image", before)
        return before
    for change in wanted:
        _authorize_change(kit, context, before, change)
    after = changes.apply(before, wanted)
    if after.disk_format != before.disk_format or after.container_format != before.container_format:
        fields.check_formats(kit.settings, after.disk_format, after.container_format)
    if len(after.properties) > len(before.properties):
        fields.check_property_count(kit.settings, len(after.properties))
    after = msgspec.structs.replace(after, updated_at=utcnow())
    _write(tx, before, after)
    return after


def _authorize_change(kit: Kit, context: Context, image: Image, change: Change) -> None:
    if change.name == "owner" and change.operation == "replace" and not context.is_admin:
        policy.authorize(kit.policy, context, "get_image", image)
        raise OwnerFixed
    if change.name == "visibility" and change.value is not None:
        facts = policy.target(context, image)
        if not policy.may(kit.policy, context, "get_image", image):
            raise ImageNotFound(image_id=image.id)
        policy.authorize_visibility(kit.policy, context, change.value, facts)
    policy.authorize(kit.policy, context, "modify_image", image)


def delete_image(tx: Tx, kit: Kit, context: Context, image_id: str) -> list[BlobRef]:
    """Delete an image. Its data is handed to the trash and returned, so that the caller empties it at once.

    Readers of the data go on to their end; an upload that runs loses its right. Raises ImageNotFound, Forbidden,
    Protected, WrongStatus.
    """
    image = _locked(tx, context, image_id)
    policy.authorize(kit.policy, context, "delete_image", image)
    if image.protected:
        raise Protected(image_id=image_id)
    if not may_become(image.status, "deleted"):
        raise WrongStatus(status=image.status, target="deleted")
    return store.delete_image(tx, policy.owned_by(image), image_id, utcnow())


def deactivate_image(tx: Tx, kit: Kit, context: Context, image_id: str) -> None:
    """Keep the data from being downloaded. Raises ImageNotFound, Forbidden, NotSwitchable."""
    _switch(tx, kit, context, image_id, "deactivate", "active", "deactivated")


def reactivate_image(tx: Tx, kit: Kit, context: Context, image_id: str) -> None:
    """Let the data be downloaded again. Raises ImageNotFound, Forbidden, NotSwitchable."""
    _switch(tx, kit, context, image_id, "reactivate", "deactivated", "active")


def _switch(tx: Tx, kit: Kit, context: Context, image_id: str, verb: str, source: str, target: str) -> None:
    image = _locked(tx, context, image_id)
    policy.authorize(kit.policy, context, verb, image)
    if image.status == target:
        return
    if image.status != source:
        raise NotSwitchable(verb=verb, status=image.status)
    _write(tx, image, msgspec.structs.replace(image, status=target, updated_at=utcnow()))


def purge_deleted(tx: Tx, before: datetime, limit: int = 1000) -> int:
    """Forget tombstones of images deleted before then, at most `limit` of them. Returns how many went."""
    return store.purge(tx, Scope.system(), before, limit)


def add_tag(tx: Tx, kit: Kit, context: Context, image_id: str, tag: str) -> None:
    """Raises ImageNotFound, Forbidden, TooManyTags. The tag has been checked."""
    image = _locked(tx, context, image_id)
    policy.authorize(kit.policy, context, "modify_image", image)
    if tag not in image.tags:
        fields.check_tag_count(kit.settings, len(image.tags) + 1)
        store.add_tag(tx, policy.owned_by(image), image_id, tag)


def remove_tag(tx: Tx, kit: Kit, context: Context, image_id: str, tag: str) -> None:
    """Raises ImageNotFound, Forbidden, TagNotFound."""
    image = _locked(tx, context, image_id)
    policy.authorize(kit.policy, context, "modify_image", image)
    if tag not in image.tags:
        raise TagNotFound
    store.remove_tag(tx, policy.owned_by(image), image_id, tag)


def _locked(tx: Tx, context: Context, image_id: str) -> Image:
    image = store.lock_image(tx, policy.seen_by(context), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    return image


def _write(tx: Tx, before: Image, after: Image) -> None:
    if not store.update_image(tx, policy.owned_by(before), before, after):
        raise ImageNotFound(image_id=before.id)
