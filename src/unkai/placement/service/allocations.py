"""Claims: who uses how much. One verb, `apply`, writes them all.

A claim locks its consumers and providers, checks everything, and only then writes: a refusal changes nothing, so
that a caller may try another provider in the same transaction. The statement that takes an amount still carries
its own condition (`used + amount <= capacity`): that is what rules out an overcommit, whatever happened before.
"""

from collections.abc import Iterable, Mapping, Sequence

from unkai.kernel.clock import utcnow
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.placement.errors import (
    AllocationsNotFound,
    CapacityExceeded,
    ConcurrentUpdate,
    ConstraintsViolated,
    ConsumerGenerationConflict,
    NoInventory,
    UnknownAllocationProvider,
)
from unkai.placement.model import UNCHECKED, Allocation, Amounts, Claim, Consumer, Holding, Provider, Stock
from unkai.placement.service import names, providers
from unkai.placement.store import allocations as store
from unkai.placement.store import changes
from unkai.placement.store import inventories as inventory_store
from unkai.placement.store import providers as provider_store

Key = tuple[int, str]  # a provider's number and a resource class


def claim(
    tx: Tx,
    consumer_id: str,
    amounts: Amounts,
    project_id: str,
    user_id: str,
    consumer_type: str = "INSTANCE",
) -> None:
    """Let the consumer use these amounts instead of whatever it used before (so repeating it is harmless).

    Raises CapacityExceeded or ConstraintsViolated (naming class, needed, had), NoInventory,
    UnknownAllocationProvider: then nothing was written, and the transaction may go on.
    """
    apply(tx, [Claim(consumer_id, amounts, project_id, user_id, consumer_type)])


def release(tx: Tx, consumer_id: str) -> bool:
    """Take everything from the consumer. True when it had something."""
    old = store.amounts(tx, [consumer_id])
    if not old:
        return False
    touched = {number for _, number, _, _ in old}
    provider_store.lock(tx, touched)
    # Read again under the lock: another transaction may have released or changed it meanwhile.
    old = store.amounts(tx, [consumer_id])
    for _, number, name, used in old:
        inventory_store.give(tx, number, name, used)
    store.delete_of(tx, [consumer_id])
    store.delete_consumers(tx, [consumer_id])
    changes.record(tx, touched)
    return bool(old)


def release_known(tx: Tx, consumer_id: str) -> None:
    """As `release`. Raises AllocationsNotFound when there is nothing to take."""
    if not release(tx, consumer_id):
        raise AllocationsNotFound(uuid=consumer_id)


def move_consumer(tx: Tx, old: str, new: str, consumer_type: str) -> None:
    """Give all that `old` uses to `new`, at no moment to nobody (migrations keep their source so)."""
    held = holdings(tx, [old]).get(old)
    if held is None:
        return
    who = held.consumer
    apply(
        tx,
        [
            Claim(old, {}, who.project_id, who.user_id),
            Claim(new, held.amounts, who.project_id, who.user_id, consumer_type),
        ],
    )


def apply(tx: Tx, claims: Sequence[Claim]) -> None:
    """Make all claims true, or none. What one consumer gives up, another may take in the same call.

    Raises ConsumerGenerationConflict, UnknownAllocationProvider, UnknownResourceClass, NoInventory,
    ConstraintsViolated, CapacityExceeded before anything is written.
    """
    uuids = sorted(one.consumer_uuid for one in claims)
    consumers = store.lock_consumers(tx, uuids)
    for one in claims:
        _check_generation(one, consumers.get(one.consumer_uuid))
    known = _providers(tx, claims)
    old = store.amounts(tx, uuids)
    new = [
        (one.consumer_uuid, known[uuid].id, name, amount)
        for one in claims
        for uuid, amounts in one.amounts.items()
        for name, amount in amounts.items()
    ]
    touched = {number for _, number, _, _ in (*old, *new)}
    provider_store.lock(tx, touched)
    stocks = inventory_store.of(tx, touched)
    delta = _delta(old, new)
    _check(tx, claims, known, stocks, delta)

    for (number, name), amount in sorted(delta.items(), key=lambda item: item[1]):
        if amount < 0:
            inventory_store.give(tx, number, name, -amount)
        elif amount > 0 and not inventory_store.take(tx, number, name, amount):
            raise ConcurrentUpdate(reason=f"the inventory of {name} changed during the claim")
    if old:
        store.delete_of(tx, uuids)
    _write_consumers(tx, claims, consumers)
    store.insert(tx, new)
    provider_store.advance(tx, {number for _, number, _, _ in new})
    changes.record(tx, touched)


def _check_generation(one: Claim, have: Consumer | None) -> None:
    if one.generation is UNCHECKED:
        return
    actual = None if have is None else have.generation
    if one.generation != actual:
        raise ConsumerGenerationConflict(
            expected="null" if actual is None else actual, given="null" if one.generation is None else one.generation
        )


def _providers(tx: Tx, claims: Iterable[Claim]) -> dict[str, Provider]:
    wanted = {uuid for one in claims for uuid in one.amounts}
    known = provider_store.by_uuids(tx, wanted) if wanted else {}
    for uuid in sorted(wanted):
        if uuid not in known:
            raise UnknownAllocationProvider(uuid=uuid)
    return known


def _delta(old: Iterable[tuple[str, int, str, int]], new: Iterable[tuple[str, int, str, int]]) -> dict[Key, int]:
    """How the use of each (provider, class) changes."""
    found: dict[Key, int] = {}
    for _, number, name, used in old:
        found[number, name] = found.get((number, name), 0) - used
    for _, number, name, used in new:
        found[number, name] = found.get((number, name), 0) + used
    return found


def _check(
    tx: Tx,
    claims: Iterable[Claim],
    known: Mapping[str, Provider],
    stocks: Mapping[int, Mapping[str, Stock]],
    delta: Mapping[Key, int],
) -> None:
    for one in claims:
        for uuid, amounts in one.amounts.items():
            number = known[uuid].id
            for name, amount in amounts.items():
                stock = stocks.get(number, {}).get(name)
                if stock is None:
                    names.check_classes(tx, [name])
                    raise NoInventory(uuid=uuid, resource_class=name)
                _check_units(uuid, name, amount, stock)
                more = delta[number, name]
                free = stock.inventory.capacity - stock.used
                # Using less, or the same, is always allowed: also where an inventory shrank below its use.
                if more > 0 and more > free:
                    raise CapacityExceeded(uuid=uuid, resource_class=name, needed=amount, had=free + amount - more)


def _check_units(uuid: str, name: str, amount: int, stock: Stock) -> None:
    inventory = stock.inventory
    wrong = None
    if amount < inventory.min_unit:
        wrong = f"min_unit is {inventory.min_unit}"
    elif amount > inventory.max_unit:
        wrong = f"max_unit is {inventory.max_unit}"
    elif amount % inventory.step_size:
        wrong = f"step_size is {inventory.step_size}"
    if wrong is not None:
        raise ConstraintsViolated(
            uuid=uuid,
            resource_class=name,
            needed=amount,
            had=stock.inventory.capacity - stock.used,
            constraint=wrong,
        )


def _write_consumers(tx: Tx, claims: Iterable[Claim], have: Mapping[str, Consumer]) -> None:
    gone: list[str] = []
    for one in claims:
        old = have.get(one.consumer_uuid)
        if not one.amounts:
            if old is not None:
                gone.append(one.consumer_uuid)
            continue
        consumer = Consumer(
            uuid=one.consumer_uuid,
            generation=1 if old is None else old.generation + 1,
            project_id=one.project_id,
            user_id=one.user_id,
            type=one.type if one.type is not None or old is None else old.type,
            updated_at=utcnow(),
        )
        if old is None:
            if not store.insert_consumer(tx, consumer):
                raise ConcurrentUpdate(reason=f"consumer {consumer.uuid} was created by another request")
        elif not store.update_consumer(tx, consumer, old.generation):
            raise ConcurrentUpdate(reason=f"consumer {consumer.uuid} was changed by another request")
    if gone:
        store.delete_consumers(tx, gone)


# ---- reading ----


def holdings(tx: Tx, uuids: Iterable[str], scope: Scope | None = None) -> dict[str, Holding]:
    """What each of these consumers uses; those that use nothing, or are out of scope, are missing. Two statements."""
    consumers = store.consumers_by_uuids(tx, scope or Scope.system(), uuids)
    rows, generations = store.of_consumers(tx, consumers)
    by_consumer: dict[str, list[Allocation]] = {}
    for row in rows:
        by_consumer.setdefault(row.consumer_uuid, []).append(row)
    return {
        uuid: Holding(
            consumers[uuid], tuple(found), {row.provider_uuid: generations[row.provider_uuid] for row in found}
        )
        for uuid, found in by_consumer.items()
    }


def allocations_by_consumers(tx: Tx, ids: Iterable[str]) -> dict[str, Holding]:
    """What each of these consumers uses; those that use nothing are missing. Two statements."""
    return holdings(tx, ids)


def amounts_by_consumers(tx: Tx, ids: Iterable[str]) -> dict[str, dict[str, dict[str, int]]]:
    """{consumer: {provider: {class: amount}}}. Two statements."""
    return {uuid: holding.amounts for uuid, holding in holdings(tx, ids).items()}


def consumers_on(tx: Tx, provider_uuid: str) -> dict[str, dict[str, int]]:
    """{consumer: {class: amount}} of one provider. Raises ProviderNotFound."""
    _, found = on_provider(tx, provider_uuid)
    result: dict[str, dict[str, int]] = {}
    for allocation, consumer in found:
        result.setdefault(consumer.uuid, {})[allocation.resource_class] = allocation.used
    return result


def consumers_of_type(tx: Tx, consumer_type: str) -> list[str]:
    """Every consumer of the type that holds an allocation. One statement."""
    return store.consumers_of_type(tx, consumer_type)


def consumers_per_provider(tx: Tx, consumer_type: str) -> dict[str, int]:
    """{provider uuid: how many consumers of the type}. One statement."""
    return store.count_by_provider(tx, consumer_type)


def on_provider(tx: Tx, uuid: str) -> tuple[Provider, list[tuple[Allocation, Consumer]]]:
    """Raises ProviderNotFound."""
    provider = providers.get(tx, uuid)
    return provider, store.of_provider(tx, provider.id)


def usages(
    tx: Tx, scope: Scope, user_id: str | None = None, consumer_type: str | None = None
) -> dict[str, dict[str, int]]:
    """{consumer type: {class: sum, "consumer_count": number}} of the consumers in scope; "unknown": without a type.

    `consumer_type` limits it to one type, "all" sums over every type (upstream API: GET /usages since 1.38).
    """
    limited = None if consumer_type == "all" else consumer_type
    found: dict[str, dict[str, int]] = {}
    counted: set[str | None] = set()
    for kind, name, used, number in store.usages(tx, scope, user_id, limited):
        key = "all" if consumer_type == "all" else kind or "unknown"
        group = found.setdefault(key, {"consumer_count": 0})
        group[name] = group.get(name, 0) + used
        if kind not in counted:
            counted.add(kind)
            group["consumer_count"] += number
    return found
