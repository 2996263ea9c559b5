"""The change log, as the room's own background task sees it."""

from unkai.placement.store.changes import prune

__all__ = ["prune"]
