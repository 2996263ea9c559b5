"""Which host a server goes to: what other rooms and the API ask.

answer = place(tx, kit, request)      # Placed: claimed in this transaction. Refused: explained, nothing claimed
what_if(tx, kit, request)             # the same question without a claim
explanations(tx, scope, server_id)
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from unkai.kernel import log
from unkai.kernel.clock import monotonic, utcnow
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.settings import Settings
from unkai.kernel.store import Tx
from unkai.nodes import service as nodes
from unkai.placement import service as placement
from unkai.placement.service import CapacityExceeded, ConstraintsViolated, Index, LedgerDiffers
from unkai.scheduler import explain, filters, store, weighers
from unkai.scheduler.decide import Decision, decide, how_many
from unkai.scheduler.errors import ExplanationNotFound
from unkai.scheduler.hosts import Fleet
from unkai.scheduler.model import (
    Document,
    Explanation,
    Placed,
    PlaceRequest,
    Refusal,
    Refused,
    ServerGroup,
    WhatIf,
)
from unkai.scheduler.settings import ExplanationOptions, FilterScheduler, SchedulerOptions

__all__ = [
    "Explanation",
    "PlaceRequest",
    "Placed",
    "Refused",
    "Rules",
    "ServerGroup",
    "WhatIf",
    "explanation",
    "explanations",
    "forget_old",
    "place",
    "what_if",
]

# How many hosts may be lost to other servers before a decision gives up: the index was too old then.
_MAX_LOST = 32
# A decision that found a host lists fewer hosts: it is the refusals that people read.
_PLACED_SHARE = 10

_log = log.get(__name__)


class Rules:
    """The filters and weighers in force, made once per process, and the fleet they were last asked about.

    Raises SettingsError for names that do not exist.
    """

    def __init__(self, settings: Settings) -> None:
        self.filters = filters.enabled(settings)
        self.weighers = weighers.enabled(settings)
        self._stamp: tuple[int, ...] = ()
        self._layout = -1
        self._hosts: tuple[Sequence[nodes.Host], Sequence[nodes.Aggregate]] = ((), ())
        self._fleet: Fleet | None = None

    def need_instances(self, request: PlaceRequest) -> bool:
        return any(one.needs_instances for one in self.filters if one.relevant(request)) or any(
            one.needs_instances for one in self.weighers if one.relevant(request)
        )

    def knows(self, stamp: tuple[int, ...]) -> bool:
        return stamp == self._stamp

    def fleet(self, index: Index, facts: "_Facts") -> Fleet:
        """The fleet of these facts. The caller holds the index' lock."""
        if facts.hosts is not None:
            self._hosts, self._stamp, self._fleet = (facts.hosts, facts.aggregates), facts.stamp, None
        if self._fleet is None or self._layout != index.layout:
            self._fleet, self._layout = Fleet(*self._hosts, index), index.layout
        return self._fleet.at(facts.silent, facts.instances)


def place(tx: Tx, kit: Kit, request: PlaceRequest) -> Placed | Refused:
    """Choose a host and claim its resources for the server in this transaction; explain either way.

    A refusal is a result and no exception, because its explanation has to be committed. Raises InvalidHint.
    """
    began = monotonic()
    index = kit.get(Index)
    index.refresh(tx)
    facts = _gather(tx, kit, request)
    options = kit.settings[ExplanationOptions]
    with index.lock:
        decision = _decide(kit, index, facts, request, options.explanation_hosts)
        order = _choice(decision, kit.settings[FilterScheduler])
        limit = max(1, options.explanation_hosts // (_PLACED_SHARE if order else 1))
        document = explain.begin(decision, request, limit)
    lost: list[Refusal] = []
    for number, position in enumerate(order[:_MAX_LOST]):
        host = decision.fleet.hosts[position]
        refusal = _claim(tx, index, request, host)
        if refusal is None:
            rest = order[number + 1 : number + max(1, kit.settings[SchedulerOptions].max_attempts)]
            alternates = tuple(decision.fleet.hosts[other].host for other in rest)
            document = msgspec.structs.replace(document, outcome="placed", host=host.host, message="")
            kept = _keep(tx, request, document, lost, began)
            return Placed(host.host, host.host_id, alternates, kept)
        lost.append(refusal)
    message = explain.message(decision, len(lost))
    kept = _keep(tx, request, msgspec.structs.replace(document, message=message), lost, began)
    _log.info("no valid host", server_id=request.server_id, explanation_id=kept, reason=message)
    return Refused(kept, message)


class _Facts(msgspec.Struct, frozen=True):
    """What a decision needs of the database: a constant number of statements."""

    stamp: tuple[int, ...]
    silent: frozenset[int]
    instances: dict[str, int]
    hosts: Sequence[nodes.Host] | None
    aggregates: Sequence[nodes.Aggregate]


def _gather(tx: Tx, kit: Kit, request: PlaceRequest) -> _Facts:
    """Hosts and aggregates are read again only when they are not what the kept fleet was made of."""
    rules = kit.get(Rules)
    stamp = nodes.hosts_stamp(tx)
    known = rules.knows(stamp)
    return _Facts(
        stamp=stamp,
        silent=nodes.silent_hosts(tx, kit),
        instances=placement.consumers_per_provider(tx, "INSTANCE") if rules.need_instances(request) else {},
        hosts=None if known else nodes.hosts(tx, kit),
        aggregates=() if known else nodes.aggregates(tx),
    )


def _decide(kit: Kit, index: Index, facts: _Facts, request: PlaceRequest, limit: int) -> Decision:
    rules = kit.get(Rules)
    return decide(rules.fleet(index, facts), request, rules.filters, rules.weighers, limit)


def _choice(decision: Decision, options: FilterScheduler) -> list[int]:
    """The order in which hosts are tried: the best first, or one at random of the best few (SCHED-030)."""
    if not len(decision.order):
        return []
    size = max(1, options.host_subset_size)
    if options.shuffle_best_same_weighed_hosts:
        size = max(size, int((decision.weights == decision.weights.max()).sum()))
    order: list[int] = decision.order[: max(size, _MAX_LOST * 2)].tolist()
    chosen = secrets.randbelow(min(size, len(order)))
    order.insert(0, order.pop(chosen))
    return order


def _claim(tx: Tx, index: Index, request: PlaceRequest, host: nodes.Host) -> Refusal | None:
    """Claim on the host, or say what the ledger knew better than the index."""
    wanted = {name: amount for name, amount in request.resources.items() if amount > 0}
    if not wanted:
        return None
    with index.lock:
        amounts = placement.offer(index, host.host_id, wanted)
    if amounts is None:
        return Refusal(host.host, "Placement", "providers that serve everything together", "none")
    try:
        placement.claim(tx, request.server_id, amounts, request.project_id, request.user_id)
    except (CapacityExceeded, ConstraintsViolated) as error:
        name = str(error.params["resource_class"])
        return Refusal(host.host, name, f"{error.params['needed']} {name}", f"{error.params['had']} free")
    except LedgerDiffers as error:
        return Refusal(host.host, "Placement", "the inventories that were seen", error.message)
    return None


def _keep(tx: Tx, request: PlaceRequest, document: Document, lost: list[Refusal], began: float) -> str:
    kept = Explanation(
        id=new_uuid(),
        server_id=request.server_id,
        project_id=request.project_id,
        request_id=request.request_id,
        created_at=utcnow(),
        document=msgspec.structs.replace(
            document, lost=tuple(lost), microseconds=int((monotonic() - began) * 1_000_000)
        ),
    )
    store.insert(tx, kept)
    return kept.id


def what_if(tx: Tx, kit: Kit, request: PlaceRequest) -> WhatIf:
    """Where the server would go now, and how many of it would fit. Claims and keeps nothing. Raises InvalidHint."""
    began = monotonic()
    index = kit.get(Index)
    index.refresh(tx)
    facts = _gather(tx, kit, request)
    limit = kit.settings[ExplanationOptions].explanation_hosts
    with index.lock:
        decision = _decide(kit, index, facts, request, limit)
        document = explain.begin(decision, request, limit)
        fits = how_many(decision, request)
    host = decision.fleet.hosts[decision.order[0]].host if len(decision.order) else None
    message = document.message if host is None else ""
    document = msgspec.structs.replace(
        document,
        outcome="what_if",
        host=host,
        message=message,
        microseconds=int((monotonic() - began) * 1_000_000),
    )
    return WhatIf(host=host, fits=fits, message=message, document=document)


def explanations(tx: Tx, scope: Scope, server_id: str, limit: int = 20) -> Sequence[Explanation]:
    """The server's decisions, newest first."""
    return store.of_server(tx, scope, server_id, limit)


def explanation(tx: Tx, scope: Scope, explanation_id: str) -> Explanation:
    """Raises ExplanationNotFound."""
    found = store.by_id(tx, scope, explanation_id)
    if found is None:
        raise ExplanationNotFound(explanation_id=explanation_id)
    return found


def forget_old(tx: Tx, settings: Settings) -> int:
    """Remove explanations older than their retention. Returns how many."""
    return store.delete_before(tx, utcnow() - timedelta(days=settings[ExplanationOptions].explanation_days))
