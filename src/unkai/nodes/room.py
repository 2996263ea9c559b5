"""The nodes room: routes of the node channel and the tasks that watch over hosts."""

import msgspec

from unkai.kernel.keys import ensure_key
from unkai.kernel.kit import Kit
from unkai.kernel.web import ErrorView, Room
from unkai.nodes.api.channel import ROUTES
from unkai.nodes.beats import Beats, bury_forever, flush_forever
from unkai.nodes.networking import introduce
from unkai.nodes.service.capability import Seal
from unkai.nodes.service.hooks import Hooks


def render_error(view: ErrorView) -> tuple[str, bytes]:
    return "application/json", msgspec.json.encode({"error": {"code": view.code, "message": view.message}})


def build(kit: Kit) -> Room:
    """Needs the tables to exist: the key that seals capabilities is read (or made) here."""
    kit.put(Hooks, Hooks())
    kit.put(Beats, Beats())
    introduce(kit)
    kit.put(Seal, Seal(kit.db.run_now(ensure_key, "image-capabilities")))
    return Room(
        name="nodes",
        prefix="/node",
        routes=ROUTES,
        render_error=render_error,
        background=(flush_forever, bury_forever),
    )
