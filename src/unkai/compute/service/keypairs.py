"""Key pairs of users (SEC-002 to SEC-006)."""

from unkai.compute import keys
from unkai.compute.errors import KeyPairExists, KeyPairNotFound, QuotaReached
from unkai.compute.store import keypairs as store
from unkai.compute.store.keypairs import KeyPair
from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.quota import UNLIMITED
from unkai.kernel.store import Tx


def get_keypair(tx: Tx, user_id: str, name: str) -> KeyPair:
    """Raises KeyPairNotFound."""
    found = store.get(tx, user_id, name)
    if found is None:
        raise KeyPairNotFound(name=name[:255], user=user_id)
    return found


def list_keypairs(tx: Tx, user_id: str, marker: str | None, limit: int | None) -> list[KeyPair] | None:
    """By name; None when the marker does not exist."""
    if marker is not None and store.get(tx, user_id, marker) is None:
        return None
    return store.listing(tx, user_id, marker, limit)


def add_keypair(tx: Tx, kit: Kit, context: Context, keypair: KeyPair) -> KeyPair:
    """Raises KeyPairExists, QuotaReached. The quota is the user's, by the limits of the caller's project."""
    project = context.project_id or ""
    kit.quota.lock(tx, keypair.user_id)
    limit = kit.quota.limits(tx, "compute", project)["key_pairs"]
    if limit != UNLIMITED and store.count(tx, keypair.user_id) >= limit:
        raise QuotaReached(what="key pairs")
    if store.get(tx, keypair.user_id, keypair.name) is not None:
        raise KeyPairExists(name=keypair.name)
    return store.insert(tx, keypair)


def imported(user_id: str, name: str, kind: str, public_key: str) -> KeyPair:
    """A key pair from a public key. Raises InvalidKeyPair."""
    return KeyPair(
        user_id=user_id,
        name=name,
        type=kind,
        fingerprint=keys.fingerprint(kind, public_key),
        public_key=public_key,
    )


def delete_keypair(tx: Tx, user_id: str, name: str) -> None:
    """Servers keep the key that they were made with. Raises KeyPairNotFound."""
    if not store.delete(tx, user_id, name):
        raise KeyPairNotFound(name=name[:255], user=user_id)
