"""What the identity room keeps for as long as the process lives. In the kit as `Identity`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from cryptography.fernet import MultiFernet

from unkai.identity.model import Endpoint, KnownRoles, Service, Token
from unkai.identity.service.passwords import Hasher
from unkai.identity.settings import UnkaiOptions
from unkai.identity.store.tokens import Epoch
from unkai.kernel.columns import from_micros
from unkai.kernel.context import Context
from unkai.kernel.settings import Settings
from unkai.kernel.store import Database


class Validated(msgspec.Struct, frozen=True):
    """A token and the context it stands for, as of an epoch. `expires` is in seconds since 1970."""

    token: Token
    context: Context
    expires: float
    epoch: int


class TokenCache:
    """The newest tokens that were validated. Entries of another epoch than now's are not used."""

    def __init__(self, size: int = 5_000) -> None:
        self._size = size
        self._entries: dict[str, Validated] = {}

    def get(self, token_id: str, epoch: int) -> Validated | None:
        entry = self._entries.get(token_id)
        return entry if entry is not None and entry.epoch == epoch else None

    def put(self, token_id: str, entry: Validated) -> None:
        self._entries.pop(token_id, None)
        while len(self._entries) >= self._size:
            self._entries.pop(next(iter(self._entries)))
        self._entries[token_id] = entry

    def __len__(self) -> int:
        return len(self._entries)


class Identity:
    """Caches, hashing threads and the clock. `seconds` may be replaced by tests that move time."""

    def __init__(self, db: Database, settings: Settings) -> None:
        options = settings[UnkaiOptions]
        self.settings = settings
        self.epoch = Epoch(db)
        self.cache = TokenCache()
        self.hasher = Hasher(workers=options.password_hash_workers, backlog=options.password_hash_backlog)
        self.seconds: Callable[[], float] = time.time
        self.rings: dict[str, tuple[int, MultiFernet]] = {}
        self.roles: tuple[int, KnownRoles] | None = None
        self.catalog: tuple[int, list[tuple[Service, Endpoint]]] | None = None

    def now(self) -> datetime:
        return from_micros(int(self.seconds() * 1_000_000)).astimezone(UTC)

    def close(self) -> None:
        self.hasher.close()
        self.epoch.close()
