"""Groups of users."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from unkai.identity.errors import Duplicate, Invalid, MembershipNotFound
from unkai.identity.model import Group, Listing
from unkai.identity.service import cleanup, lookup, tokens
from unkai.identity.service.fields import Id, Name, given
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.store import groups as store
from unkai.identity.store import tokens as token_store
from unkai.identity.store.writing import Taken
from unkai.kernel.ids import new_hex
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


class GroupFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on a group."""

    name: Name | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    id: str | UnsetType = UNSET


def listed(tx: Tx, scope: Scope, listing: Listing, *, user_id: str | None = None) -> tuple[list[Group], bool]:
    """A page of groups. Raises UserNotFound."""
    if user_id is not None:
        lookup.user(tx, user_id)
    return store.listed(tx, scope, listing, user_id=user_id)


def create(tx: Tx, wanted: GroupFields, extra: dict[str, Any], default_domain_id: str) -> Group:
    """Raises DomainNotFound, Invalid, Duplicate."""
    if isinstance(wanted.name, UnsetType):
        raise Invalid(reason="Invalid input for field 'name': 'name' is a required property.")
    domain = lookup.domain(tx, wanted.domain_id or default_domain_id)
    group = Group(
        id=new_hex(),
        name=wanted.name.strip(),
        domain_id=domain.id,
        description="" if isinstance(wanted.description, UnsetType) else wanted.description or "",
        extra=extra,
    )
    try:
        store.insert(tx, group)
    except Taken as error:
        raise _name_taken(group.name) from error
    return group


def _name_taken(name: str) -> Duplicate:
    return Duplicate(kind="group", reason=f"Duplicate entry found with name {name}")


def update(tx: Tx, group_id: str, wanted: GroupFields, extra: dict[str, Any]) -> Group:
    """Raises GroupNotFound, Invalid, Duplicate."""
    old = lookup.group(tx, group_id)
    if not isinstance(wanted.domain_id, UnsetType) and wanted.domain_id != old.domain_id:
        raise Invalid(reason="Cannot change Domain ID")
    values = given(name=wanted.name, description=wanted.description)
    if "name" in values:
        values["name"] = values["name"].strip()
    if "description" in values:
        values["description"] = values["description"] or ""
    if extra:
        values["extra"] = old.extra | extra
    try:
        store.update(tx, EVERYWHERE, group_id, **values)
    except Taken as error:
        raise _name_taken(str(values.get("name", old.name))) from error
    return lookup.group(tx, group_id)


def delete(tx: Tx, kit: Kit, group_id: str) -> None:
    """Raises GroupNotFound."""
    lookup.group(tx, group_id)
    cleanup.of_group(tx, kit, group_id)
    store.delete(tx, EVERYWHERE, [group_id])


def add_member(tx: Tx, group_id: str, user_id: str) -> None:
    """Raises GroupNotFound, UserNotFound."""
    lookup.group(tx, group_id)
    lookup.user(tx, user_id)
    store.add_member(tx, EVERYWHERE, group_id, user_id)
    token_store.bump(tx)


def remove_member(tx: Tx, kit: Kit, group_id: str, user_id: str) -> None:
    """The user's tokens end, as upstream has it. Raises GroupNotFound, UserNotFound, MembershipNotFound."""
    lookup.group(tx, group_id)
    lookup.user(tx, user_id)
    if not store.remove_member(tx, EVERYWHERE, group_id, user_id):
        raise MembershipNotFound(user_id=user_id, group_id=group_id)
    tokens.revoke(tx, kit, "user", user_id)


def check_member(tx: Tx, group_id: str, user_id: str) -> None:
    """Raises GroupNotFound, UserNotFound, MembershipNotFound."""
    lookup.group(tx, group_id)
    lookup.user(tx, user_id)
    if not store.is_member(tx, EVERYWHERE, group_id, user_id):
        raise MembershipNotFound(user_id=user_id, group_id=group_id)
