"""What cloud.py needs of the room."""

import asyncio

import msgspec

from unkai.kernel import log
from unkai.kernel.kit import Kit
from unkai.kernel.web import ErrorView, Room
from unkai.scheduler import service
from unkai.scheduler.api import ROUTES
from unkai.scheduler.policy import POLICIES

_FORGET_SECONDS = 3600.0
_log = log.get(__name__)


def build(kit: Kit) -> Room:
    """Raises SettingsError for filters and weighers that do not exist."""
    kit.put(service.Rules, service.Rules(kit.settings))
    return Room(
        name="scheduler",
        prefix="/unkai",
        routes=ROUTES,
        render_error=render_error,
        policies=POLICIES,
        background=(forget,),
    )


async def forget(kit: Kit) -> None:
    """Remove old explanations, for ever."""
    while True:
        await asyncio.sleep(_FORGET_SECONDS)
        removed = await kit.db.run(service.forget_old, kit.settings)
        _log.debug("old explanations removed", count=removed)


def render_error(view: ErrorView) -> tuple[str, bytes]:
    body = {
        "error": {
            "code": view.status,
            "title": view.title,
            "message": view.message,
            "reason": view.code,
            "request_id": view.request_id,
        }
    }
    return "application/json", msgspec.json.encode(body)
