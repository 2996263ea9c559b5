"""The keys that seal tokens and encrypt credentials: rows of a table, so that every API process has the same.

The newest key of a purpose seals; older ones still open. Keys of tokens are
dropped when the ring is full and nothing they sealed can be alive; keys of
credentials never, because what they encrypted stays.
"""

from datetime import timedelta

from cryptography.fernet import MultiFernet

from unkai.identity.service import payload
from unkai.identity.service.parts import Identity
from unkai.identity.settings import FernetOptions, TokenOptions, UnkaiOptions
from unkai.identity.store import tokens as store
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

PURPOSES = ("token", "credential")


def ensure(tx: Tx, identity: Identity) -> None:
    """Make the first key of each purpose where there is none."""
    for purpose in PURPOSES:
        if not store.ring(tx, purpose):
            store.add_key(tx, purpose, payload.new_secret(), identity.now())
            store.bump(tx)


def ring(tx: Tx, identity: Identity, purpose: str, epoch: int | None = None) -> MultiFernet:
    """The ring in force at an epoch; without one it is read. Raises LookupError when there is no key at all."""
    known = identity.rings.get(purpose)
    if known is not None and known[0] == epoch:
        return known[1]
    secrets = [secret for secret, _ in store.ring(tx, purpose)]
    if not secrets:
        raise LookupError(f"no key to seal a {purpose} with: bootstrap the identity room first")
    found = payload.fernet(secrets)
    if epoch is not None:
        identity.rings[purpose] = (epoch, found)
    return found


def rotate(tx: Tx, kit: Kit) -> bool:
    """Make a new signing key when the newest is old enough, and drop what the ring need not hold any more."""
    identity = kit.get(Identity)
    tokens, days = kit.settings[TokenOptions], kit.settings[UnkaiOptions].token_key_days
    most = kit.settings[FernetOptions].max_active_keys
    keys = store.ring(tx, "token")
    now = identity.now()
    if not keys or days <= 0 or now - keys[0][1] < timedelta(days=days):
        return False
    store.add_key(tx, "token", payload.new_secret(), now)
    alive = timedelta(seconds=tokens.expiration + tokens.allow_expired_window)
    # A key sealed tokens until the next newer one was made.
    idle_since = [now, *(made for _, made in keys)]
    stale = [
        secret
        for position, (secret, _) in enumerate(keys)
        if position + 1 >= most and now - idle_since[position] > alive
    ]
    store.drop_keys(tx, "token", stale)
    store.bump(tx)
    return True
