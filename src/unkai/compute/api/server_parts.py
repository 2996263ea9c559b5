"""The server of a sub-resource's path, after its policy."""

from unkai.compute.api.servers import target
from unkai.compute.server import Server
from unkai.compute.service.servers import get_server
from unkai.kernel.web import Request


async def server_of(request: Request, rule: str, *, deleted: bool = False) -> Server:
    """Raises ServerNotFound, Forbidden. `rule` is below os_compute_api: ."""
    server = await request.kit.db.read(get_server, request.context, request.params["server_id"], deleted=deleted)
    request.authorize("os_compute_api:" + rule, target(server))
    return server
