"""Roles, global or of a domain, and which of them imply others."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from unkai.identity.errors import Duplicate, ImpliedRoleNotFound, Invalid, NotPermitted, Refused
from unkai.identity.model import Listing, Role
from unkai.identity.service import cleanup, lookup
from unkai.identity.service.fields import (
    Id,
    Name,
    Options,
    given,
    merged,
    refuse_change_of_immutable,
    refuse_deletion_of_immutable,
)
from unkai.identity.settings import AssignmentOptions
from unkai.identity.store import roles as store
from unkai.identity.store import tokens as token_store
from unkai.identity.store.writing import Taken
from unkai.kernel.ids import new_hex
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx


class RoleFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on a role."""

    name: Name | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    options: Options | UnsetType = UNSET
    id: str | UnsetType = UNSET


def listed(tx: Tx, listing: Listing) -> tuple[list[Role], bool]:
    return store.listed(tx, listing)


def create(tx: Tx, wanted: RoleFields, extra: dict[str, Any]) -> Role:
    """Raises Invalid, DomainNotFound, Duplicate."""
    if isinstance(wanted.name, UnsetType):
        raise Invalid(reason="Invalid input for field 'name': 'name' is a required property.")
    domain_id = wanted.domain_id or None
    if domain_id is not None:
        lookup.domain(tx, domain_id)
    role = Role(
        id=new_hex(),
        name=wanted.name,
        domain_id=domain_id,
        description=None if isinstance(wanted.description, UnsetType) else wanted.description,
        options=merged({}, wanted.options),
        extra=extra,
    )
    try:
        store.insert(tx, role)
    except Taken as error:
        raise _name_taken(role.name) from error
    return role


def _name_taken(name: str) -> Duplicate:
    return Duplicate(kind="role", reason=f"Duplicate entry found with name {name}")


def update(tx: Tx, role_id: str, wanted: RoleFields, extra: dict[str, Any], changed: int) -> Role:
    """Raises RoleNotFound, Immutable, Invalid, Duplicate."""
    old = lookup.role(tx, role_id)
    refuse_change_of_immutable("role", old.id, old.options, changed, wanted.options)
    if not isinstance(wanted.domain_id, UnsetType) and wanted.domain_id != old.domain_id:
        raise Invalid(reason="Update of `domain_id` is not allowed.")
    values = given(name=wanted.name, description=wanted.description)
    if not isinstance(wanted.options, UnsetType):
        values["options"] = merged(old.options, wanted.options)
    if extra:
        values["extra"] = old.extra | extra
    try:
        store.update(tx, role_id, **values)
    except Taken as error:
        raise _name_taken(str(values.get("name", old.name))) from error
    token_store.bump(tx)
    return lookup.role(tx, role_id)


def delete(tx: Tx, role_id: str) -> None:
    """Take the role from everybody, then delete it. Raises RoleNotFound, Immutable."""
    role = lookup.role(tx, role_id)
    refuse_deletion_of_immutable("role", role.id, role.options)
    cleanup.of_role(tx, role_id)
    store.delete(tx, [role_id])


def implied_by(tx: Tx, prior_role_id: str) -> tuple[Role, list[Role]]:
    """A role and what it implies directly. Raises RoleNotFound."""
    prior = lookup.role(tx, prior_role_id)
    found = store.by_ids(tx, store.implications(tx).get(prior_role_id, []))
    return prior, sorted(found.values(), key=lambda role: role.name)


def inferences(tx: Tx) -> list[tuple[Role, list[Role]]]:
    """Every role that implies others, with those. Two statements."""
    known = store.all_by_id(tx)
    return [
        (known[prior], [known[role_id] for role_id in implied])
        for prior, implied in sorted(store.implications(tx).items())
    ]


def implication(tx: Tx, prior_role_id: str, implied_role_id: str) -> tuple[Role, Role]:
    """Raises RoleNotFound, ImpliedRoleNotFound."""
    prior, implied = lookup.role(tx, prior_role_id), lookup.role(tx, implied_role_id)
    if implied_role_id not in store.implications(tx).get(prior_role_id, []):
        raise ImpliedRoleNotFound(prior=prior_role_id, implied=implied_role_id)
    return prior, implied


def imply(tx: Tx, kit: Kit, prior_role_id: str, implied_role_id: str) -> tuple[Role, Role]:
    """Make a role imply another. Raises RoleNotFound, NotPermitted, Duplicate."""
    prior, implied = lookup.role(tx, prior_role_id), lookup.role(tx, implied_role_id)
    if implied.name in kit.settings[AssignmentOptions].prohibited_implied_role:
        raise Refused(reason=f"{implied_role_id} cannot be an implied roles.")
    if prior.domain_id is None and implied.domain_id is not None:
        raise NotPermitted(action="Global role cannot imply a domain-specific role")
    if implied_role_id in store.implications(tx).get(prior_role_id, []):
        raise Duplicate(kind="implied_role", reason="Duplicate entry")
    store.imply(tx, prior_role_id, implied_role_id)
    token_store.bump(tx)
    return prior, implied


def forget_implication(tx: Tx, prior_role_id: str, implied_role_id: str) -> None:
    """Raises RoleNotFound, ImpliedRoleNotFound."""
    lookup.role(tx, prior_role_id)
    lookup.role(tx, implied_role_id)
    if not store.forget_implication(tx, prior_role_id, implied_role_id):
        raise ImpliedRoleNotFound(prior=prior_role_id, implied=implied_role_id)
    token_store.bump(tx)
