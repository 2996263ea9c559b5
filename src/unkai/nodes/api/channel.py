"""The requests of the node channel. Shapes are `unkai.contracts`; 409 tells a host to drop a step."""

from functools import partial

import msgspec

from unkai.contracts.channel import CAPABILITY, ProgressReply, Registered
from unkai.contracts.reports import Heartbeat, HostReport
from unkai.contracts.steps import Answer, Ask, Order, PollReply, PollRequest, Progress, StepResult, Work
from unkai.kernel.clock import monotonic
from unkai.kernel.errors import NotFound
from unkai.kernel.flow import hosts as flow_hosts
from unkai.kernel.flow.model import Failure
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route, empty, reply
from unkai.nodes import store
from unkai.nodes.beats import Beats
from unkai.nodes.errors import NotYourBusiness, StaleWork
from unkai.nodes.peers import calling_host
from unkai.nodes.service.asks import ASK_TOPIC
from unkai.nodes.service.capability import check_image_capability
from unkai.nodes.service.hooks import Hooks
from unkai.nodes.service.hosts import register
from unkai.nodes.settings import NodeChannel, NodesDefault

_LONGEST_POLL = 60.0
_BODY = 16 * 1024 * 1024


async def post_register(req: Request) -> Response:
    host = calling_host(req)
    report = await req.decode(HostReport)
    if report.host != host:
        raise NotYourBusiness(what=f"report for {report.host}")
    await req.kit.db.run(register, req.kit, report)
    return reply(
        Registered(
            heartbeat_seconds=req.kit.settings[NodesDefault].report_interval,
            lease_seconds=req.kit.settings[NodeChannel].step_lease_seconds,
        )
    )


async def post_heartbeat(req: Request) -> Response:
    host = calling_host(req)
    beat = await req.decode(Heartbeat)
    req.kit.get(Beats).add(host)
    if beat.guests or beat.complete:
        seen = req.kit.get(Hooks).power
        await req.kit.db.run(seen, host, beat.guests, beat.complete)
    return empty()


async def post_poll(req: Request) -> Response:
    """Wait for work or asks, at most as long as the host wants to."""
    host = calling_host(req)
    poll = await req.decode(PollRequest)
    topic = flow_hosts.WORK_TOPIC.format(host=host)
    bell = req.kit.wake.listen(topic)
    until = monotonic() + min(poll.wait_seconds, _LONGEST_POLL)
    req.kit.get(Beats).add(host)
    try:
        while True:
            found = await req.kit.db.run(_take, req.kit, host, poll)
            left = until - monotonic()
            if found is not None or left <= 0:
                return reply(found or PollReply())
            await bell.wait(left)
    finally:
        req.kit.wake.forget(topic, bell)


def _take(tx: Tx, kit: Kit, host: str, poll: PollRequest) -> PollReply | None:
    seconds = kit.settings[NodeChannel].step_lease_seconds
    given, lost, cancel = flow_hosts.lease(tx, host, poll.session, poll.running, poll.capacity, seconds)
    asked = store.take_asks(tx, host)
    if not (given or lost or cancel or asked):
        return None
    return PollReply(
        work=[
            Work(step.step_id, step.subject, step.generation, seconds, msgspec.convert(step.order, Order))
            for step in given
        ],
        asks=[msgspec.convert({"ask_id": row["id"], "question": row["question"]}, Ask) for row in asked],
        lost=lost,
        cancel=cancel,
    )


async def post_progress(req: Request) -> Response:
    host = calling_host(req)
    progress = await req.decode(Progress)
    step_id = req.params["step_id"]
    seconds = req.kit.settings[NodeChannel].step_lease_seconds
    what = {"message": progress.message, "done": progress.done, "total": progress.total}
    try:
        cancel = await req.kit.db.run(flow_hosts.progress, host, step_id, progress.generation, what, seconds)
    except flow_hosts.StaleStep:
        raise StaleWork(step_id=step_id) from None
    return reply(ProgressReply(cancel=cancel))


async def post_result(req: Request) -> Response:
    host = calling_host(req)
    result = await req.decode(StepResult)
    step_id = req.params["step_id"]
    failure = None
    if result.error is not None:
        error = result.error
        failure = Failure(
            code=error.code, message=error.message, details=error.details, host=host, elsewhere=error.elsewhere
        )
    try:
        await req.kit.db.run(flow_hosts.result, host, step_id, result.generation, result.data, failure)
    except flow_hosts.StaleStep:
        raise StaleWork(step_id=step_id) from None
    return empty()


async def post_answer(req: Request) -> Response:
    host = calling_host(req)
    answer = await req.decode(Answer)
    ask_id = req.params["ask_id"]
    await req.kit.db.run(_answer, ask_id, host, answer)
    return empty()


def _answer(tx: Tx, ask_id: str, host: str, answer: Answer) -> None:
    # An answer nobody waits for any more is no error of the host.
    if store.answer_ask(tx, ask_id, host, msgspec.to_builtins(answer)):
        tx.ring(ASK_TOPIC.format(ask_id=ask_id))


async def get_wanted(req: Request) -> Response:
    host = calling_host(req)
    return reply(list(await req.kit.db.read(req.kit.get(Hooks).wanted, host)))


async def get_image(req: Request) -> Response:
    host = calling_host(req)
    image_id = req.params["image_id"]
    check_image_capability(req.kit, req.headers.get(CAPABILITY.lower(), ""), image_id, host)
    read = req.kit.get(Hooks).images
    if read is None:
        raise NotFound
    return Response(200, stream=read(image_id), content_type="application/octet-stream")


_post = partial(Route, "POST", auth=False, body_limit=_BODY)
ROUTES = (
    _post("/v1/register", post_register),
    _post("/v1/heartbeat", post_heartbeat),
    _post("/v1/poll", post_poll),
    _post("/v1/steps/{step_id}/progress", post_progress),
    _post("/v1/steps/{step_id}/result", post_result),
    _post("/v1/asks/{ask_id}", post_answer),
    Route("GET", "/v1/wanted", get_wanted, auth=False),
    Route("GET", "/v1/images/{image_id}", get_image, auth=False),
)
