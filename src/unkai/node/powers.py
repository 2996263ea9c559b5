"""Which power states the control plane has been told, and which it has yet to hear of."""

from collections.abc import Callable, Mapping

from unkai.contracts.guest import PowerState
from unkai.contracts.reports import GuestStatus

__all__ = ["Powers"]


class Powers:
    """The first beat of a session tells everything, later ones what changed; a beat that failed loses nothing."""

    def __init__(self) -> None:
        self._now: dict[str, PowerState] = {}
        self._told: dict[str, PowerState] = {}
        self.complete = True

    def note(self, server_id: str, power: PowerState) -> None:
        self._now[server_id] = power

    def compare(self, found: Mapping[str, PowerState], busy: Callable[[str], bool]) -> None:
        """What a look at the hypervisor found. A guest that is gone though nobody here removed it has no state."""
        for server_id in self._now.keys() | found.keys():
            if busy(server_id):
                continue
            if server_id in found or server_id in self._told:
                self._now[server_id] = found.get(server_id, "nostate")
            else:
                self.forget(server_id)

    def forget(self, server_id: str) -> None:
        """The guest was removed on order: nobody needs to be told."""
        self._now.pop(server_id, None)
        self._told.pop(server_id, None)

    def begin_anew(self) -> None:
        """The control plane knows nothing of this session yet."""
        self._told, self.complete = {}, True

    def pending(self, busy: Callable[[str], bool]) -> list[GuestStatus]:
        """What the next beat tells. A guest that a step works on is left for after it: its power is the step's."""
        if self.complete:
            return [GuestStatus(server_id, power) for server_id, power in self._now.items()]
        return [
            GuestStatus(server_id, power)
            for server_id, power in self._now.items()
            if self._told.get(server_id) != power and not busy(server_id)
        ]

    def told(self, beat: list[GuestStatus]) -> None:
        for status in beat:
            self._told[status.server_id] = status.power
            if status.power == "nostate" and self._now.get(status.server_id) == "nostate":
                self.forget(status.server_id)
        self.complete = False
