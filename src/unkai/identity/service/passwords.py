"""Hashing passwords and secrets: argon2id in a small pool of threads.

Parameters after OWASP's first choice: 19 MiB, two passes, one lane. The pool is
what bounds memory and cores, whatever the number of people who try passwords; a
full backlog is answered with 503 and not with an endless queue.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from unkai.kernel.errors import ServiceUnavailable

P = ParamSpec("P")
T = TypeVar("T")


class Hasher:
    """`hash` and `verify` for handlers, `hash_now` and `verify_now` where there is no event loop."""

    def __init__(self, *, workers: int, backlog: int) -> None:
        self._argon = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        self._room = workers + backlog
        self._busy = 0
        # What unknown users are checked against, so that the time an answer takes names nobody.
        self._nobody: str | None = None

    def hash_now(self, password: str) -> str:
        return self._argon.hash(password)

    def verify_now(self, hashed: str | None, password: str) -> bool:
        """Whether the password belongs to the hash. Without a hash the same work is done and the answer is no."""
        known = hashed is not None
        if hashed is None:
            if self._nobody is None:
                self._nobody = self._argon.hash("nobody")
            hashed = self._nobody
        try:
            self._argon.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
        return known

    async def hash(self, password: str) -> str:
        """Raises ServiceUnavailable when too many wait."""
        return await self._later(self.hash_now, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Raises ServiceUnavailable when too many wait."""
        return await self._later(self.verify_now, hashed, password)

    async def matches_any(self, hashes: list[str], password: str) -> bool:
        for hashed in hashes:
            if await self.verify(hashed, password):
                return True
        return False

    async def _later(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._busy >= self._room:
            raise ServiceUnavailable(reason="Too many passwords are being checked at this moment.")
        self._busy += 1
        try:
            return await asyncio.wrap_future(self._threads.submit(work, *args, **kwargs))
        finally:
            self._busy -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=True)
