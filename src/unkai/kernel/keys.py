"""Keys this cloud makes for itself, one row each: every process of a cloud finds the same ones."""

import sqlalchemy as sa
from cryptography.fernet import Fernet

from unkai.kernel.clock import utcnow
from unkai.kernel.columns import Time
from unkai.kernel.store import Tx, tables

keys = sa.Table(
    "kernel_keys",
    tables,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("secret", sa.String(255), nullable=False),
    sa.Column("created_at", Time, nullable=False),
)


def ensure_key(tx: Tx, name: str) -> bytes:
    """The Fernet key of that name, made at first use. Two processes that begin together end with the same key."""
    query = sa.select(keys.c.secret).where(keys.c.name == name)
    secret = tx.scalar(query)
    if secret is None:
        fresh = Fernet.generate_key().decode()
        missing = ~sa.exists().where(keys.c.name == name)
        values = sa.select(sa.literal(name), sa.literal(fresh), sa.literal(utcnow(), Time)).where(missing)
        tx.execute(sa.insert(keys).from_select(["name", "secret", "created_at"], values))
        secret = tx.scalar(query)
    return str(secret).encode()
