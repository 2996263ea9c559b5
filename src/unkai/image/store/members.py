"""Statements about the projects that images are shared with."""

from typing import Any

import sqlalchemy as sa

from unkai.image.model import Member, MemberStatus
from unkai.image.store.rows import owned, unstorable
from unkai.image.store.tables import images, members
from unkai.kernel.clock import utcnow
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


def _concerned(scope: Scope) -> sa.ColumnElement[bool]:
    """Memberships that a scope may see: of its own images, and its own in others'."""
    if scope.kind == "system":
        return sa.true()
    return sa.or_(owned(scope), members.c.member == scope.id) if scope.kind == "project" else sa.false()


def _query(scope: Scope, image_id: str) -> sa.Select[Any]:
    query = sa.select(members).join(images, images.c.id == members.c.image_id)
    return query.where(members.c.image_id == image_id, images.c.deleted_at.is_(None), _concerned(scope))


def list_members(tx: Tx, scope: Scope, image_id: str) -> list[Member]:
    rows = tx.all(_query(scope, image_id).order_by(members.c.created_at, members.c.member))
    return [_member(row) for row in rows]


def get_member(tx: Tx, scope: Scope, image_id: str, member_id: str) -> Member | None:
    row = None if unstorable(member_id) else tx.first(_query(scope, image_id).where(members.c.member == member_id))
    return None if row is None else _member(row)


def count_members(tx: Tx, scope: Scope, image_id: str) -> int:
    return len(tx.scalars(_query(scope, image_id).with_only_columns(members.c.member)))


def insert_member(tx: Tx, scope: Scope, member: Member) -> None:
    """Nothing happens when the scope does not own the image."""
    mine = sa.select(images.c.id).where(images.c.id == member.image_id, owned(scope))
    if tx.scalar(mine) is not None:
        tx.execute(
            sa.insert(members).values(
                image_id=member.image_id,
                member=member.member_id,
                status=member.status,
                created_at=member.created_at,
                updated_at=member.updated_at,
            )
        )


def set_member(tx: Tx, scope: Scope, image_id: str, member_id: str, status: MemberStatus) -> bool:
    """Write the member's answer: its own to give. False when there is no such membership in the scope."""
    mine = sa.true() if scope.kind == "system" else members.c.member == scope.id
    statement = sa.update(members).where(members.c.image_id == image_id, members.c.member == member_id, mine)
    return tx.count(statement.values(status=status, updated_at=utcnow())) == 1


def delete_member(tx: Tx, scope: Scope, image_id: str, member_id: str) -> bool:
    mine = sa.exists().where(images.c.id == members.c.image_id, owned(scope))
    return tx.count(sa.delete(members).where(members.c.image_id == image_id, members.c.member == member_id, mine)) == 1


def _member(row: sa.RowMapping) -> Member:
    return Member(
        image_id=row["image_id"],
        member_id=row["member"],
        status=row["status"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
