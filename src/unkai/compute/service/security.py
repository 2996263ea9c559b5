"""Security groups of servers: the network room keeps them on the servers' ports (SEC-007, ACT-004)."""

from unkai.compute.service.servers import get_server
from unkai.compute.service.update import refresh
from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network import service as network


def groups_of(tx: Tx, server_id: str) -> list[network.SecurityGroup]:
    """The groups on the ports of a server that the caller has found, with their rules."""
    ids = [group_id for group_id, _ in network.security_groups_of(tx, [server_id]).get(server_id, [])]
    return list(network.security_groups_by_ids(tx, ids).values())


def add_group(tx: Tx, kit: Kit, context: Context, server_id: str, name: str) -> None:
    """Raises ServerNotFound and what the network room raises."""
    server = get_server(tx, context, server_id, lock=True)
    network.add_security_group(tx, kit, context, server.id, name)
    refresh(tx, context, server)


def remove_group(tx: Tx, kit: Kit, context: Context, server_id: str, name: str) -> None:
    """Raises ServerNotFound and what the network room raises."""
    server = get_server(tx, context, server_id, lock=True)
    network.remove_security_group(tx, kit, context, server.id, name)
    refresh(tx, context, server)
