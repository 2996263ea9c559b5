"""Addresses given to ports. The primary key (subnet, address) makes it impossible to give one twice."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.kernel.store import Tx
from unkai.network.model import FixedIp
from unkai.network.store import tables as t

_a = t.addresses.c
NUMBER_LIMIT = 2**62


def taken_by(tx: Tx, subnet_id: str, ip: str) -> str | None:
    """The port that has an address."""
    found: str | None = tx.scalar(sa.select(_a.port_id).where(_a.subnet_id == subnet_id, _a.ip_address == ip))
    return found


def lowest_free(tx: Tx, subnet_id: str, first: int, last: int) -> int | None:
    """The lowest number from `first` to `last` that is not taken in the subnet. At most two index scans."""
    is_first_taken = tx.scalar(sa.select(_a.port_id).where(_a.subnet_id == subnet_id, _a.number == first))
    if is_first_taken is None:
        return first
    follower = t.addresses.alias()
    after = tx.scalar(
        sa.select(sa.func.min(_a.number) + 1).where(
            _a.subnet_id == subnet_id,
            _a.number.between(first, last - 1),
            ~sa.exists().where(follower.c.subnet_id == _a.subnet_id, follower.c.number == _a.number + 1),
        )
    )
    return None if after is None else int(after)


def insert(tx: Tx, port_id: str, given: Sequence[tuple[FixedIp, int]], first_position: int = 0) -> None:
    """Give addresses, with their numbers, to a port."""
    rows = [
        {
            "subnet_id": fixed.subnet_id,
            "ip_address": fixed.ip_address,
            "port_id": port_id,
            "number": number if number < NUMBER_LIMIT else None,
            "position": first_position + index,
        }
        for index, (fixed, number) in enumerate(given)
    ]
    if rows:
        tx.execute(sa.insert(t.addresses), rows)


def take_back(tx: Tx, port_ids: Iterable[str]) -> None:
    tx.execute(sa.delete(t.addresses).where(_a.port_id.in_(list(port_ids))))


def take_back_one(tx: Tx, port_id: str, fixed: FixedIp) -> None:
    tx.execute(
        sa.delete(t.addresses).where(
            _a.port_id == port_id, _a.subnet_id == fixed.subnet_id, _a.ip_address == fixed.ip_address
        )
    )


def take_back_subnet(tx: Tx, subnet_id: str) -> None:
    tx.execute(sa.delete(t.addresses).where(_a.subnet_id == subnet_id))


def by_ports(tx: Tx, port_ids: Iterable[str]) -> dict[str, list[FixedIp]]:
    rows = tx.all(
        sa.select(_a.port_id, _a.subnet_id, _a.ip_address)
        .where(_a.port_id.in_(list(port_ids)))
        .order_by(_a.port_id, _a.position)
    )
    found: dict[str, list[FixedIp]] = {}
    for row in rows:
        found.setdefault(row["port_id"], []).append(FixedIp(row["subnet_id"], row["ip_address"]))
    return found


def owners_on(tx: Tx, subnet_id: str) -> list[tuple[str, str]]:
    """(device owner, port) of each address of a subnet."""
    rows = tx.all(
        sa.select(t.ports.c.device_owner, t.ports.c.id)
        .join_from(t.addresses, t.ports, _a.port_id == t.ports.c.id)
        .where(_a.subnet_id == subnet_id)
    )
    return [(row["device_owner"], row["id"]) for row in rows]


def counts(tx: Tx, subnet_ids: Iterable[str]) -> dict[str, int]:
    """How many addresses of each subnet are given out."""
    rows = tx.all(
        sa.select(_a.subnet_id, sa.func.count().label("used"))
        .where(_a.subnet_id.in_(list(subnet_ids)))
        .group_by(_a.subnet_id)
    )
    return {row["subnet_id"]: row["used"] for row in rows}


def matching(name: str, values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """A port's addresses: subnet_id, ip_address or a part of one (ip_address_substr)."""
    column = _a.subnet_id if name == "subnet_id" else _a.ip_address
    test = (
        sa.or_(*(column.contains(str(v), autoescape=True) for v in values))
        if name.endswith("substr")
        else (column.in_(values))
    )
    return sa.exists().where(_a.port_id == t.ports.c.id, test)
