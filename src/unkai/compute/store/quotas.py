"""What quotas count, and the limits of single users."""

from collections.abc import Mapping

import sqlalchemy as sa

from unkai.compute.store.tables import groups, servers, user_limits
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx, upsert


def server_usage(tx: Tx, scope: Scope, user_id: str | None = None) -> dict[str, int]:
    """Servers, cores and memory (MiB) of a project, or of one of its users."""
    query = sa.select(
        sa.func.count().label("instances"),
        sa.func.coalesce(sa.func.sum(servers.c.vcpus), 0).label("cores"),
        sa.func.coalesce(sa.func.sum(servers.c.memory_mb), 0).label("ram"),
    ).where(servers.c.deleted.is_(False))
    if user_id is not None:
        query = query.where(servers.c.user_id == user_id)
    row = tx.first(restrict(query, scope, servers.c.project_id))
    return {"instances": 0, "cores": 0, "ram": 0} if row is None else {name: int(row[name]) for name in row}


def group_usage(tx: Tx, scope: Scope) -> dict[str, int]:
    query = sa.select(sa.func.count()).select_from(groups)
    return {"server_groups": int(tx.scalar(restrict(query, scope, groups.c.project_id)))}


def limits_of_user(tx: Tx, scope: Scope, project_id: str, user_id: str) -> dict[str, int]:
    """Only what was set for the user."""
    query = sa.select(user_limits.c.resource, user_limits.c.hard_limit).where(
        user_limits.c.project_id == project_id, user_limits.c.user_id == user_id
    )
    return {row["resource"]: row["hard_limit"] for row in tx.all(restrict(query, scope, user_limits.c.project_id))}


def set_limits_of_user(tx: Tx, scope: Scope, project_id: str, user_id: str, values: Mapping[str, int]) -> None:
    if not scope.sees(project_id):
        raise PermissionError("limits of another project")
    for name, value in values.items():
        row = {"project_id": project_id, "user_id": user_id, "resource": name, "hard_limit": value}
        upsert(tx, user_limits, row, ["project_id", "user_id", "resource"])


def forget_limits(tx: Tx, scope: Scope, project_id: str, user_id: str | None) -> None:
    """A user's limits, or those of all users of a project."""
    if not scope.sees(project_id):
        raise PermissionError("limits of another project")
    statement = sa.delete(user_limits).where(user_limits.c.project_id == project_id)
    tx.execute(statement if user_id is None else statement.where(user_limits.c.user_id == user_id))
