"""GET /allocation_candidates (upstream API: since 1.10)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.answer import accepts_json, answer
from unkai.placement.api.candidates_query import parse
from unkai.placement.candidates import Candidate, Question, search
from unkai.placement.index import NONE, Index
from unkai.placement.service import names
from unkai.placement.settings import PlacementOptions
from unkai.placement.versions import since


class Resources(msgspec.Struct, gc=False):
    """What one provider serves. These structs hold no cycles, and the garbage collector need not look at thousands."""

    resources: Mapping[str, int]


class AllocationRequest(msgspec.Struct, gc=False):
    """`mappings` since 1.34."""

    allocations: Mapping[str, Resources]
    mappings: Mapping[str, list[str]] | msgspec.UnsetType = msgspec.UNSET


class Stock(msgspec.Struct, gc=False):
    capacity: int
    used: int


class Summary(msgspec.Struct, gc=False):
    """`traits` since 1.17, the tree since 1.29."""

    resources: dict[str, Stock]
    traits: list[str] | msgspec.UnsetType = msgspec.UNSET
    parent_provider_uuid: str | msgspec.UnsetType | None = msgspec.UNSET
    root_provider_uuid: str | msgspec.UnsetType = msgspec.UNSET


async def list_candidates(req: Request) -> Response:
    req.authorize("placement:allocation_candidates:list")
    accepts_json(req)
    question = parse(req)
    options = req.kit.settings[PlacementOptions]
    limits = [one for one in (question.limit, options.max_allocation_candidates) if one is not None and one >= 0]
    question = msgspec.structs.replace(
        question, limit=min(limits, default=None), shuffle=options.randomize_allocation_candidates
    )
    return answer(req, await req.kit.db.read(_answer, req.kit, question, req.version.minor))


def _answer(tx: Tx, kit: Kit, question: Question, minor: int) -> dict[str, Any]:
    names.check_queried_classes(tx, {name for group in question.groups.values() for name in group.resources})
    traits = {
        name for group in question.groups.values() for choice in (*group.required, group.forbidden) for name in choice
    }
    names.check_traits(tx, traits.union(question.root_forbidden, *question.root_required))
    index = kit.get(Index)
    index.refresh(tx)
    with index.lock:
        found = list(search(index, question))
        return {
            "allocation_requests": _requests(index, found, minor),
            "provider_summaries": _summaries(index, question, found, minor),
        }


def _requests(index: Index, found: list[Candidate], minor: int) -> list[Any]:
    uuids = index.uuids
    if minor < 12:
        return [
            {
                "allocations": [
                    {"resource_provider": {"uuid": uuids[row]}, "resources": amounts}
                    for row, amounts in one.amounts.items()
                ]
            }
            for one in found
        ]
    requests: list[Any] = [
        AllocationRequest({uuids[row]: Resources(amounts) for row, amounts in one.amounts.items()}) for one in found
    ]
    if minor >= 34:
        for request, one in zip(requests, found, strict=True):
            request.mappings = {suffix: [uuids[row] for row in rows] for suffix, rows in one.mappings.items()}
    return requests


def _summaries(index: Index, question: Question, found: list[Candidate], minor: int) -> dict[str, Summary]:
    """The providers in the answer; since 1.29 their whole trees, since 1.27 all their classes."""
    rows = {row: None for one in found for row in one.amounts}
    if minor >= 29 and index.trees:
        rows = {row: None for used in rows for row in index.tree_of(int(index.root[used]))}
    wanted = {name for group in question.groups.values() for name in group.resources}
    order = list(rows)
    summaries = [Summary({}) for _ in order]
    for name in index.columns if minor >= 27 else wanted & index.columns.keys():
        column = index.columns[name]
        stock = zip(column.capacity[order].tolist(), column.used[order].tolist(), summaries, strict=True)
        for capacity, used, summary in stock:
            if capacity != NONE:
                summary.resources[name] = Stock(capacity, used)
    uuids = index.uuids
    if minor >= 17:
        for row, summary in zip(order, summaries, strict=True):
            summary.traits = _ordered(index.row_traits[row])
    if minor >= 29:
        trees = zip(index.parent[order].tolist(), index.root[order].tolist(), summaries, strict=True)
        for parent, root, summary in trees:
            summary.parent_provider_uuid = None if parent == NONE else uuids[parent]
            summary.root_provider_uuid = uuids[root]
    return {uuids[row]: summary for row, summary in zip(order, summaries, strict=True)}


@lru_cache(maxsize=4096)
def _ordered(traits: frozenset[str]) -> list[str]:
    """Thousands of hosts share a handful of sets."""
    return sorted(traits)


ROUTES = (Route("GET", "/allocation_candidates", list_candidates, since=since(10)),)
