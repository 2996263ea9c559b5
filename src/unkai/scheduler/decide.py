"""One decision, without a database: who is refused by which rule, and who of the rest is best.

Rules are asked in this order: a forced host, Placement (a provider, enabled, room for each class, traits), then the
filters in theirs. A host is refused by the first rule that refuses it.
"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from unkai.kernel.settings import Settings
from unkai.placement import service as placement
from unkai.scheduler.filters.base import Filter
from unkai.scheduler.filters.compute import ComputeFilter
from unkai.scheduler.filters.retry import RetryFilter
from unkai.scheduler.hosts import Fleet, Mask
from unkai.scheduler.model import Candidate, PlaceRequest, Refusal, Why
from unkai.scheduler.weighers.base import Weigher, Weights, normalise

Positions = npt.NDArray[np.intp]
Describe = Callable[[int], Why]

DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"


class Decision:
    """What came out. `order` are positions in the fleet, best first; `counts` hosts refused per rule, in order."""

    def __init__(self, fleet: Fleet, limit: int) -> None:
        self.fleet = fleet
        self.counts: dict[str, int] = {}
        self.needed: dict[str, str] = {}
        self.order: Positions = np.zeros(0, np.intp)
        self.weights: Weights = np.zeros(0)
        self.parts: dict[str, Weights] = {}
        self.left: Positions = np.zeros(0, np.intp)
        self._limit = limit
        self._refusals: dict[str, list[Refusal]] = {}

    def refuse(self, rule: str, positions: Positions, describe: Describe) -> None:
        """Note that the rule refused these hosts; reasons are written out for as many as an explanation may list."""
        if not len(positions):
            return
        self.counts[rule] = self.counts.get(rule, 0) + len(positions)
        listed = self._refusals.setdefault(rule, [])
        for position in positions[: max(0, self._limit - len(listed))].tolist():
            why = describe(position)
            listed.append(Refusal(self.fleet.hosts[position].host, rule, why.needed, why.had))
        if listed:
            self.needed.setdefault(rule, listed[0].needed)

    def refusals(self, limit: int) -> list[Refusal]:
        """At most `limit`, every rule with its fair share, in the order of the rules."""
        groups = list(self._refusals.values())
        share = {id(group): 0 for group in groups}
        room = limit
        # Shortest first: what a rule leaves of its share is for the others.
        for position, group in enumerate(sorted(groups, key=len)):
            share[id(group)] = min(len(group), room // (len(groups) - position))
            room -= share[id(group)]
        return [one for group in groups for one in group[: share[id(group)]]]

    def candidates(self, limit: int) -> list[Candidate]:
        """The best `limit` hosts that passed."""
        best = np.argsort(-self.weights, kind="stable")[:limit].tolist()
        return [
            Candidate(
                host=self.fleet.hosts[self.left[number]].host,
                weight=round(float(self.weights[number]), 6),
                parts={name: round(float(values[number]), 6) for name, values in self.parts.items()},
            )
            for number in best
        ]


def decide(
    fleet: Fleet, request: PlaceRequest, filters: Iterable[Filter], weighers: Iterable[Weigher], limit: int
) -> Decision:
    """Ask every rule about every host. `limit` bounds the written-out reasons per rule."""
    decision = Decision(fleet, limit)
    left = np.ones(len(fleet.hosts), np.bool_)
    left &= _forced(decision, request, left)
    left &= _placement(decision, request, left)
    decision.left = _filtered(decision, request, np.flatnonzero(left), list(filters))
    _weigh(decision, request, weighers)
    return decision


def _forced(decision: Decision, request: PlaceRequest, left: Mask) -> Mask:
    if request.forced_host is None:
        return left
    wanted = request.forced_host
    chosen = np.array([wanted in (host.host, host.hypervisor_hostname) for host in decision.fleet.hosts], np.bool_)
    decision.refuse("force_hosts", _positions(~chosen), lambda position: Why(f"host {wanted}", "another host"))
    return chosen


def _positions(mask: Mask) -> Positions:
    return np.flatnonzero(mask)


def _placement(decision: Decision, request: PlaceRequest, left: Mask) -> Mask:
    """What Placement would not offer as a candidate."""
    fleet, index = decision.fleet, decision.fleet.index
    left = left.copy()

    def drop(rule: str, bad: Mask, describe: Describe) -> None:
        refused = left & bad
        decision.refuse(rule, _positions(refused), describe)
        left[refused] = False

    def at_hosts(by_row: Mask) -> Mask:
        """Rows' answers as hosts' answers: an index without rows has nothing to take from."""
        if not len(by_row):
            return np.zeros(len(fleet.hosts), np.bool_)
        return np.asarray(by_row[fleet.rows] & (fleet.rows >= 0), np.bool_)

    drop("ResourceProvider", fleet.rows < 0, lambda _: Why("a resource provider in Placement", "none"))
    drop(
        DISABLED_TRAIT,
        at_hosts(index.has_any_trait([DISABLED_TRAIT])),
        lambda position: Why("an enabled compute service", fleet.hosts[position].disabled_reason or "disabled"),
    )
    for name, amount in request.resources.items():
        if amount > 0:
            drop(name, ~at_hosts(placement.roots_with(index, name, amount)), _shortage(fleet, name, amount))
    for trait in sorted(request.required_traits):
        drop(
            f"trait:{trait}=required",
            ~at_hosts(index.has_any_trait([trait])),
            lambda _, trait=trait: Why(f"trait {trait}", "without it"),  # type: ignore[misc]
        )
    for trait in sorted(request.forbidden_traits):
        drop(
            f"trait:{trait}=forbidden",
            at_hosts(index.has_any_trait([trait])),
            lambda _, trait=trait: Why(f"no trait {trait}", "with it"),  # type: ignore[misc]
        )
    return left


def _shortage(fleet: Fleet, name: str, amount: int) -> Describe:
    column = fleet.index.columns.get(name)

    def describe(position: int) -> Why:
        rows = fleet.index.tree_of(int(fleet.rows[position]))
        if column is None or (column.capacity[rows] < 0).all():
            return Why(f"{amount} {name}", "no inventory of it")
        # Of a tree, the provider that comes closest.
        row = max(rows, key=lambda one: int(column.capacity[one] - column.used[one]))
        free = int(column.capacity[row] - column.used[row])
        if free >= amount:
            limits = f"min_unit {column.lowest[row]}, max_unit {column.highest[row]}, step_size {column.step[row]}"
            return Why(f"{amount} {name}", f"{free} free, but in units of: {limits}")
        return Why(f"{amount} {name}", f"{free} of {int(column.capacity[row])} free")

    return describe


def _filtered(decision: Decision, request: PlaceRequest, left: Positions, filters: list[Filter]) -> Positions:
    if request.forced_host is not None:
        # An administrator's word stands above the filters, but not above a host that cannot answer.
        filters = [one for one in filters if isinstance(one, ComputeFilter)]
    elif request.excluded_hosts and not any(isinstance(one, RetryFilter) for one in filters):
        # Whoever asks to leave hosts out means it, whatever filters are enabled.
        filters = [RetryFilter(Settings({})), *filters]
    states = decision.fleet.states
    for one in filters:
        if not len(left) or not one.relevant(request):
            continue
        mask = one.mask(decision.fleet, request)
        if mask is None:
            mask = np.zeros(len(states), np.bool_)
            mask[[position for position in left.tolist() if one.refuse(states[position], request) is None]] = True
        decision.refuse(one.name, left[~mask[left]], _reason(one, decision.fleet, request))
        left = left[mask[left]]
    return left


def _reason(one: Filter, fleet: Fleet, request: PlaceRequest) -> Describe:
    def describe(position: int) -> Why:
        why = one.refuse(fleet.states[position], request)
        assert why is not None, f"{one.name} refuses a host and does not know why"
        return why

    return describe


def _weigh(decision: Decision, request: PlaceRequest, weighers: Iterable[Weigher]) -> None:
    left = decision.left
    total = np.zeros(len(left))
    for one in weighers:
        if len(left) and one.relevant(request):
            values = normalise(one.weigh(decision.fleet, request)[left])
            decision.parts[one.name] = values
            total += one.multiplier * values
    decision.weights = total
    decision.order = left[np.argsort(-total, kind="stable")]


def how_many(decision: Decision, request: PlaceRequest) -> int:
    """How many such servers the hosts that passed could take, one after another, by their inventories and group."""
    fleet = decision.fleet
    left = decision.left
    if not len(left):
        return 0
    room = np.full(len(left), np.iinfo(np.int64).max)
    for name, amount in request.resources.items():
        if amount > 0:
            room = np.minimum(room, _room(fleet, left, name, amount))
    group = request.group
    if group is not None and group.policy == "anti-affinity":
        allowed = int(group.rules.get("max_server_per_host", 1))
        here = np.array([group.hosts.count(fleet.hosts[position].host) for position in left.tolist()])
        room = np.minimum(room, allowed - here)
    if group is not None and group.policy == "affinity":
        return int(room.max())
    return int(room.sum())


def _room(fleet: Fleet, left: Positions, name: str, amount: int) -> npt.NDArray[np.int64]:
    """How often each host can serve so much of one class."""
    index = fleet.index
    found = (fleet.column(name, "capacity") - fleet.column(name, "used"))[left] // amount
    if index.trees:
        for number, row in enumerate(fleet.rows[left].tolist()):
            if row in index.trees:
                found[number] = placement.room_for(index, row, name, amount)
    return np.asarray(np.maximum(found, 0), np.int64)
