"""Placement's options, under upstream's names."""

from unkai.kernel.settings import Group, option


class PlacementOptions(Group, name="placement"):
    randomize_allocation_candidates: bool = option(
        False, "Give allocation candidates in random order instead of the order of providers."
    )
    max_allocation_candidates: int = option(
        -1, "Most allocation candidates one request may produce; -1 is no limit but the request's own."
    )
