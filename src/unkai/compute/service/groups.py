"""Server groups: which servers shall share a host, or must not."""

from collections.abc import Mapping

from unkai.compute.errors import QuotaReached, ServerGroupNotFound
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import groups as store
from unkai.compute.store.groups import ServerGroup
from unkai.kernel.clock import utcnow
from unkai.kernel.context import Context
from unkai.kernel.ids import is_uuid, new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.quota import UNLIMITED
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


def get_group(tx: Tx, group_id: str) -> ServerGroup:
    """Any project's: the policy decides who may see it, as upstream does. Raises ServerGroupNotFound."""
    found = store.get(tx, SYSTEM, group_id) if is_uuid(group_id) else None
    if found is None:
        raise ServerGroupNotFound(group=group_id[:64])
    return found


def list_groups(tx: Tx, scope: Scope, offset: int, limit: int) -> list[ServerGroup]:
    return store.listing(tx, scope, offset, limit)


def create_group(tx: Tx, kit: Kit, context: Context, name: str, policy: str, rules: Mapping[str, int]) -> ServerGroup:
    """Raises QuotaReached."""
    project = context.project_id or ""
    scope = Scope.project(project)
    kit.quota.lock(tx, project)
    limit = kit.quota.limits(tx, "compute", project)["server_groups"]
    if limit != UNLIMITED and store.count(tx, scope) >= limit:
        raise QuotaReached(what="server groups")
    group = ServerGroup(
        id=new_uuid(),
        project_id=project,
        user_id=context.user_id,
        name=name,
        policy=policy,
        rules=rules,
        created_at=utcnow(),
    )
    store.insert(tx, scope, group)
    return group


def delete_group(tx: Tx, group_id: str) -> None:
    """Raises ServerGroupNotFound. Its servers stay."""
    if not store.delete(tx, SYSTEM, group_id):
        raise ServerGroupNotFound(group=group_id[:64])
    store.forget(tx, SYSTEM, group_id)
