"""Bodies of allocations as they grew: a list, a mapping (1.12), generations (1.28), mappings (1.34), types (1.38)."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from unkai.placement.api.body import NAME_PATTERN, UUID_PATTERN, ClassName, Name, Uuid
from unkai.placement.model import MAX_INT, UNCHECKED, Claim

Amount = Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]
Resources = Annotated[dict[ClassName, Amount], msgspec.Meta(min_length=1)]
UuidKey = Annotated[str, msgspec.Meta(pattern=UUID_PATTERN)]
TypeName = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN, min_length=1, max_length=255)]
Suffix = Annotated[str, msgspec.Meta(pattern="^([a-zA-Z0-9_-]{1,64})?$")]
Mappings = Annotated[dict[Suffix, Annotated[list[Uuid], msgspec.Meta(min_length=1)]], msgspec.Meta(min_length=1)]


class ProviderRef(msgspec.Struct, forbid_unknown_fields=True):
    uuid: Uuid


class ListItem(msgspec.Struct, forbid_unknown_fields=True):
    resource_provider: ProviderRef
    resources: Resources


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """`generation` is let through so that what GET answers can be sent back; nothing looks at it."""

    resources: Resources
    generation: int | None = None


Items = dict[UuidKey, Item]
SomeItems = Annotated[Items, msgspec.Meta(min_length=1)]


class Put0(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    allocations: Annotated[list[ListItem], msgspec.Meta(min_length=1)]


class Put8(Put0, forbid_unknown_fields=True, kw_only=True):
    project_id: Name
    user_id: Name


class Put12(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    allocations: SomeItems
    project_id: Name
    user_id: Name


class Post13(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    allocations: Items
    project_id: Name
    user_id: Name


class Both28(Post13, forbid_unknown_fields=True, kw_only=True):
    consumer_generation: int | None


class Both34(Both28, forbid_unknown_fields=True, kw_only=True):
    mappings: Mappings | msgspec.UnsetType = msgspec.UNSET


class Both38(Both34, forbid_unknown_fields=True, kw_only=True):
    consumer_type: TypeName


Put = Put0 | Put12 | Post13

_PUT: tuple[tuple[int, type[Put0 | Put12 | Post13]], ...] = (
    (38, Both38),
    (34, Both34),
    (28, Both28),
    (12, Put12),
    (8, Put8),
    (0, Put0),
)
_POST: tuple[tuple[int, type[Post13]], ...] = ((38, Both38), (34, Both34), (28, Both28), (13, Post13))


def put_kind(minor: int) -> type[Put0 | Put12 | Post13]:
    return next(kind for since, kind in _PUT if minor >= since)


def post_kind(minor: int) -> type[Post13]:
    return next(kind for since, kind in _POST if minor >= since)


def claim(consumer: str, body: Put, incomplete: tuple[str, str]) -> Claim:
    """The claim a body makes. `incomplete` are project and user of bodies from before 1.8 had them."""
    amounts: dict[str, Mapping[str, int]] = {}
    if isinstance(body, Put0):
        for one in body.allocations:
            amounts[one.resource_provider.uuid] = one.resources
    else:
        amounts = {uuid: item.resources for uuid, item in body.allocations.items()}
    return Claim(
        consumer_uuid=consumer,
        amounts=amounts,
        project_id=getattr(body, "project_id", incomplete[0]),
        user_id=getattr(body, "user_id", incomplete[1]),
        type=getattr(body, "consumer_type", None),
        generation=getattr(body, "consumer_generation", UNCHECKED),
    )
