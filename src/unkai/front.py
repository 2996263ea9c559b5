"""The front door: what belongs to no service. Health, metrics, the list of services, and what is going on.

`/unkai/v1/...` are extensions of ours; no upstream service has that prefix.
"""

from collections.abc import Sequence

import msgspec

from unkai.kernel import metrics
from unkai.kernel.flow import service as flow
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Rule
from unkai.kernel.store import Tx
from unkai.kernel.web import ErrorView, Request, Response, Room, Route, reply

POLICIES = (
    Rule(
        "unkai:work",
        "role:admin",
        "See unfinished flows and changes on their way to the network.",
        ("GET /unkai/v1/work",),
    ),
)


async def get_health(req: Request) -> Response:
    """Answers 200 only when the database does."""
    await req.kit.db.read(flow.count_unfinished)
    return reply({"status": "ok"})


async def get_metrics(req: Request) -> Response:
    return Response(200, metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")


async def get_work(req: Request) -> Response:
    """Unfinished flows (at most 1000, oldest first) and how many changes OVN has not got yet."""
    req.authorize("unkai:work")
    return reply(await req.kit.db.read(_work, req.kit))


def _work(tx: Tx, kit: Kit) -> dict[str, object]:
    from unkai.network import service as network

    unfinished = flow.unfinished(tx)
    return {
        "flows": len(unfinished),
        "pending": network.count_pending(tx),
        "unfinished": [
            {
                "id": view.id,
                "kind": view.kind,
                "subject": view.subject,
                "state": view.state,
                "request_id": view.request_id,
                "attempt": view.attempt,
                "waiting_for_host": view.waiting,
                "created_at": view.created_at,
                "updated_at": view.updated_at,
                "reason": None if view.failure is None else view.failure.message,
            }
            for view in unfinished
        ],
    }


def build(rooms: Sequence[Room]) -> Room:
    async def get_services(req: Request) -> Response:
        return reply({"services": {room.name: req.base_url + room.prefix for room in rooms}})

    return Room(
        name="front",
        prefix="",
        routes=(
            Route("GET", "/", get_services, auth=False),
            Route("GET", "/healthz", get_health, auth=False),
            Route("GET", "/metrics", get_metrics, auth=False),
            Route("GET", "/unkai/v1/work", get_work),
        ),
        render_error=render_error,
        policies=POLICIES,
    )


def render_error(view: ErrorView) -> tuple[str, bytes]:
    body = {"error": {"code": view.status, "title": view.title, "message": view.message}}
    return "application/json", msgspec.json.encode(body)
