"""The service catalog as tokens show it."""

from typing import Any

from unkai.identity.model import Endpoint, Service
from unkai.identity.service.parts import Identity
from unkai.identity.store import catalog as store
from unkai.kernel.store import Tx


def offered(tx: Tx, identity: Identity, epoch: int) -> list[tuple[Service, Endpoint]]:
    """Enabled services with their enabled endpoints, as of an epoch."""
    known = identity.catalog
    if known is not None and known[0] == epoch:
        return known[1]
    found = store.offered(tx)
    identity.catalog = (epoch, found)
    return found


def render(pairs: list[tuple[Service, Endpoint]], *, project_id: str | None, user_id: str) -> list[dict[str, Any]]:
    """Endpoints by service. Addresses that name the project are left out where there is none, as upstream does."""
    by_service: dict[str, dict[str, Any]] = {}
    for service, endpoint in pairs:
        url = _substitute(endpoint.url, project_id, user_id)
        if url is None:
            continue
        entry = by_service.setdefault(
            service.id, {"endpoints": [], "id": service.id, "type": service.type, "name": service.name}
        )
        entry["endpoints"].append(
            {
                "id": endpoint.id,
                "interface": endpoint.interface,
                "region_id": endpoint.region_id,
                "url": url,
                "region": endpoint.region_id,
            }
        )
    return list(by_service.values())


def _substitute(url: str, project_id: str | None, user_id: str) -> str | None:
    """`$(project_id)s` and `%(project_id)s` (also tenant_id, user_id) filled in; None when a value is missing."""
    if "(" not in url:
        return url
    values = {"project_id": project_id, "tenant_id": project_id, "user_id": user_id}
    for name, value in values.items():
        for mark in (f"$({name})s", f"%({name})s"):
            if mark in url:
                if value is None:
                    return None
                url = url.replace(mark, value)
    return url
