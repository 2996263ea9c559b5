"""Placement's options, under upstream's names."""

from unkai.kernel.settings import Group, option


class PlacementOptions(Group, name="placement"):
    randomize_allocation_candidates: bool = option(
        False, "Give allocation candidates in random order instead of the order of providers."
    )
    incomplete_consumer_project_id: str = option(
        "00000000-0000-0000-0000-000000000000", "Project of consumers made before microversion 1.8 named one."
    )
    incomplete_consumer_user_id: str = option(
        "00000000-0000-0000-0000-000000000000", "User of consumers made before microversion 1.8 named one."
    )
    max_allocation_candidates: int = option(
        -1, "Most allocation candidates one request may produce; -1 is no limit but the request's own."
    )
