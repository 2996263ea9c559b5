"""Registered limits and limits (unified limits, flat enforcement)."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from unkai.identity.errors import Duplicate, Invalid, LimitNotFound, Refused, RegisteredLimitNotFound
from unkai.identity.model import Filter, Limit, Listing, RegisteredLimit
from unkai.identity.service import lookup
from unkai.identity.service.fields import Id, Name, RegionId, given
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.store import catalog
from unkai.identity.store import limits as store
from unkai.kernel.ids import new_hex
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx

# -1 is unlimited; what fits a signed 32-bit integer, as upstream.
Amount = Annotated[int, Meta(ge=-1, le=0x7FFFFFFF)]
MODEL = {
    "name": "flat",
    "description": "Limit enforcement and validation does not take project hierarchy into consideration.",
}


class RegisteredLimitFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on a registered limit."""

    service_id: Id | UnsetType = UNSET
    region_id: RegionId | UnsetType | None = UNSET
    resource_name: Name | UnsetType = UNSET
    default_limit: Amount | UnsetType = UNSET
    description: str | UnsetType | None = UNSET


class NewLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of a project or of a domain, overriding the registered one of the service, region and resource."""

    service_id: Id
    resource_name: Name
    resource_limit: Amount
    region_id: RegionId | None = None
    project_id: Id | None = None
    domain_id: Id | None = None
    description: str | None = None


class LimitChange(msgspec.Struct, frozen=True, kw_only=True):
    resource_limit: Amount | UnsetType = UNSET
    description: str | UnsetType | None = UNSET


def list_registered(tx: Tx, listing: Listing) -> tuple[list[RegisteredLimit], bool]:
    return store.list_registered(tx, listing)


def registered(tx: Tx, limit_id: str) -> RegisteredLimit:
    """Raises RegisteredLimitNotFound."""
    found = store.registered(tx, limit_id)
    if found is None:
        raise RegisteredLimitNotFound(id=limit_id)
    return found


def create_registered(tx: Tx, wanted: Sequence[RegisteredLimitFields]) -> list[RegisteredLimit]:
    """All or none. Raises Invalid, Duplicate."""
    made: list[RegisteredLimit] = []
    for fields in wanted:
        for name in ("service_id", "resource_name", "default_limit"):
            if getattr(fields, name) is UNSET:
                raise Invalid(reason=f"Invalid input for field '{name}': '{name}' is a required property.")
        values: dict[str, Any] = {"region_id": None, "description": None} | _given(fields)
        new = RegisteredLimit(id=new_hex(), **values)
        _check_registered(tx, new)
        store.insert_registered(tx, new)
        made.append(new)
    return made


def _given(fields: RegisteredLimitFields) -> dict[str, Any]:
    return given(**{name: getattr(fields, name) for name in fields.__struct_fields__})


def _check_registered(tx: Tx, new: RegisteredLimit) -> None:
    if catalog.service(tx, new.service_id) is None:
        raise Invalid(reason=f"Expecting to find service_id in service table: {new.service_id}.")
    if new.region_id is not None and catalog.region(tx, new.region_id) is None:
        raise Invalid(reason=f"Expecting to find region_id in region table: {new.region_id}.")
    other = store.find_registered(tx, new.service_id, new.region_id, new.resource_name)
    if other is not None and other.id != new.id:
        raise Duplicate(kind="registered_limit", reason="Duplicate entry")


def update_registered(tx: Tx, limit_id: str, wanted: RegisteredLimitFields) -> RegisteredLimit:
    """Raises RegisteredLimitNotFound, Refused while limits override it, Invalid, Duplicate."""
    old = registered(tx, limit_id)
    values = _given(wanted)
    if values.keys() - {"default_limit", "description"}:
        _refuse_when_overridden(tx, limit_id)
    _check_registered(tx, msgspec.structs.replace(old, **values))
    if values:
        store.update_registered(tx, limit_id, **values)
    return registered(tx, limit_id)


def delete_registered(tx: Tx, limit_id: str) -> None:
    """Raises RegisteredLimitNotFound, Refused while limits override it."""
    registered(tx, limit_id)
    _refuse_when_overridden(tx, limit_id)
    store.delete_registered(tx, limit_id)


def _refuse_when_overridden(tx: Tx, limit_id: str) -> None:
    if store.overridden(tx, limit_id):
        raise Refused(
            reason=f"Unable to update or delete registered limit {limit_id} because there are project limits "
            "associated with it."
        )


def listed(tx: Tx, scope: Scope, listing: Listing) -> tuple[list[Limit], bool]:
    return store.listed(tx, scope, listing)


def of_projects(tx: Tx, project_ids: Sequence[str]) -> dict[str, list[Limit]]:
    """The limits of each project; an empty list for one without."""
    found: dict[str, list[Limit]] = {project_id: [] for project_id in project_ids}
    limits, _ = store.listed(tx, EVERYWHERE, Listing())
    for limit in limits:
        if limit.project_id in found:
            found[limit.project_id].append(limit)
    return found


def limit(tx: Tx, limit_id: str) -> Limit:
    """Raises LimitNotFound."""
    found = store.get(tx, EVERYWHERE, limit_id)
    if found is None:
        raise LimitNotFound(id=limit_id)
    return found


def limit_facts(tx: Tx, limit_id: str) -> tuple[Limit, str | None]:
    """A limit and the domain of its project. Raises LimitNotFound."""
    found = limit(tx, limit_id)
    return found, lookup.project(tx, found.project_id).domain_id if found.project_id is not None else None


def create(tx: Tx, wanted: Sequence[NewLimit]) -> list[Limit]:
    """All or none. Raises Invalid, Refused when nothing is registered to override, Duplicate."""
    made: list[Limit] = []
    for fields in wanted:
        if (fields.project_id is None) == (fields.domain_id is None):
            raise Invalid(reason="Specify a project or a domain, exactly one of them.")
        if fields.project_id is not None:
            lookup.project(tx, fields.project_id)
        if fields.domain_id is not None:
            lookup.domain(tx, fields.domain_id)
        overridden = store.find_registered(tx, fields.service_id, fields.region_id, fields.resource_name)
        if overridden is None:
            raise Refused(reason="Unable to create a limit that has no corresponding registered limit.")
        new = Limit(
            id=new_hex(),
            registered_limit_id=overridden.id,
            service_id=overridden.service_id,
            region_id=overridden.region_id,
            resource_name=overridden.resource_name,
            resource_limit=fields.resource_limit,
            description=fields.description,
            project_id=fields.project_id,
            domain_id=fields.domain_id,
        )
        filters = (Filter("resource_name", new.resource_name), Filter("service_id", new.service_id))
        others, _ = store.listed(tx, EVERYWHERE, Listing(filters))
        if any(
            (other.registered_limit_id, other.project_id, other.domain_id)
            == (new.registered_limit_id, new.project_id, new.domain_id)
            for other in others
        ):
            raise Duplicate(kind="limit", reason="Duplicate entry")
        store.insert(tx, new)
        made.append(new)
    return made


def update(tx: Tx, limit_id: str, wanted: LimitChange) -> Limit:
    """Raises LimitNotFound."""
    limit(tx, limit_id)
    values = given(resource_limit=wanted.resource_limit, description=wanted.description)
    if values:
        store.update(tx, EVERYWHERE, limit_id, **values)
    return limit(tx, limit_id)


def delete(tx: Tx, limit_id: str) -> None:
    """Raises LimitNotFound."""
    limit(tx, limit_id)
    store.delete(tx, EVERYWHERE, limit_id)
