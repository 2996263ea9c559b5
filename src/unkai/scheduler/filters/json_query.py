"""JsonFilter (SCHED-016)."""

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from unkai.scheduler.errors import InvalidHint
from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import ATTRIBUTES, HostState
from unkai.scheduler.model import PlaceRequest, Why

_MAX_DEPTH = 16
_MAX_LENGTH = 4096

_CHAINS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class JsonFilter(Filter):
    """Refuses hosts that a query given as the hint `query` is false for: `[">=", "$free_ram_mb", 1024]`.

    Operators: = < > in <= >= not or and; `$name` is a fact of the host. Raises InvalidHint for a query that is not
    one, before any host is asked.
    """

    name = "JsonFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        if "query" not in request.hints:
            return False
        _check(parse(request.hints["query"]), 0)
        return True

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        query = parse(request.hints["query"])
        if not query or _true(_value(query, host)):
            return None
        return Why(f"a host for which {msgspec.json.encode(query).decode()[:200]} is true", "it is false")


def parse(hint: object) -> Any:
    """The query as nested lists. Raises InvalidHint."""
    if isinstance(hint, list | tuple):
        hint = hint[0] if hint and isinstance(hint[0], str) and hint[0].lstrip().startswith("[") else list(hint)
    if not isinstance(hint, str):
        return hint
    if len(hint) > _MAX_LENGTH:
        raise InvalidHint(hint="query", reason=f"longer than {_MAX_LENGTH} characters")
    try:
        return msgspec.json.decode(hint)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidHint(hint="query", reason=f"not JSON: {error}") from error


def _check(query: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise InvalidHint(hint="query", reason=f"nested deeper than {_MAX_DEPTH}")
    if depth == 0 and not isinstance(query, list):
        raise InvalidHint(hint="query", reason="expected a list that begins with an operator")
    if isinstance(query, list):
        if query and query[0] not in (*_CHAINS, "=", "in", "not", "or", "and"):
            raise InvalidHint(hint="query", reason=f"{str(query[0])[:32]!r} is no operator")
        for part in query[1:]:
            _check(part, depth + 1)
    elif not isinstance(query, str | int | float | bool):
        raise InvalidHint(hint="query", reason="operands are texts, numbers, booleans or queries")


def _value(query: Any, host: HostState) -> Any:
    """The value of a part of a query: of an operand, or of an operator over its operands."""
    if isinstance(query, str) and query.startswith("$"):
        path = query[1:].split(".")
        value: Any = getattr(host, path[0]) if path[0] in ATTRIBUTES else None
        for part in path[1:]:
            value = value.get(part) if isinstance(value, dict) else None
        return value
    if not isinstance(query, list):
        return query
    if not query:
        return True
    return _apply(query[0], [_value(part, host) for part in query[1:]])


def _apply(name: str, values: Sequence[Any]) -> Any:
    if name == "and":
        return all(_true(value) for value in values)
    if name == "or":
        return any(_true(value) for value in values)
    if name == "not":
        return [not _true(value) for value in values]
    if not values or values[0] is None:
        return False
    if name == "=":
        return all(value == values[0] for value in values[1:]) and len(values) > 1
    if name == "in":
        return values[0] in values[1:]
    try:
        return len(values) > 1 and all(_CHAINS[name](left, right) for left, right in pairwise(values))
    except TypeError:
        return False  # a text is neither more nor less than a number


def _true(value: Any) -> bool:
    return any(value) if isinstance(value, list) else bool(value)
