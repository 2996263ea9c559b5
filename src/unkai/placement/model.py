"""What placement tells other rooms and its own API: frozen facts of providers, inventories and allocations."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

# The largest amount the API takes: upstream's columns are signed 32-bit integers.
MAX_INT = 2**31 - 1

# {provider uuid: {resource class: amount}}
Amounts = Mapping[str, Mapping[str, int]]


class Inventory(msgspec.Struct, frozen=True):
    """How much of one resource class a provider has, in the class' own unit (upstream API: inventories)."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = MAX_INT
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self) -> int:
        """What may be allocated in all. Amounts are whole, so rounding down loses nothing."""
        return int((self.total - self.reserved) * self.allocation_ratio)


class Stock(msgspec.Struct, frozen=True):
    """An inventory as stored: with what is used of it and when it last changed."""

    inventory: Inventory
    used: int
    updated_at: datetime


class Provider(msgspec.Struct, frozen=True):
    """A resource provider. `id` is the ledger's own number and never leaves the room; a root is its own root."""

    id: int
    uuid: str
    name: str
    generation: int
    parent_uuid: str | None
    root_uuid: str
    updated_at: datetime


class Consumer(msgspec.Struct, frozen=True):
    """Who uses resources: a server, a migration... `type` is None for consumers from before types existed."""

    uuid: str
    generation: int
    project_id: str
    user_id: str
    type: str | None
    updated_at: datetime


class Allocation(msgspec.Struct, frozen=True):
    """So much of one class of one provider, used by one consumer."""

    consumer_uuid: str
    provider_uuid: str
    resource_class: str
    used: int
    updated_at: datetime


class Holding(msgspec.Struct, frozen=True):
    """All that a consumer uses. `generations` are those of the providers it uses."""

    consumer: Consumer
    allocations: tuple[Allocation, ...]
    generations: dict[str, int]

    @property
    def amounts(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for one in self.allocations:
            found.setdefault(one.provider_uuid, {})[one.resource_class] = one.used
        return found


class Claim(msgspec.Struct, frozen=True):
    """What a consumer shall use from now on, instead of what it used before. No amounts: nothing any more.

    `generation` is what the caller believes the consumer's generation to be: None that it is new; UNCHECKED does not
    care. `type` None keeps the type a consumer has.
    """

    consumer_uuid: str
    amounts: Amounts
    project_id: str
    user_id: str
    type: str | None = None
    generation: int | msgspec.UnsetType | None = msgspec.UNSET


UNCHECKED = msgspec.UNSET
