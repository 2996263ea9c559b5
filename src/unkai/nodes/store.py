"""Every statement of the nodes room. Hosts belong to the system: no scope sees more or fewer of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.contracts.reports import HostReport, Inventory
from unkai.kernel.clock import utcnow
from unkai.kernel.columns import Json, Time, db_now, from_micros, seconds_from_now
from unkai.kernel.columns import Sequence as RowNumber
from unkai.kernel.ids import new_uuid
from unkai.kernel.store import Tx, tables
from unkai.nodes.model import AZ_KEY, Aggregate, Host

hosts = sa.Table(
    "nodes_hosts",
    tables,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("host_id", sa.String(36), nullable=False, unique=True),
    sa.Column("host", sa.String(255), nullable=False, unique=True),
    sa.Column("hypervisor_hostname", sa.String(255), nullable=False),
    sa.Column("report", Json, nullable=False),
    sa.Column("service_uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("disabled_reason", sa.String(255)),
    sa.Column("forced_down", sa.Boolean, nullable=False, default=False),
    sa.Column("last_seen", sa.BigInteger, index=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, index=True),
)

aggregates = sa.Table(
    "nodes_aggregates",
    tables,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time),
)

aggregate_hosts = sa.Table(
    "nodes_aggregate_hosts",
    tables,
    sa.Column("aggregate_id", sa.ForeignKey("nodes_aggregates.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("host", sa.String(255), primary_key=True),
)

aggregate_metadata = sa.Table(
    "nodes_aggregate_metadata",
    tables,
    sa.Column("aggregate_id", sa.ForeignKey("nodes_aggregates.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("value", sa.String(255), nullable=False),
)

asks = sa.Table(
    "nodes_asks",
    tables,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False, index=True),
    sa.Column("question", Json, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("answer", Json),
    sa.Column("until", sa.BigInteger, nullable=False),
)


def save_report(tx: Tx, report: HostReport, disabled: bool) -> bool:
    """Insert or update a host. Returns whether anything changed besides being heard of."""
    content = msgspec.to_builtins(report)
    row = tx.first(sa.select(hosts).where(hosts.c.host_id == report.host_id))
    if row is None:
        tx.execute(
            sa.insert(hosts).values(
                host_id=report.host_id,
                host=report.host,
                hypervisor_hostname=report.hypervisor_hostname,
                report=content,
                service_uuid=new_uuid(),
                disabled=disabled,
                last_seen=db_now(),
                created_at=utcnow(),
            )
        )
        return True
    if row["report"] == content:
        tx.execute(sa.update(hosts).where(hosts.c.id == row["id"]).values(last_seen=db_now()))
        return False
    tx.execute(
        sa.update(hosts)
        .where(hosts.c.id == row["id"])
        .values(
            host=report.host,
            hypervisor_hostname=report.hypervisor_hostname,
            report=content,
            last_seen=db_now(),
            updated_at=utcnow(),
        )
    )
    return True


def beat(tx: Tx, names: Iterable[str]) -> None:
    """Many heartbeats in one statement."""
    tx.execute(sa.update(hosts).where(hosts.c.host.in_(list(names))).values(last_seen=db_now()))


def zones_by_host(tx: Tx) -> dict[str, str]:
    rows = tx.all(
        sa.select(aggregate_hosts.c.host, aggregate_metadata.c.value)
        .join(aggregate_metadata, aggregate_metadata.c.aggregate_id == aggregate_hosts.c.aggregate_id)
        .where(aggregate_metadata.c.key == AZ_KEY)
    )
    return {row["host"]: row["value"] for row in rows}


def list_hosts(tx: Tx, down_after: float, default_zone: str, names: Sequence[str] | None = None) -> list[Host]:
    """All hosts (or those named) with zone and liveness, by id: two statements."""
    zones = zones_by_host(tx)
    alive = sa.and_(
        hosts.c.last_seen.is_not(None),
        hosts.c.last_seen > seconds_from_now(-down_after),
        hosts.c.forced_down.is_(False),
    )
    query = sa.select(hosts, alive.label("up")).order_by(hosts.c.id)
    if names is not None:
        query = query.where(hosts.c.host.in_(list(names)))
    return [_host(row, zones.get(row["host"], default_zone)) for row in tx.all(query)]


def _host(row: sa.RowMapping, zone: str) -> Host:
    report = row["report"]
    return Host(
        id=row["id"],
        host_id=row["host_id"],
        host=row["host"],
        hypervisor_hostname=row["hypervisor_hostname"],
        hypervisor_type=report["hypervisor_type"],
        hypervisor_version=report["hypervisor_version"],
        driver=report["driver"],
        virt_type=report["virt_type"],
        host_ip=report["host_ip"],
        chassis=report["chassis"],
        cpu_info=report["cpu_info"],
        inventory=msgspec.convert(report["inventory"], Inventory),
        traits=tuple(report["traits"]),
        supported=tuple((arch, hypervisor, mode) for arch, hypervisor, mode in report["supported"]),
        service_id=row["id"],
        service_uuid=row["service_uuid"],
        disabled=row["disabled"],
        disabled_reason=row["disabled_reason"],
        forced_down=row["forced_down"],
        up=bool(row["up"]),
        last_seen=None if row["last_seen"] is None else from_micros(row["last_seen"]),
        zone=zone,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def update_service(tx: Tx, service_id: int, values: Mapping[str, Any]) -> bool:
    return tx.count(sa.update(hosts).where(hosts.c.id == service_id).values({"updated_at": utcnow(), **values})) == 1


def delete_host(tx: Tx, service_id: int) -> None:
    tx.execute(sa.delete(hosts).where(hosts.c.id == service_id))


def list_aggregates(tx: Tx, ids: Sequence[int] | None = None) -> list[Aggregate]:
    """Three statements whatever their number."""
    query = sa.select(aggregates).order_by(aggregates.c.id)
    if ids is not None:
        query = query.where(aggregates.c.id.in_(list(ids)))
    rows = tx.all(query)
    members: dict[int, list[str]] = {}
    for row in tx.all(sa.select(aggregate_hosts).order_by(aggregate_hosts.c.host)):
        members.setdefault(row["aggregate_id"], []).append(row["host"])
    metadata: dict[int, dict[str, str]] = {}
    for row in tx.all(sa.select(aggregate_metadata).order_by(aggregate_metadata.c.key)):
        metadata.setdefault(row["aggregate_id"], {})[row["key"]] = row["value"]
    return [
        Aggregate(
            id=row["id"],
            uuid=row["uuid"],
            name=row["name"],
            hosts=tuple(members.get(row["id"], ())),
            metadata=metadata.get(row["id"], {}),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )
        for row in rows
    ]


def insert_aggregate(tx: Tx, name: str) -> int:
    found = tx.execute(
        sa.insert(aggregates).values(uuid=new_uuid(), name=name, created_at=utcnow()).returning(aggregates.c.id)
    )
    return int(found.scalar_one())


def touch_aggregate(tx: Tx, aggregate_id: int, **values: Any) -> None:
    tx.execute(sa.update(aggregates).where(aggregates.c.id == aggregate_id).values(updated_at=utcnow(), **values))


def delete_aggregate(tx: Tx, aggregate_id: int) -> None:
    tx.execute(sa.delete(aggregates).where(aggregates.c.id == aggregate_id))


def add_member(tx: Tx, aggregate_id: int, host: str) -> None:
    tx.execute(sa.insert(aggregate_hosts).values(aggregate_id=aggregate_id, host=host))


def remove_member(tx: Tx, aggregate_id: int, host: str) -> None:
    tx.execute(
        sa.delete(aggregate_hosts).where(
            aggregate_hosts.c.aggregate_id == aggregate_id, aggregate_hosts.c.host == host
        )
    )


def set_metadata(tx: Tx, aggregate_id: int, values: Mapping[str, str | None]) -> None:
    """Set keys; None removes one."""
    tx.execute(
        sa.delete(aggregate_metadata).where(
            aggregate_metadata.c.aggregate_id == aggregate_id, aggregate_metadata.c.key.in_(list(values))
        )
    )
    for key, value in values.items():
        if value is not None:
            tx.execute(sa.insert(aggregate_metadata).values(aggregate_id=aggregate_id, key=key, value=value))


def insert_ask(tx: Tx, ask_id: str, host: str, question: Any, seconds: float) -> None:
    tx.execute(sa.delete(asks).where(asks.c.until < seconds_from_now(-60)))
    tx.execute(
        sa.insert(asks).values(id=ask_id, host=host, question=question, state="asked", until=seconds_from_now(seconds))
    )


def take_asks(tx: Tx, host: str) -> Sequence[sa.RowMapping]:
    """Questions not yet given to the host; given once."""
    rows = tx.all(sa.select(asks).where(asks.c.host == host, asks.c.state == "asked", asks.c.until > db_now()))
    if rows:
        tx.execute(sa.update(asks).where(asks.c.id.in_([row["id"] for row in rows])).values(state="given"))
    return rows


def answer_ask(tx: Tx, ask_id: str, host: str, answer: Any) -> bool:
    return (
        tx.count(
            sa.update(asks)
            .where(asks.c.id == ask_id, asks.c.host == host, asks.c.state == "given")
            .values(state="answered", answer=answer)
        )
        == 1
    )


def read_answer(tx: Tx, ask_id: str) -> Any:
    return tx.scalar(sa.select(asks.c.answer).where(asks.c.id == ask_id, asks.c.state == "answered"))


def delete_ask(tx: Tx, ask_id: str) -> None:
    tx.execute(sa.delete(asks).where(asks.c.id == ask_id))


def _stamp_of(table: sa.Table) -> sa.Select[Any]:
    updated = sa.type_coerce(table.c.updated_at, sa.BigInteger)
    return sa.select(
        sa.func.count().label("rows"),
        sa.func.coalesce(sa.func.max(table.c.id), 0).label("last"),
        sa.func.coalesce(sa.func.sum(updated % 1_000_000_007), 0).label("sum"),
    )


_STAMPS = (_stamp_of(hosts), _stamp_of(aggregates))


def stamp(tx: Tx) -> tuple[int, ...]:
    """Differs whenever hosts or aggregates (not heartbeats) differ. Answered from indexes alone.

    Sums, because a clock that was set back gives no greater maximum; modulo, because they must not overflow.
    """
    return tuple(int(number) for query in _STAMPS for row in tx.all(query) for number in row.values())


def silent(tx: Tx, down_after: float) -> frozenset[int]:
    """Ids of hosts whose heartbeat is overdue."""
    overdue = sa.or_(hosts.c.last_seen.is_(None), hosts.c.last_seen <= seconds_from_now(-down_after))
    return frozenset(tx.scalars(sa.select(hosts.c.id).where(overdue)))


def long_unheard(tx: Tx, down_after: float) -> list[str]:
    """Hosts that are down by heartbeat or by an operator's word."""
    return list(
        tx.scalars(
            sa.select(hosts.c.host).where(
                sa.or_(
                    hosts.c.last_seen.is_(None),
                    hosts.c.last_seen <= seconds_from_now(-down_after),
                    hosts.c.forced_down.is_(True),
                )
            )
        )
    )
