"""Every SQL statement of the scheduler: the explanations."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from unkai.kernel.columns import Json, Time
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx, tables
from unkai.scheduler.model import Document, Explanation

explanations = sa.Table(
    "scheduler_explanations",
    tables,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("server_id", sa.String(36), nullable=False, index=True),
    sa.Column("project_id", sa.String(255), nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("created_at", Time, nullable=False, index=True),
    sa.Column("document", Json, nullable=False),
)


def insert(tx: Tx, one: Explanation) -> None:
    tx.execute(
        sa.insert(explanations).values(
            id=one.id,
            server_id=one.server_id,
            project_id=one.project_id,
            request_id=one.request_id,
            created_at=one.created_at,
            document=msgspec.to_builtins(one.document),
        )
    )


def _explanation(row: sa.RowMapping) -> Explanation:
    return Explanation(
        id=row["id"],
        server_id=row["server_id"],
        project_id=row["project_id"],
        request_id=row["request_id"],
        created_at=row["created_at"],
        document=msgspec.convert(row["document"], Document),
    )


def of_server(tx: Tx, scope: Scope, server_id: str, limit: int) -> Sequence[Explanation]:
    """Newest first."""
    query = (
        sa.select(explanations)
        .where(explanations.c.server_id == server_id)
        .order_by(explanations.c.created_at.desc(), explanations.c.id)
        .limit(limit)
    )
    return [_explanation(row) for row in tx.all(restrict(query, scope, explanations.c.project_id))]


def by_id(tx: Tx, scope: Scope, explanation_id: str) -> Explanation | None:
    query = sa.select(explanations).where(explanations.c.id == explanation_id)
    row = tx.first(restrict(query, scope, explanations.c.project_id))
    return None if row is None else _explanation(row)


def delete_before(tx: Tx, when: datetime) -> int:
    return tx.count(sa.delete(explanations).where(explanations.c.created_at < when))
