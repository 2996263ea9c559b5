"""Request bodies as Glance reads them: JSON whatever the Content-Type says, with Glance's own complaints."""

from typing import Any

import msgspec

from unkai.image.errors import InvalidChange
from unkai.kernel.web import Request


async def read_json(req: Request) -> Any:
    """An object or an array. Raises InvalidChange, TooLarge, ClientGone."""
    content = await req.raw()
    if not content:
        raise InvalidChange(reason="Body expected in request.")
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidChange(reason="Malformed JSON in request body.") from None
    if not isinstance(body, dict | list):
        raise InvalidChange(reason="Unexpected body type. Expected list/dict.")
    return body


def no_body(req: Request) -> None:
    """Raises InvalidChange when there is one."""
    chunked = req.method == "POST" and "transfer-encoding" in req.headers
    if req.body.length or chunked:
        raise InvalidChange(reason="A body is not expected with this request.")
