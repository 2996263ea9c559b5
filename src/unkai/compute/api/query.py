"""Query strings: which names a list knows at which version, and how values are read.

Upstream ignored unknown names once; each resource refuses them from some microversion on, all of them from 2.102.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from unkai.compute.errors import MarkerNotFound
from unkai.compute.settings import ApiOptions
from unkai.kernel import clock
from unkai.kernel.errors import InvalidParameter
from unkai.kernel.web import Request

STRICT_EVERYWHERE = 102
Rule = Callable[[str], str | None]


class Names(msgspec.Struct, frozen=True):
    """What a query string may hold. `known` maps names to a rule that gives the reason of a refusal, or to None.

    `added` are names that come with a minor version, `strict` is the minor version from which others are refused.
    """

    known: Mapping[str, Rule | None] = {}
    added: Mapping[int, Mapping[str, Rule | None]] = {}
    strict: int = STRICT_EVERYWHERE

    def at(self, minor: int) -> dict[str, Rule | None]:
        found = dict(self.known)
        for since, names in sorted(self.added.items()):
            if minor >= since:
                found.update(names)
        return found


NOTHING = Names()


def check(request: Request, names: Names) -> None:
    """Raises InvalidParameter for a name or a value that the request's version refuses."""
    minor = request.version.minor
    known = names.at(minor)
    for key, value in request.query.pairs:
        if key not in known:
            if minor >= names.strict:
                raise InvalidParameter(name=key[:64], reason="Additional properties are not allowed")
            continue
        rule = known[key]
        reason = None if rule is None else rule(value)
        if reason is not None:
            raise InvalidParameter(name=key, reason=reason)


# --- rules


def number(value: str) -> str | None:
    """A non-negative integer."""
    if value.isascii() and value.isdigit() and len(value) <= 18:
        return None
    return f"{value[:64]!r} is not a non-negative integer"


def time(value: str) -> str | None:
    try:
        clock.parse(value)
    except ValueError:
        return f"{value[:64]!r} is not a 'date-time'"
    return None


def one_of(choices: Iterable[str]) -> Rule:
    allowed = frozenset(choices)
    return lambda value: None if value in allowed else f"{value[:64]!r} is not one of {sorted(allowed)}"


# What a regular expression may cost is bounded here: the database tries it on every row, and a pattern such as
# (a+)+$ would keep it busy for hours.
_REPEATS = re.compile(r"(?<!\\)[*+]|(?<!\\)\{\d*,\d*\}")
_NESTED = re.compile(r"\)[*+{?]")
_MOST_REPEATS = 2
_BACKREFERENCE = re.compile(r"\\[1-9]|\(\?[P<=!]")


def regex(value: str) -> str | None:
    """A regular expression that is cheap to try."""
    if not value or len(value) > 255:
        return f"{value[:64]!r} is not a 'regex'"
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError):
        return f"{value[:64]!r} is not a 'regex'"
    repeats = len(_REPEATS.findall(core(value)))
    if repeats > _MOST_REPEATS or _NESTED.search(value) or _BACKREFERENCE.search(value):
        return "the regular expression is too complex: no repeated groups, at most two repetitions"
    return None


def core(pattern: str) -> str:
    """A pattern without `.*` at its ends, where it changes nothing of what is found and only costs."""
    while pattern.startswith(".*"):
        pattern = pattern[2:]
    while pattern.endswith(".*") and not pattern.endswith("\\.*"):
        pattern = pattern[:-2]
    return pattern


PAGING: Mapping[str, Rule | None] = {"limit": number, "marker": None}

# --- reading


class Window(msgspec.Struct, frozen=True):
    """Which part of a list is wanted; a limit of 0 is an empty part."""

    limit: int
    marker: str | None = None


def window(request: Request) -> Window:
    """`limit` and `marker`, bounded by [api] max_limit. Raises InvalidParameter."""
    most = request.kit.settings[ApiOptions].max_limit
    asked = request.query.integer("limit")
    return Window(most if asked is None else min(asked, most), request.query.get("marker"))


def when(request: Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return clock.parse(text)
    except ValueError as error:
        raise InvalidParameter(name=name, reason=f"{text[:64]!r} is not a 'date-time'") from error


def require_marker(found: object, marker: str | None) -> None:
    """Raises MarkerNotFound when a marker was given and its row was not found."""
    if marker is not None and found is None:
        raise MarkerNotFound(marker=marker[:64])
