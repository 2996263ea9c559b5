"""What a filter is."""

from typing import ClassVar

from unkai.kernel.settings import Settings
from unkai.scheduler.hosts import Fleet, HostState, Mask
from unkai.scheduler.model import PlaceRequest, Why


class Filter:
    """One rule that may refuse a host. Made once per process from the settings; keeps no state between decisions.

    `name` is upstream's. `relevant` lets a rule step aside for a whole decision; `refuse` says why not.
    `needs_instances` asks for the number of servers per host, which costs a statement.
    """

    name: ClassVar[str]
    needs_instances: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def relevant(self, request: PlaceRequest) -> bool:
        return True

    def mask(self, fleet: Fleet, request: PlaceRequest) -> Mask | None:
        """Who passes, for the whole fleet at once; None to be asked about each host. Must agree with `refuse`."""
        return None

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        raise NotImplementedError
