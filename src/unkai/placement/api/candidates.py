"""GET /allocation_candidates (upstream API: since 1.10)."""

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


def _requests(index: Index, found: list[Candidate], minor: int) -> list[dict[str, Any]]:
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
    requests: list[dict[str, Any]] = [
        {"allocations": {uuids[row]: {"resources": amounts} for row, amounts in one.amounts.items()}} for one in found
    ]
    if minor >= 34:
        for request, one in zip(requests, found, strict=True):
            request["mappings"] = {suffix: [uuids[row] for row in rows] for suffix, rows in one.mappings.items()}
    return requests


def _summaries(index: Index, question: Question, found: list[Candidate], minor: int) -> dict[str, Any]:
    """The providers in the answer; since 1.29 their whole trees, since 1.27 all their classes."""
    rows = {row: None for one in found for row in one.amounts}
    if minor >= 29:
        rows = {row: None for used in rows for row in index.tree_of(int(index.root[used]))}
    wanted = {name for group in question.groups.values() for name in group.resources}
    order = list(rows)
    resources: list[dict[str, Any]] = [{} for _ in order]
    for name in index.columns if minor >= 27 else wanted & index.columns.keys():
        column = index.columns[name]
        stock = zip(column.capacity[order].tolist(), column.used[order].tolist(), resources, strict=True)
        for capacity, used, mine in stock:
            if capacity != NONE:
                mine[name] = {"capacity": capacity, "used": used}
    summaries: dict[str, Any] = {}
    for row, mine in zip(order, resources, strict=True):
        summary: dict[str, Any] = {"resources": mine}
        if minor >= 17:
            summary["traits"] = _ordered(index.row_traits[row])
        if minor >= 29:
            parent = int(index.parent[row])
            summary["parent_provider_uuid"] = None if parent == NONE else index.uuids[parent]
            summary["root_provider_uuid"] = index.uuids[int(index.root[row])]
        summaries[index.uuids[row]] = summary
    return summaries


@lru_cache(maxsize=4096)
def _ordered(traits: frozenset[str]) -> list[str]:
    """Thousands of hosts share a handful of sets."""
    return sorted(traits)


ROUTES = (Route("GET", "/allocation_candidates", list_candidates, since=since(10)),)
