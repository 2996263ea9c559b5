"""Bodies of POST .../action: an object whose only key names the action."""

from typing import Any

from unkai.compute.errors import MalformedAction
from unkai.kernel.web import Request


async def only_action(request: Request) -> tuple[str, dict[str, Any]]:
    """The action's name and the whole body, whose other keys the action's own struct refuses.

    Raises MalformedAction.
    """
    content = await request.json()
    if not isinstance(content, dict) or not content:
        raise MalformedAction
    return next(iter(content)), content
