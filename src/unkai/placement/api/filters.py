"""`resources`, `required` and `member_of` as the queries of providers and of candidates write them."""

from collections.abc import Sequence

from unkai.kernel.ids import is_uuid
from unkai.placement.errors import BadQuery, BadResources, InvalidQuery
from unkai.placement.model import MAX_INT

Choices = tuple[frozenset[str], ...]


def resources(text: str) -> dict[str, int]:
    """`VCPU:2,MEMORY_MB:512`. Raises BadResources."""
    expected = (
        "Badly formed resources parameter. Expected resources query string parameter in form: "
        "?resources=VCPU:2,MEMORY_MB:1024."
    )
    if not text.strip():
        raise BadResources(reason=f"{expected} Got: empty string.")
    found: dict[str, int] = {}
    for part in text.split(","):
        name, colon, amount = (piece.strip() for piece in part.partition(":"))
        if not colon or not name:
            raise BadResources(reason=f"{expected} Got: {text[:255]}.")
        if not amount.isascii() or not amount.isdigit() or len(amount) > 10:
            raise BadResources(
                reason=f"Requested resource {name[:255]} expected positive integer amount. Got: {amount[:32]}."
            )
        if not 1 <= int(amount) <= MAX_INT:
            raise BadResources(reason=f"Requested resource {name[:255]} requires amount >= 1. Got: {amount}.")
        found[name] = int(amount)
    return found


def traits(values: Sequence[str], minor: int, key: str = "required") -> tuple[Choices, frozenset[str]]:
    """Alternatives that must each be met, and what is forbidden. Raises InvalidQuery.

    Forbidden (`!X`) since 1.22; `in:X,Y` and repeating the parameter since 1.39.
    """
    required: list[frozenset[str]] = []
    forbidden: set[str] = set()
    for value in values if minor >= 39 else values[:1]:
        value = value.strip()
        if value.startswith("in:"):
            if minor < 39:
                raise InvalidQuery(
                    reason="The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39."
                )
            choice = [name.strip() for name in value.removeprefix("in:").split(",")]
            if not all(choice) or any(name.startswith("!") for name in choice):
                raise InvalidQuery(
                    reason=f"Expected '{key}' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. "
                    f"Got: {value[:255]}"
                )
            required.append(frozenset(choice))
            continue
        for name in (part.strip() for part in value.split(",")):
            bare = name.removeprefix("!") if minor >= 22 else name
            if not bare or "!" in bare:
                form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC" if minor >= 22 else "HW_CPU_X86_VMX,CUSTOM_MAGIC"
                raise InvalidQuery(reason=f"Expected '{key}' parameter value of the form: {form}. Got: {value[:255]}")
            if bare != name:
                forbidden.add(bare)
            else:
                required.append(frozenset({name}))
    conflicting = forbidden & {name for choice in required if len(choice) == 1 for name in choice}
    if conflicting:
        raise BadQuery(
            reason=f"Conflicting required and forbidden traits found in the following traits keys: {key}: "
            f"({', '.join(sorted(conflicting))})"
        )
    return tuple(required), frozenset(forbidden)


def aggregates(values: Sequence[str], minor: int) -> tuple[Choices, frozenset[str]]:
    """Alternatives that must each be met, and what is forbidden (since 1.32). Raises InvalidQuery.

    Repeating the parameter: since 1.24.
    """
    if len(values) > 1 and minor < 24:
        raise InvalidQuery(reason="Multiple member_of parameters are not supported")
    required: list[frozenset[str]] = []
    forbidden: set[str] = set()
    for value in values:
        negated = value.startswith("!")
        if negated and minor < 32:
            raise InvalidQuery(reason="Forbidden member_of parameters are not supported in the specified microversion")
        names = _uuids(value.removeprefix("!") if negated else value)
        if negated:
            forbidden |= names
        else:
            required.append(names)
    return tuple(required), frozenset(forbidden)


def _uuids(value: str) -> frozenset[str]:
    many = value.startswith("in:")
    names = [name.strip() for name in value.removeprefix("in:").split(",")]
    if len(names) > 1 and not many:
        raise InvalidQuery(
            reason="Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid "
            "microversion."
        )
    if not all(is_uuid(name) for name in names):
        raise InvalidQuery(reason=f"Expected 'member_of' parameter to contain valid UUID(s). Got: {value[:255]}")
    return frozenset(names)
