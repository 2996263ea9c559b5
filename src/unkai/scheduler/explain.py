"""The document behind a decision: for users counts by rule, for administrators the hosts."""

from typing import Any

import msgspec

from unkai.scheduler.decide import Decision
from unkai.scheduler.model import Document, PlaceRequest

_PREFIX = "No valid host was found."


def summary(hosts: int, counts: dict[str, int], needed: dict[str, str], lost: int = 0) -> str:
    """What the user reads in the server's fault: no names of hosts, and nothing about what they had."""
    if hosts == 0:
        return f"{_PREFIX} There are no hosts."
    parts = [
        f"{number} refused by {rule} ({needed[rule]} needed)" if rule in needed else f"{number} refused by {rule}"
        for rule, number in counts.items()
    ]
    if lost:
        parts.append(f"{lost} taken by other servers meanwhile")
    return f"{_PREFIX} There are not enough hosts available. Of {hosts} hosts: {', '.join(parts)}."


def message(decision: Decision, lost: int = 0) -> str:
    return summary(len(decision.fleet.hosts), decision.counts, decision.needed, lost)


def begin(decision: Decision, request: PlaceRequest, limit: int) -> Document:
    """The document so far. `limit` bounds the hosts it lists."""
    passed = decision.candidates(limit)
    refused = decision.refusals(limit - min(limit // 2, len(passed)))
    passed = passed[: max(0, limit - len(refused))]
    return Document(
        outcome="refused",
        hosts=len(decision.fleet.hosts),
        counts=dict(decision.counts),
        message=message(decision),
        request=asked(request),
        refused=tuple(refused),
        passed=tuple(passed),
        omitted=len(decision.fleet.hosts) - len(refused) - len(passed),
    )


def asked(request: PlaceRequest) -> dict[str, Any]:
    """The request without what is empty."""
    found = msgspec.to_builtins(request)
    return {name: value for name, value in found.items() if value not in (None, "", {}, [], ())}


def for_user(document: Document) -> dict[str, Any]:
    """What the server's owner may see: no hosts, but how many and why."""
    return {
        "outcome": document.outcome,
        "message": document.message,
        "hosts": document.hosts,
        "refused_by": document.counts,
    }


def for_admin(document: Document) -> dict[str, Any]:
    """Everything."""
    found = for_user(document)
    found.update(
        host=document.host,
        request=document.request,
        refused=[msgspec.to_builtins(one) for one in document.refused],
        passed=[msgspec.to_builtins(one) for one in document.passed],
        lost=[msgspec.to_builtins(one) for one in document.lost],
        omitted=document.omitted,
        microseconds=document.microseconds,
    )
    return found
