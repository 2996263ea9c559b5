"""The query string of lists: filters, fields, sorting, pages and the links between them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from unkai.kernel import clock
from unkai.kernel.paging import Page, SortKey
from unkai.kernel.web import Request
from unkai.network.errors import HTTPBadRequest
from unkai.network.model import Listing
from unkai.network.settings import NetworkOptions

_CONTROLS = {"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"}
TAG_FILTERS = {"tags", "tags-any", "not-tags", "not-tags-any"}


class Filterable(msgspec.Struct, frozen=True):
    """What a resource can be filtered and sorted by: kinds of columns by name ("text", "boolean", "integer",
    "time"), and filters that are no columns."""

    kinds: Mapping[str, str]
    others: frozenset[str] = frozenset()


def listing(request: Request, filterable: Filterable) -> Listing:
    """Raises HTTPBadRequest."""
    return Listing(_filters(request, filterable), _page(request, filterable))


def fields(request: Request) -> list[str]:
    """The attributes the caller wants to see; none named means all."""
    return [name for text in request.query.all("fields") for name in text.split(",") if name]


def chosen(item: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: item[name] for name in names if name in item} if names else item


def links(request: Request, page: Page, ids: Sequence[str], path: str) -> list[dict[str, str]]:
    """Links to the next and the previous page, as upstream decides when to show them."""
    if page.limit is None:
        return []
    full = len(ids) >= page.limit > 0
    kept = [(name, value) for name, value in request.query.pairs if name not in ("marker", "page_reverse")]
    base = f"{request.base_url}{path}?"
    found = []
    if ids and (full or page.reverse):
        found.append({"rel": "next", "href": base + urlencode([*kept, ("marker", ids[-1])])})
    if full or not page.reverse:
        # Beyond the last page there is no marker: backwards from there means from the end.
        pairs = [*kept, *[("marker", id) for id in ids[:1]], ("page_reverse", "True")]
        found.append({"rel": "previous", "href": base + urlencode(pairs)})
    return found


def _filters(request: Request, filterable: Filterable) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    unknown = []
    for name in request.query.names():
        if name in _CONTROLS:
            continue
        values = request.query.all(name)
        if name in filterable.others or name in TAG_FILTERS or name == "changed_since":
            found[name] = tuple(values)
        elif name in filterable.kinds:
            found[name] = tuple(_value(name, text, filterable.kinds[name]) for text in values)
        else:
            unknown.append(name)
    if unknown:
        raise HTTPBadRequest(reason=f"{unknown} is invalid attribute for filtering")
    if "changed_since" in found:
        found["changed_since"] = tuple(_value("changed_since", text, "time") for text in found["changed_since"])
    return found


def _value(name: str, text: str, kind: str) -> Any:
    try:
        if kind == "boolean":
            word = text.strip().lower()
            if word not in ("true", "1", "false", "0"):
                raise ValueError(f"'{text}' cannot be converted to boolean")
            return word in ("true", "1")
        if kind == "integer":
            return int(text)
        if kind == "time":
            return clock.parse(text)
    except ValueError as error:
        raise HTTPBadRequest(reason=f"Invalid input for {name}. Reason: {error}.") from None
    return text


def _page(request: Request, filterable: Filterable) -> Page:
    query = request.query
    limit = _limit(request)
    keys, directions = query.all("sort_key"), query.all("sort_dir")
    if directions and len(keys) != len(directions):
        raise HTTPBadRequest(reason="The number of sort_keys and sort_dirs must be same")
    bad = [key for key in keys if key not in filterable.kinds]
    if bad:
        raise HTTPBadRequest(reason=f"{bad} is invalid attribute for sort keys")
    sort = []
    for position, key in enumerate(keys):
        direction = directions[position] if directions else "asc"
        if direction not in ("asc", "desc"):
            raise HTTPBadRequest(reason="valid sort directions are 'asc' and 'desc'")
        sort.append(SortKey(key, "asc" if direction == "asc" else "desc"))
    reverse = (query.get("page_reverse") or "").strip().lower() in ("true", "1")
    return Page(limit=limit, marker=query.get("marker"), sort=tuple(sort), reverse=reverse)


def _limit(request: Request) -> int | None:
    text = request.query.get("limit")
    most = request.kit.settings[NetworkOptions].pagination_max_limit
    ceiling = int(most) if most.isdigit() and int(most) > 0 else None
    if text is None:
        return ceiling
    if not text.isascii() or not text.isdigit():
        raise HTTPBadRequest(reason=f"Limit must be an integer 0 or greater and not '{text[:64]}'")
    limit = min(int(text), 2**31 - 1)
    if limit == 0:
        return ceiling
    return limit if ceiling is None else min(limit, ceiling)
