"""Which projects have limits of their own."""

import sqlalchemy as sa

from unkai.kernel.quota import limits
from unkai.kernel.store import Tx


def projects(tx: Tx, service: str) -> list[str]:
    query = sa.select(limits.c.project_id).where(limits.c.service == service).distinct().order_by(limits.c.project_id)
    return list(tx.scalars(query))
