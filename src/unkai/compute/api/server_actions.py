"""POST /servers/{id}/action: what is done to a server (upstream API reference: Servers, run an action)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from unkai.compute.api.actions import only_action
from unkai.compute.api.body import Body, convert
from unkai.compute.api.kinds import present
from unkai.compute.api.routes import Endpoint, post
from unkai.compute.api.servers import target
from unkai.compute.errors import ConsoleNotAvailable, InvalidField, UnknownAction
from unkai.compute.server import Server
from unkai.compute.service import power, security, update
from unkai.compute.service.servers import get_server, require
from unkai.compute.words import words
from unkai.contracts.steps import ConsoleOutput
from unkai.kernel.web import Request, Response, empty, reply
from unkai.nodes import service as nodes

_RULE = "os_compute_api:"
Handler = Callable[[Request, Server, Any], Awaitable[Response]]


class Action(msgspec.Struct, frozen=True):
    """An action's handler, the struct of its body, its policy, and the minor versions it exists in."""

    handler: Handler
    body: type[Body]
    rule: str
    since: int = 1
    until: int = 9999


class Start(Body):
    content: Any = field(name="os-start")


class Stop(Body):
    content: Any = field(name="os-stop")


class RebootKind(Body):
    type: Literal["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]


class Reboot(Body):
    reboot: RebootKind


class StateName(Body):
    state: Literal["active", "error"]


class ResetState(Body):
    reset: StateName = field(name="os-resetState")


class Lock(Body):
    """A reason may be given from 2.73 on; before that anything was taken and ignored."""

    lock: Any


class LockReason(Body):
    locked_reason: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET


class Unlock(Body):
    unlock: Any


class Length(Body):
    length: int | Annotated[str, Meta(pattern=r"\A-?[0-9]+\Z", max_length=10)] | None | UnsetType = UNSET


class GetConsoleOutput(Body):
    output: Length = field(name="os-getConsoleOutput")


class GroupName(Body):
    name: Annotated[str, Meta(min_length=1, max_length=255)]


class AddGroup(Body):
    group: GroupName = field(name="addSecurityGroup")


class RemoveGroup(Body):
    group: GroupName = field(name="removeSecurityGroup")


async def _start(request: Request, server: Server, body: Start) -> Response:
    await request.kit.db.run(power.start, request.context, server.id)
    return empty(202)


async def _stop(request: Request, server: Server, body: Stop) -> Response:
    await request.kit.db.run(power.stop, request.kit, request.context, server.id)
    return empty(202)


async def _reboot(request: Request, server: Server, body: Reboot) -> Response:
    hard = body.reboot.type.upper() == "HARD"
    await request.kit.db.run(power.reboot, request.context, server.id, hard=hard)
    return empty(202)


async def _reset(request: Request, server: Server, body: ResetState) -> Response:
    await request.kit.db.run(update.reset_state, request.context, server.id, body.reset.state == "active")
    return empty(202)


async def _lock(request: Request, server: Server, body: Lock) -> Response:
    reason = None
    if request.at_least(73) and body.lock is not None:
        reason = present(convert(request, body.lock, LockReason).locked_reason, None)
    await request.kit.db.run(update.lock_server, request.context, server.id, reason)
    return empty(202)


async def _unlock(request: Request, server: Server, body: Unlock) -> Response:
    if server.locked_by == "admin":
        # What an administrator locked, a member does not unlock.
        request.authorize(_RULE + "os-lock-server:unlock:unlock_override", target(server))
    await request.kit.db.run(update.unlock_server, request.context, server.id)
    return empty(202)


async def _console(request: Request, server: Server, body: GetConsoleOutput) -> Response:
    asked = present(body.output.length, None)
    length = None if asked is None else int(asked)
    if length is not None and length < -1:
        raise InvalidField(field="length", value=str(length), reason="-1, 0 or more")
    require(request.context, server, "console", "getConsoleOutput")
    assert server.host is not None
    question = ConsoleOutput(server.id, None if length == -1 else length)
    answer = await nodes.ask(request.kit, server.host, question)
    if answer.error is not None:
        raise ConsoleNotAvailable
    return reply({"output": str(answer.data.get("output", ""))})


async def _add_group(request: Request, server: Server, body: AddGroup) -> Response:
    await request.kit.db.run(security.add_group, request.kit, request.context, server.id, body.group.name)
    return empty(202)


async def _remove_group(request: Request, server: Server, body: RemoveGroup) -> Response:
    await request.kit.db.run(security.remove_group, request.kit, request.context, server.id, body.group.name)
    return empty(202)


ACTIONS: Mapping[str, Action] = {
    "os-start": Action(_start, Start, "servers:start"),
    "os-stop": Action(_stop, Stop, "servers:stop"),
    "reboot": Action(_reboot, Reboot, "servers:reboot"),
    "os-resetState": Action(_reset, ResetState, "os-admin-actions:reset_state"),
    "lock": Action(_lock, Lock, "os-lock-server:lock"),
    "unlock": Action(_unlock, Unlock, "os-lock-server:unlock"),
    "os-getConsoleOutput": Action(_console, GetConsoleOutput, "os-console-output"),
    "addSecurityGroup": Action(_add_group, AddGroup, "os-security-groups:add"),
    "removeSecurityGroup": Action(_remove_group, RemoveGroup, "os-security-groups:remove"),
}


# Upstream's actions that are not built yet: whether the server exists is said before that.
_LATER = frozenset(
    words("""
        addFixedIp addFloatingIp changePassword confirmResize createBackup createImage evacuate forceDelete
        injectNetworkInfo migrate os-getRDPConsole os-getSPICEConsole os-getSerialConsole os-getVNCConsole
        os-migrateLive pause rebuild removeFixedIp removeFloatingIp rescue resetNetwork resize restore resume
        revertResize shelve shelveOffload suspend trigger_crash_dump unpause unrescue unshelve
    """)
)


async def act(request: Request) -> Response:
    """Raises UnknownAction for what does not exist (yet, or at this version), then what the action raises."""
    name, content = await only_action(request)
    action = ACTIONS.get(name)
    if action is None or not action.since <= request.version.minor <= action.until:
        if name in _LATER:
            await request.kit.db.read(get_server, request.context, request.params["server_id"])
        raise UnknownAction(action=name[:64])
    body = convert(request, content, action.body)
    server = await request.kit.db.read(get_server, request.context, request.params["server_id"])
    request.authorize(_RULE + action.rule, target(server))
    return await action.handler(request, server, body)


ENDPOINTS: tuple[Endpoint, ...] = (post("/servers/{server_id}/action", act),)
