"""Quotas of projects, beyond what the kernel's engine does by itself."""

from collections.abc import Mapping

from unkai.kernel.kit import Kit
from unkai.kernel.quota import UNLIMITED
from unkai.kernel.store import Tx
from unkai.network.errors import HTTPBadRequest
from unkai.network.service.access import SERVICE
from unkai.network.store import quotas as store


def of_all_projects(tx: Tx, kit: Kit) -> dict[str, dict[str, int]]:
    """Limits of the projects that have some of their own."""
    return {project: kit.quota.limits(tx, SERVICE, project) for project in store.projects(tx, SERVICE)}


def update(tx: Tx, kit: Kit, project_id: str, values: Mapping[str, int], check: bool) -> dict[str, int]:
    """Set limits; with `check` never below what is used (quota-check-limit). Raises HTTPBadRequest."""
    if check:
        used = kit.quota.usage(tx, SERVICE, project_id, values)
        low = [name for name, value in values.items() if UNLIMITED < value < used[name]]
        if low:
            raise HTTPBadRequest(reason=f"Quota limit is below the current usage for: {', '.join(low)}")
    kit.quota.set_limits(tx, SERVICE, project_id, values)
    return kit.quota.limits(tx, SERVICE, project_id)


def reset(tx: Tx, kit: Kit, project_id: str) -> bool:
    """Back to the defaults. False when the project had no limits of its own."""
    if project_id not in store.projects(tx, SERVICE):
        return False
    kit.quota.reset(tx, SERVICE, project_id)
    return True
