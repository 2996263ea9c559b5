"""Host aggregates and the availability zones they make (AGG-001..007)."""

from collections.abc import Mapping, Sequence

from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.nodes import store
from unkai.nodes.errors import (
    AggregateConflict,
    AggregateHostExists,
    AggregateHostNotFound,
    AggregateInvalid,
    AggregateNameExists,
    AggregateNotFound,
)
from unkai.nodes.model import AZ_KEY, Aggregate, Host
from unkai.nodes.service.hosts import host_by_name, hosts


def aggregates(tx: Tx, ids: Sequence[int] | None = None) -> list[Aggregate]:
    return store.list_aggregates(tx, ids)


def aggregate(tx: Tx, aggregate_id: int) -> Aggregate:
    """Raises AggregateNotFound."""
    found = store.list_aggregates(tx, [aggregate_id])
    if not found:
        raise AggregateNotFound(aggregate_id=aggregate_id)
    return found[0]


def zones(tx: Tx, kit: Kit) -> dict[str, list[Host]]:
    """Hosts by availability zone, by the zones' names."""
    found: dict[str, list[Host]] = {}
    for host in hosts(tx, kit):
        found.setdefault(host.zone, []).append(host)
    return dict(sorted(found.items()))


def create_aggregate(tx: Tx, name: str, zone: str | None) -> Aggregate:
    """Raises AggregateNameExists."""
    _refuse_taken(tx, name, None)
    aggregate_id = store.insert_aggregate(tx, name)
    if zone is not None:
        store.set_metadata(tx, aggregate_id, {AZ_KEY: zone})
    return aggregate(tx, aggregate_id)


def update_aggregate(tx: Tx, aggregate_id: int, *, name: str | None = None, zone: str | None = None) -> Aggregate:
    """Raises AggregateNotFound, AggregateNameExists, AggregateInvalid (a host would be in two zones)."""
    current = aggregate(tx, aggregate_id)
    if name is not None and name != current.name:
        _refuse_taken(tx, name, aggregate_id)
        store.touch_aggregate(tx, aggregate_id, name=name)
    if zone is not None:
        return set_aggregate_metadata(tx, aggregate_id, {AZ_KEY: zone}, action="update")
    return aggregate(tx, aggregate_id)


def set_aggregate_metadata(
    tx: Tx, aggregate_id: int, values: Mapping[str, str | None], action: str = "update"
) -> Aggregate:
    """Set keys, None removes one. Raises AggregateNotFound, AggregateInvalid, AggregateConflict."""
    current = aggregate(tx, aggregate_id)
    zone = values.get(AZ_KEY)
    if AZ_KEY in values and zone is not None and zone != current.zone:
        elsewhere = store.zones_by_host(tx)
        for host in current.hosts:
            if elsewhere.get(host, current.zone or zone) not in (zone, current.zone):
                raise AggregateInvalid(
                    action=action, name=current.name, reason=f"host {host} is in zone {elsewhere[host]} already"
                )
    store.set_metadata(tx, aggregate_id, values)
    store.touch_aggregate(tx, aggregate_id)
    return aggregate(tx, aggregate_id)


def delete_aggregate(tx: Tx, aggregate_id: int) -> None:
    """Raises AggregateNotFound, AggregateInvalid while it has hosts."""
    current = aggregate(tx, aggregate_id)
    if current.hosts:
        raise AggregateInvalid(action="delete", name=current.name, reason="Host aggregate is not empty")
    store.delete_aggregate(tx, aggregate_id)


def add_aggregate_host(tx: Tx, kit: Kit, aggregate_id: int, host: str) -> Aggregate:
    """Raises AggregateNotFound, HostNotFound, AggregateHostExists, AggregateConflict (two zones)."""
    current = aggregate(tx, aggregate_id)
    host_by_name(tx, kit, host)
    if host in current.hosts:
        raise AggregateHostExists(aggregate_id=aggregate_id, host=host)
    zone = store.zones_by_host(tx).get(host)
    if current.zone is not None and zone is not None and zone != current.zone:
        raise AggregateConflict(
            action="add host to", name=current.name, reason=f"host {host} is in zone {zone} already"
        )
    store.add_member(tx, aggregate_id, host)
    store.touch_aggregate(tx, aggregate_id)
    return aggregate(tx, aggregate_id)


def remove_aggregate_host(tx: Tx, aggregate_id: int, host: str) -> Aggregate:
    """Raises AggregateNotFound, AggregateHostNotFound."""
    current = aggregate(tx, aggregate_id)
    if host not in current.hosts:
        raise AggregateHostNotFound(aggregate_id=aggregate_id, host=host)
    store.remove_member(tx, aggregate_id, host)
    store.touch_aggregate(tx, aggregate_id)
    return aggregate(tx, aggregate_id)


def _refuse_taken(tx: Tx, name: str, but: int | None) -> None:
    if any(found.name == name and found.id != but for found in store.list_aggregates(tx)):
        raise AggregateNameExists(name=name)
