"""Regions, services and endpoints. They belong to the cloud: no scope."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Endpoint, Listing, Region, Service
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import endpoints, regions, services
from unkai.kernel.store import Tx

_REGION_COLUMNS: Columns = {"id": regions.c.id, "parent_region_id": regions.c.parent_region_id}
_SERVICE_COLUMNS: Columns = {"id": services.c.id, "type": services.c.type, "name": services.c.name}
_ENDPOINT_COLUMNS: Columns = {
    "id": endpoints.c.id,
    "interface": endpoints.c.interface,
    "service_id": endpoints.c.service_id,
    "region_id": endpoints.c.region_id,
}


def _region(row: Row) -> Region:
    return Region(
        id=row["id"],
        parent_region_id=row["parent_region_id"],
        description=row["description"],
        extra=row["extra"],
    )


def _service(row: Row) -> Service:
    return Service(id=row["id"], type=row["type"], name=row["name"], enabled=row["enabled"], extra=row["extra"])


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(
        id=row["id"],
        service_id=row["service_id"],
        region_id=row["region_id"],
        interface=row["interface"],
        url=row["url"],
        enabled=row["enabled"],
        extra=row["extra"],
    )


def region(tx: Tx, region_id: str) -> Region | None:
    row = tx.first(sa.select(regions).where(regions.c.id == region_id))
    return None if row is None else _region(row)


def list_regions(tx: Tx, listing: Listing) -> tuple[list[Region], bool]:
    rows, more = page(tx, sa.select(regions), listing, _REGION_COLUMNS, regions.c.id)
    return [_region(row) for row in rows], more


def region_parents(tx: Tx) -> dict[str, str | None]:
    """The parent of every region."""
    return {row["id"]: row["parent_region_id"] for row in tx.all(sa.select(regions.c.id, regions.c.parent_region_id))}


def insert_region(tx: Tx, region: Region) -> None:
    writing.insert(
        tx,
        regions,
        {
            "id": region.id,
            "parent_region_id": region.parent_region_id,
            "description": region.description,
            "extra": region.extra,
        },
    )


def update_region(tx: Tx, region_id: str, **values: Any) -> None:
    if values:
        writing.execute(tx, sa.update(regions).where(regions.c.id == region_id).values(**values))


def delete_regions(tx: Tx, region_ids: Iterable[str]) -> None:
    """In the order given: children before their parents."""
    for region_id in region_ids:
        tx.execute(sa.delete(regions).where(regions.c.id == region_id))


def service(tx: Tx, service_id: str) -> Service | None:
    row = tx.first(sa.select(services).where(services.c.id == service_id))
    return None if row is None else _service(row)


def list_services(tx: Tx, listing: Listing) -> tuple[list[Service], bool]:
    rows, more = page(tx, sa.select(services), listing, _SERVICE_COLUMNS, services.c.id)
    return [_service(row) for row in rows], more


def insert_service(tx: Tx, service: Service) -> None:
    writing.insert(
        tx,
        services,
        {
            "id": service.id,
            "type": service.type,
            "name": service.name,
            "enabled": service.enabled,
            "extra": service.extra,
        },
    )


def update_service(tx: Tx, service_id: str, **values: Any) -> None:
    if values:
        writing.execute(tx, sa.update(services).where(services.c.id == service_id).values(**values))


def delete_service(tx: Tx, service_id: str) -> None:
    """Its endpoints go with it. Raises Taken when something else still names it."""
    writing.execute(tx, sa.delete(services).where(services.c.id == service_id))


def endpoint(tx: Tx, endpoint_id: str) -> Endpoint | None:
    row = tx.first(sa.select(endpoints).where(endpoints.c.id == endpoint_id))
    return None if row is None else _endpoint(row)


def list_endpoints(tx: Tx, listing: Listing) -> tuple[list[Endpoint], bool]:
    rows, more = page(tx, sa.select(endpoints), listing, _ENDPOINT_COLUMNS, endpoints.c.id)
    return [_endpoint(row) for row in rows], more


def region_in_use(tx: Tx, region_ids: Iterable[str]) -> bool:
    """Whether any endpoint is in one of the regions."""
    return tx.first(sa.select(endpoints.c.id).where(endpoints.c.region_id.in_(list(region_ids))).limit(1)) is not None


def insert_endpoint(tx: Tx, endpoint: Endpoint) -> None:
    writing.insert(
        tx,
        endpoints,
        {
            "id": endpoint.id,
            "service_id": endpoint.service_id,
            "region_id": endpoint.region_id,
            "interface": endpoint.interface,
            "url": endpoint.url,
            "enabled": endpoint.enabled,
            "extra": endpoint.extra,
        },
    )


def update_endpoint(tx: Tx, endpoint_id: str, **values: Any) -> None:
    if values:
        writing.execute(tx, sa.update(endpoints).where(endpoints.c.id == endpoint_id).values(**values))


def delete_endpoint(tx: Tx, endpoint_id: str) -> bool:
    return tx.count(sa.delete(endpoints).where(endpoints.c.id == endpoint_id)) > 0


def offered(tx: Tx) -> list[tuple[Service, Endpoint]]:
    """Every enabled endpoint of every enabled service, in a stable order: what a catalog shows."""
    query = (
        sa.select(services, *(c.label(f"endpoint_{c.name}") for c in endpoints.c))
        .join(endpoints, endpoints.c.service_id == services.c.id)
        .where(services.c.enabled.is_(True), endpoints.c.enabled.is_(True))
        .order_by(services.c.type, services.c.id, endpoints.c.region_id, endpoints.c.interface, endpoints.c.id)
    )
    return [
        (_service(row), _endpoint({c.name: row[f"endpoint_{c.name}"] for c in endpoints.c})) for row in tx.all(query)
    ]
