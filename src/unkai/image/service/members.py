"""Share an image with other projects, which accept or reject it themselves (IMG visibility `shared`)."""

from unkai.image import policy, store
from unkai.image.errors import (
    ImageNotFound,
    InvalidMember,
    MemberExists,
    MemberNotFound,
    NotShared,
    TooManyMembers,
)
from unkai.image.model import Image, Member, MemberStatus
from unkai.image.settings import ImageOptions
from unkai.kernel.clock import utcnow
from unkai.kernel.context import Context
from unkai.kernel.errors import Forbidden
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

STATUSES: tuple[MemberStatus, ...] = ("pending", "accepted", "rejected")


def add_member(tx: Tx, kit: Kit, context: Context, image_id: str, member_id: str) -> Member:
    """Raises ImageNotFound, NotShared, Forbidden, MemberExists, TooManyMembers."""
    image = _shared(tx, kit, context, image_id, "create", lock=True)
    policy.authorize(kit.policy, context, "add_member", image)
    everybody = policy.owned_by(image)
    if store.get_member(tx, everybody, image_id, member_id) is not None:
        raise MemberExists(member_id=member_id, image_id=image_id)
    limit = kit.settings[ImageOptions].image_member_quota
    count = store.count_members(tx, everybody, image_id) + 1
    if 0 <= limit < count:
        raise TooManyMembers(attempted=count, maximum=limit)
    now = utcnow()
    member = Member(image_id=image_id, member_id=member_id, status="pending", created_at=now, updated_at=now)
    store.insert_member(tx, everybody, member)
    return member


def list_members(tx: Tx, kit: Kit, context: Context, image_id: str) -> list[Member]:
    """All for the owner, its own membership for a member. Raises ImageNotFound, NotShared, Forbidden."""
    image = _shared(tx, kit, context, image_id, "list")
    policy.authorize(kit.policy, context, "get_members", image)
    if not policy.may(kit.policy, context, "get_member", image):
        return []
    return store.list_members(tx, policy.seen_by(context), image_id)


def get_member(tx: Tx, kit: Kit, context: Context, image_id: str, member_id: str) -> Member:
    """Raises ImageNotFound or MemberNotFound, for whatever reason: who may not look learns nothing."""
    try:
        image = _shared(tx, kit, context, image_id, "show")
        return _member(tx, kit, context, image, member_id)
    except (Forbidden, NotShared) as error:
        raise MemberNotFound(member_id=member_id, image_id=image_id) from error


def answer_member(tx: Tx, kit: Kit, context: Context, image_id: str, member_id: str, status: str) -> Member:
    """Accept or reject. Raises ImageNotFound, NotShared, MemberNotFound, Forbidden, InvalidMember."""
    image = _shared(tx, kit, context, image_id, "update", lock=True)
    _member(tx, kit, context, image, member_id)
    policy.authorize(kit.policy, context, "modify_member", image)
    for known in STATUSES:
        if status == known:
            if not store.set_member(tx, policy.seen_by(context), image_id, member_id, known):
                raise Forbidden(rule="modify_member")
            return _member(tx, kit, context, image, member_id)
    raise InvalidMember(reason='Incorrect request: Status must be "pending", "accepted" or "rejected".')


def remove_member(tx: Tx, kit: Kit, context: Context, image_id: str, member_id: str) -> None:
    """Raises ImageNotFound, NotShared, MemberNotFound, Forbidden."""
    image = _shared(tx, kit, context, image_id, "delete", lock=True)
    _member(tx, kit, context, image, member_id)
    policy.authorize(kit.policy, context, "delete_member", image)
    store.delete_member(tx, policy.owned_by(image), image_id, member_id)


def _shared(tx: Tx, kit: Kit, context: Context, image_id: str, verb: str, *, lock: bool = False) -> Image:
    find = store.lock_image if lock else store.get_image
    image = find(tx, policy.seen_by(context), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    policy.authorize(kit.policy, context, "get_image", image)
    if image.visibility != "shared":
        raise NotShared(verb=verb, image_id=image_id)
    return image


def _member(tx: Tx, kit: Kit, context: Context, image: Image, member_id: str) -> Member:
    policy.authorize(kit.policy, context, "get_member", image)
    member = store.get_member(tx, policy.seen_by(context), image.id, member_id)
    if member is None:
        raise MemberNotFound(member_id=member_id, image_id=image.id)
    return member
