"""Regions, services and endpoints: what the catalog is made of."""

import re
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from unkai.identity.errors import Duplicate, EndpointNotFound, Invalid, Refused, RegionNotFound, ServiceNotFound
from unkai.identity.model import Endpoint, Listing, Region, Service
from unkai.identity.service.auth_request import missing
from unkai.identity.service.fields import Name, RegionId, given
from unkai.identity.store import catalog as store
from unkai.identity.store import tokens as token_store
from unkai.identity.store.writing import Taken
from unkai.kernel.ids import new_hex
from unkai.kernel.store import Tx

# The substitutions that an address may hold; anything else in marks is a mistake that would hide the endpoint.
_MARK = re.compile(r"[$%]\(([^)]*)\)(s?)")
_KNOWN = {"tenant_id", "project_id", "user_id", "public_bind_host", "admin_bind_host", "compute_host",
          "admin_port", "public_port", "public_endpoint", "admin_endpoint"}  # fmt: skip


class RegionFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on a region."""

    id: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    parent_region_id: RegionId | UnsetType | None = UNSET


class ServiceFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on a service."""

    type: Name | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    id: str | UnsetType = UNSET


class EndpointFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on an endpoint. `region` is the old name of `region_id`; it makes a region it misses."""

    interface: Literal["admin", "internal", "public"] | UnsetType = UNSET
    service_id: str | UnsetType = UNSET
    region_id: RegionId | UnsetType | None = UNSET
    region: RegionId | UnsetType | None = UNSET
    url: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    id: str | UnsetType = UNSET


def region(tx: Tx, region_id: str) -> Region:
    """Raises RegionNotFound."""
    found = store.region(tx, region_id)
    if found is None:
        raise RegionNotFound(id=region_id)
    return found


def list_regions(tx: Tx, listing: Listing) -> tuple[list[Region], bool]:
    return store.list_regions(tx, listing)


def create_region(tx: Tx, wanted: RegionFields, extra: dict[str, Any]) -> Region:
    """Raises Duplicate, RegionNotFound (of the parent), Invalid."""
    chosen = "" if isinstance(wanted.id, UnsetType) or wanted.id is None else wanted.id
    if len(chosen) > 255:
        raise Invalid(reason="Invalid input for field 'id': it is longer than 255 characters.")
    parent = None if isinstance(wanted.parent_region_id, UnsetType) else wanted.parent_region_id
    if parent is not None:
        region(tx, parent)
    new = Region(
        id=chosen or new_hex(),
        parent_region_id=parent,
        description="" if isinstance(wanted.description, UnsetType) else wanted.description or "",
        extra=extra,
    )
    try:
        store.insert_region(tx, new)
    except Taken as error:
        raise Duplicate(kind="region", reason=f"Duplicate ID, {new.id}.") from error
    token_store.bump(tx)
    return new


def update_region(tx: Tx, region_id: str, wanted: RegionFields, extra: dict[str, Any]) -> Region:
    """Raises RegionNotFound, Invalid when the regions would form a circle."""
    old = region(tx, region_id)
    values = given(description=wanted.description, parent_region_id=wanted.parent_region_id)
    if "description" in values:
        values["description"] = values["description"] or ""
    parents = store.region_parents(tx)
    parent = values.get("parent_region_id")
    if parent is not None and parent not in parents:
        raise RegionNotFound(id=parent)
    above = parent
    while above is not None:
        if above == region_id:
            raise Invalid(reason=f"The specified parent region {parent} would create a circular region hierarchy.")
        above = parents.get(above)
    if extra:
        values["extra"] = old.extra | extra
    store.update_region(tx, region_id, **values)
    token_store.bump(tx)
    return region(tx, region_id)


def delete_region(tx: Tx, region_id: str) -> None:
    """Delete a region and those below it, none of which may have endpoints. Raises RegionNotFound, Refused."""
    region(tx, region_id)
    parents = store.region_parents(tx)
    family = [region_id]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    if store.region_in_use(tx, family):
        raise Refused(
            reason=f"Unable to delete region {region_id} because it or its child regions have associated endpoints."
        )
    store.delete_regions(tx, reversed(family))
    token_store.bump(tx)


def service(tx: Tx, service_id: str) -> Service:
    """Raises ServiceNotFound."""
    found = store.service(tx, service_id)
    if found is None:
        raise ServiceNotFound(id=service_id)
    return found


def list_services(tx: Tx, listing: Listing) -> tuple[list[Service], bool]:
    return store.list_services(tx, listing)


def create_service(tx: Tx, wanted: ServiceFields, extra: dict[str, Any]) -> Service:
    """Raises Invalid."""
    if isinstance(wanted.type, UnsetType):
        raise Invalid(reason="Invalid input for field 'type': 'type' is a required property.")
    new = Service(
        id=new_hex(),
        type=wanted.type,
        name="" if isinstance(wanted.name, UnsetType) else wanted.name,
        enabled=True if isinstance(wanted.enabled, UnsetType) else wanted.enabled,
        extra=extra,
    )
    store.insert_service(tx, new)
    token_store.bump(tx)
    return new


def update_service(tx: Tx, service_id: str, wanted: ServiceFields, extra: dict[str, Any]) -> Service:
    """Raises ServiceNotFound."""
    old = service(tx, service_id)
    values = given(type=wanted.type, name=wanted.name, enabled=wanted.enabled)
    if extra:
        values["extra"] = old.extra | extra
    store.update_service(tx, service_id, **values)
    token_store.bump(tx)
    return service(tx, service_id)


def delete_service(tx: Tx, service_id: str) -> None:
    """Raises ServiceNotFound, Refused when limits are registered for it."""
    service(tx, service_id)
    try:
        store.delete_service(tx, service_id)
    except Taken as error:
        raise Refused(reason=f"Unable to delete service {service_id} because limits are registered for it.") from error
    token_store.bump(tx)


def endpoint(tx: Tx, endpoint_id: str) -> Endpoint:
    """Raises EndpointNotFound."""
    found = store.endpoint(tx, endpoint_id)
    if found is None:
        raise EndpointNotFound(id=endpoint_id)
    return found


def list_endpoints(tx: Tx, listing: Listing) -> tuple[list[Endpoint], bool]:
    return store.list_endpoints(tx, listing)


def create_endpoint(tx: Tx, wanted: EndpointFields, extra: dict[str, Any]) -> Endpoint:
    """Raises Invalid when service, region or address are not usable."""
    for name in ("interface", "service_id", "url"):
        if getattr(wanted, name) is UNSET:
            raise Invalid(reason=f"Invalid input for field '{name}': '{name}' is a required property.")
    values = _endpoint_values(tx, wanted)
    new = Endpoint(
        id=new_hex(),
        service_id=values["service_id"],
        region_id=values.get("region_id"),
        interface=values["interface"],
        url=values["url"],
        enabled=values.get("enabled", True),
        extra=extra,
    )
    store.insert_endpoint(tx, new)
    token_store.bump(tx)
    return new


def update_endpoint(tx: Tx, endpoint_id: str, wanted: EndpointFields, extra: dict[str, Any]) -> Endpoint:
    """Raises EndpointNotFound, Invalid."""
    old = endpoint(tx, endpoint_id)
    values = _endpoint_values(tx, wanted)
    if extra:
        values["extra"] = old.extra | extra
    store.update_endpoint(tx, endpoint_id, **values)
    token_store.bump(tx)
    return endpoint(tx, endpoint_id)


def _endpoint_values(tx: Tx, wanted: EndpointFields) -> dict[str, Any]:
    values = given(
        interface=wanted.interface,
        service_id=wanted.service_id,
        url=wanted.url,
        enabled=wanted.enabled,
        region_id=wanted.region_id,
    )
    if values.get("region_id") is None and not isinstance(wanted.region, UnsetType) and wanted.region is not None:
        if store.region(tx, wanted.region) is None:
            create_region(tx, RegionFields(id=wanted.region), {})
        values["region_id"] = wanted.region
    elif values.get("region_id") is not None and store.region(tx, values["region_id"]) is None:
        raise missing("endpoint region_id", "region table")
    if "service_id" in values and store.service(tx, values["service_id"]) is None:
        raise missing("endpoint service_id", "service table")
    if "url" in values:
        _check_url(values["url"])
    return values


def _check_url(url: str) -> None:
    """Raises Invalid."""
    if len(url) > 225 or re.match(r"^[a-zA-Z0-9+.-]+:.+", url) is None:
        raise Invalid(reason=f"Cannot create an endpoint with an invalid URL: {url[:225]}.")
    for match in _MARK.finditer(url):
        if match[1] not in _KNOWN or match[2] != "s":
            raise Invalid(reason=f"Cannot create an endpoint with an invalid URL: {url}.")


def delete_endpoint(tx: Tx, endpoint_id: str) -> None:
    """Raises EndpointNotFound."""
    if not store.delete_endpoint(tx, endpoint_id):
        raise EndpointNotFound(id=endpoint_id)
    token_store.bump(tx)
