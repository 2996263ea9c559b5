"""What cloud.py needs of the room."""

import asyncio

from unkai.kernel import log
from unkai.kernel.kit import Kit
from unkai.kernel.web import Room
from unkai.placement.api import ROUTES
from unkai.placement.api.render import render_error
from unkai.placement.index import Index
from unkai.placement.policy import POLICIES
from unkai.placement.service import changes
from unkai.placement.versions import VERSIONS

_PRUNE_SECONDS = 600.0

_log = log.get(__name__)


def build(kit: Kit) -> Room:
    kit.put(Index, Index())
    return Room(
        name="placement",
        prefix="/placement",
        routes=ROUTES,
        render_error=render_error,
        versions=VERSIONS,
        policies=POLICIES,
        background=(keep_log_short,),
    )


async def keep_log_short(kit: Kit) -> None:
    """Remove old lines of the change log, for ever."""
    while True:
        await asyncio.sleep(_PRUNE_SECONDS)
        removed = await kit.db.run(changes.prune)
        _log.debug("change log pruned", lines=removed)
