"""Column types and expressions that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Time(TypeDecorator[datetime]):
    """An aware UTC time, stored as whole microseconds since 1970: exact, sortable and the same on both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        return None if value is None else from_micros(int(value))


class Json(TypeDecorator[Any]):
    """Plain data as JSON text. Not queried inside: what is searched for gets a column of its own."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else msgspec.json.decode(value)


def to_micros(when: datetime) -> int:
    delta = when - _EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


class db_now(sa.sql.functions.GenericFunction[int]):  # noqa: N801 - reads as the SQL function it is
    """The database's own clock in microseconds since 1970: leases of many processes need one clock."""

    type = sa.BigInteger()
    inherit_cache = True
    name = "unkai_now"


@compiles(db_now, "sqlite")
def _sqlite_now(element: db_now, compiler: Any, **kw: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"


@compiles(db_now, "postgresql")
def _postgresql_now(element: db_now, compiler: Any, **kw: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"


def seconds_from_now(seconds: float) -> sa.ColumnElement[int]:
    """An expression: the database's clock plus some seconds, in microseconds."""
    return db_now() + sa.literal(int(seconds * 1_000_000), sa.BigInteger)


# SQLite only numbers rows by itself when the key is INTEGER.
Sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")
