"""Answers: cache headers since 1.15, only JSON for those who take it, links under the room's prefix."""

from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from falcon import mediatypes

from unkai.kernel.clock import utcnow
from unkai.kernel.web import Request, Response, empty, reply
from unkai.placement.errors import NotJson

PREFIX = "/placement"
_JSON = "application/json"


def accepts_json(req: Request) -> None:
    """Raises NotJson (406) when the caller takes something else only."""
    accept = req.headers.get("accept")
    if accept and accept not in ("*/*", _JSON) and not mediatypes.best_match([_JSON], accept):
        raise NotJson


def answer(
    req: Request, content: Any, status: int = 200, modified: datetime | None = None, **headers: str
) -> Response:
    """JSON. `modified` is when the newest thing in it changed; None is now."""
    response = reply(content, status, **headers)
    return _dated(req, response, modified)


def no_content(req: Request, status: int = 204, modified: datetime | None = None, **headers: str) -> Response:
    """An answer without a body, dated all the same."""
    response = empty(status, **headers)
    response.content_type = ""
    return _dated(req, response, modified)


def done(status: int = 204, **headers: str) -> Response:
    """An answer without a body that is no representation of anything."""
    response = empty(status, **headers)
    response.content_type = ""
    return response


def _dated(req: Request, response: Response, modified: datetime | None) -> Response:
    if req.at_least(15):
        response.headers["Last-Modified"] = format_datetime(modified or utcnow(), usegmt=True)
        response.headers["Cache-Control"] = "no-cache"
    return response


def newest(times: Iterable[datetime | None]) -> datetime | None:
    """The latest time; None (now) when there is none."""
    return max((time for time in times if time is not None), default=None)


def location(req: Request, path: str) -> str:
    """An absolute address below the room."""
    return req.base_url + path


def link(path: str) -> str:
    """An address in a body: absolute in its path only, as upstream's."""
    return PREFIX + path
