"""Hashing in threads of its own, bounded, and the same work for unknown users."""

import asyncio
from collections.abc import Iterator

import argon2
import pytest

from unkai.identity.service.passwords import Hasher
from unkai.kernel.errors import ServiceUnavailable


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    built = Hasher(workers=1, backlog=2)
    yield built
    built.close()


async def test_right_and_wrong(hasher: Hasher) -> None:
    hashed = await hasher.hash("pässword")
    assert argon2.extract_parameters(hashed) == argon2.Parameters(
        type=argon2.Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=19456, parallelism=1
    )
    assert await hasher.verify(hashed, "pässword")
    assert not await hasher.verify(hashed, "password")
    assert not await hasher.verify("not a hash", "password")
    assert await hasher.hash("pässword") != hashed, "every hash has a salt of its own"


async def test_nobody_has_no_password(hasher: Hasher) -> None:
    for password in ("", "nobody", "x"):
        assert not await hasher.verify(None, password)


async def test_more_than_the_backlog_is_refused_and_room_comes_back(hasher: Hasher) -> None:
    hashed = hasher.hash_now("x")
    results = await asyncio.gather(*(hasher.verify(hashed, "x") for _ in range(6)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, ServiceUnavailable)]
    assert (len(refused), results.count(True)) == (3, 3)
    assert await hasher.verify(hashed, "x")


async def test_the_loop_goes_on_meanwhile(hasher: Hasher) -> None:
    hashing = asyncio.create_task(hasher.hash("x"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 3
