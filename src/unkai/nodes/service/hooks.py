"""What rooms above give to this one: it stands below them and may not import them."""

from collections.abc import AsyncIterator, Callable, Sequence

from unkai.contracts.reports import GuestStatus
from unkai.contracts.steps import Wanted
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

WantedOn = Callable[[Tx, str], Sequence[Wanted]]
PowerSeen = Callable[[Tx, str, Sequence[GuestStatus], bool], None]
ReadImage = Callable[[str], AsyncIterator[bytes]]


class Hooks:
    """Filled when the rooms are built; a cloud served in part leaves them as they are."""

    def __init__(self) -> None:
        self.wanted: WantedOn = lambda tx, host: ()
        self.power: PowerSeen = lambda tx, host, guests, complete: None
        self.images: ReadImage | None = None


def register_wanted(kit: Kit, provider: WantedOn) -> None:
    """`provider(tx, host)` tells the guests that belong on a host."""
    kit.get(Hooks).wanted = provider


def register_power(kit: Kit, seen: PowerSeen) -> None:
    """`seen(tx, host, guests, complete)` takes the power states that a host reports."""
    kit.get(Hooks).power = seen


def register_images(kit: Kit, read: ReadImage) -> None:
    """`read(image_id)` streams an image's stored bytes; who may have them is decided here, by capability."""
    kit.get(Hooks).images = read
