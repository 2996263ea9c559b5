"""The standard names of resource classes and traits, and the rule for names of one's own."""

import re
from collections.abc import Iterable
from functools import cache

import os_resource_classes
import os_traits

SHARES_VIA_AGGREGATE: str = os_traits.MISC_SHARES_VIA_AGGREGATE

_CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]+")
MAX_NAME = 255


@cache
def standard_classes() -> tuple[str, ...]:
    """In the library's order, which is the order of upstream's lists."""
    return tuple(os_resource_classes.STANDARDS)


def in_order(names: Iterable[str]) -> list[str]:
    """Standard classes as the library orders them, then others by name."""
    rank = {name: number for number, name in enumerate(standard_classes())}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))


@cache
def standard_traits() -> frozenset[str]:
    return frozenset(os_traits.get_traits())


def is_custom(name: str) -> bool:
    """Whether the name may be given by an operator: CUSTOM_ and capital letters, digits or underscores."""
    return len(name) <= MAX_NAME and _CUSTOM.fullmatch(name) is not None
