"""What is known of a guest's inside: diagnostics and the password it posted (API reference: Servers diagnostics)."""

from typing import Any

from unkai.compute.api.routes import Endpoint, delete, get
from unkai.compute.api.server_parts import server_of
from unkai.compute.errors import HostSilent, NotSupported
from unkai.compute.service import update
from unkai.compute.service.servers import require
from unkai.contracts.steps import Diagnostics
from unkai.kernel.web import Request, Response, empty, reply
from unkai.nodes import service as nodes


async def diagnostics(request: Request) -> Response:
    server = await server_of(request, "os-server-diagnostics")
    require(request.context, server, "diagnostics", "get_diagnostics")
    assert server.host is not None
    answer = await nodes.ask(request.kit, server.host, Diagnostics(server.id))
    if answer.error is not None:
        if answer.error.code == "not_supported":
            raise NotSupported(reason=answer.error.message)
        raise HostSilent(host=server.host, reason=answer.error.message)
    return reply(answer.data if request.at_least(48) else _old(answer.data))


def _old(data: dict[str, Any]) -> dict[str, Any]:
    """Before 2.48 the hypervisor's own flat numbers: those that the standard form was made from."""
    flat: dict[str, Any] = {"memory": ((data.get("memory_details") or {}).get("maximum") or 0) * 1024}
    for number, cpu in enumerate(data.get("cpu_details") or []):
        flat[f"cpu{number}_time"] = cpu.get("time")
    for number, disk in enumerate(data.get("disk_details") or []):
        for old, new in (
            ("read_req", "read_requests"),
            ("read", "read_bytes"),
            ("write_req", "write_requests"),
            ("write", "write_bytes"),
            ("errors", "errors_count"),
        ):
            flat[f"disk{number}_{old}"] = disk.get(new)
    for number, nic in enumerate(data.get("nic_details") or []):
        for name, value in nic.items():
            if name != "mac_address":
                flat[f"vnet{number}_{name}"] = value
    return flat


async def show_password(request: Request) -> Response:
    server = await server_of(request, "os-server-password:show")
    return reply({"password": server.posted_password})


async def clear_password(request: Request) -> Response:
    server = await server_of(request, "os-server-password:clear")
    await request.kit.db.run(update.clear_password, request.context, server.id)
    return empty(204)


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/servers/{server_id}/diagnostics", diagnostics),
    get("/servers/{server_id}/os-server-password", show_password),
    delete("/servers/{server_id}/os-server-password", clear_password),
)
