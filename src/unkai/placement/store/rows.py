"""Bare rows: what the index and claims read by the thousand needs no names."""

from collections.abc import Iterable
from typing import Any, cast

import sqlalchemy as sa

from unkai.kernel.store import Tx


def tuples(tx: Tx, query: sa.Executable) -> Iterable[tuple[Any, ...]]:
    return cast(Iterable[tuple[Any, ...]], tx.execute(query).all())
