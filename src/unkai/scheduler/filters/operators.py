"""The operators in values of extra specs and aggregate metadata (upstream: extra_specs_ops; SCHED-006, SCHED-010)."""

import operator
from collections.abc import Callable
from typing import Any

_NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.ge,  # upstream: a plain = of numbers means "at least"
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}
_STRINGS: dict[str, Callable[[Any, Any], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
}


def matches(have: object, wanted: str) -> bool:
    """Whether a host's value satisfies a requirement: a plain value (equality), or an operator and its operands.

    `=`, `==`, `!=`, `>=`, `<=` compare numbers, `s==` and its kin text, `<in> x` looks for a part (or an element),
    `<all-in> a b` for all, `<or> a <or> b` for one of several.
    """
    words = wanted.split()
    if not words:
        return str(have) == wanted
    first, rest = words[0], words[1:]
    if first == "<or>":
        return str(have) in _alternatives(words)
    if first in ("<in>", "<all-in>"):
        return bool(rest) and all(_contains(have, word) for word in rest)
    if first in _STRINGS:
        return bool(rest) and bool(_STRINGS[first](str(have), " ".join(rest)))
    if first in _NUMBERS:
        try:
            return bool(rest) and bool(_NUMBERS[first](float(str(have)), float(rest[0])))
        except ValueError:
            return False
    return str(have) == wanted


def _alternatives(words: list[str]) -> list[str]:
    return [part.strip() for part in " ".join(words).split("<or>") if part.strip()]


def _contains(have: object, word: str) -> bool:
    return word in have if isinstance(have, list | tuple | set | frozenset) else word in str(have)
