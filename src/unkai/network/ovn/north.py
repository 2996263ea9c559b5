"""The contract of whoever keeps the north-bound database.

The same tests run against each implementation (tests/unit/network/test_north.py).
"""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from unkai.network.ovn.model import Key, North, NorthObject

Ups = dict[str, bool]


class NorthError(Exception):
    """The database refused a change; nothing of it was written. The text says why."""


class NorthUnavailable(Exception):
    """The database cannot be reached now, or another process writes it."""


class NorthWriter(Protocol):
    """Keeps objects. `apply` writes whole objects: what is there already and equal stays untouched."""

    async def start(self, on_up: Callable[[str, bool], None]) -> None:
        """Connect. `on_up` is called, from any thread, with a port's id whenever it goes up or down, first of all
        for every port that exists. Raises NorthUnavailable; may be called again then."""

    def ready(self) -> bool:
        """Whether this process is connected, and the one to write."""

    async def apply(self, put: Collection[NorthObject], drop: Iterable[Key] = ()) -> Ups:
        """Make `put` so and `drop` gone, all in one transaction; dropping what is not there is fine.

        A dropped group leaves its ports, a dropped network takes its ports along. Returns which of the ports put
        are up. Raises NorthError (an object refers to what is not there, nothing was written), NorthUnavailable.
        """

    async def read(self) -> North:
        """Everything that is ours. Raises NorthUnavailable."""

    async def ups(self) -> Ups:
        """Which ports are up. Raises NorthUnavailable."""

    async def close(self) -> None:
        """Disconnect."""
