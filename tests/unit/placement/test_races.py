"""Many claim at once: the sum of what they got is what was there, on both databases."""

import threading

import pytest

from unit.placement.support import add, assert_books_balance, assert_index_is_ledger, uid
from unkai.kernel.store import Database, Tx
from unkai.placement import service as placement
from unkai.placement.errors import CapacityExceeded, ConcurrentUpdate
from unkai.placement.index import Index

CAPACITY = 40
THREADS = 8
EACH = 10


@pytest.fixture
def db(ledger: Database) -> Database:
    return ledger


def together(*work: object) -> list[BaseException]:
    """Run the functions at the same time; what they raised."""
    raised: list[BaseException] = []
    start = threading.Barrier(len(work))

    def run(one: object) -> None:
        start.wait()
        try:
            one()  # type: ignore[operator]
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_a_full_provider_is_never_overcommitted(db: Database) -> None:
    db.run_now(lambda tx: add(tx, "a", {"VCPU": CAPACITY, "MEMORY_MB": 100_000}))
    won: list[str] = []

    def claim_many(number: int) -> None:
        for step in range(EACH):
            consumer = uid(f"{number} {step}")
            try:
                db.run_now(placement.claim, consumer, {uid("a"): {"VCPU": 1, "MEMORY_MB": 10}}, "p", "u")
            except CapacityExceeded:
                continue
            won.append(consumer)

    assert together(*(lambda number=number: claim_many(number) for number in range(THREADS))) == []
    assert len(won) == CAPACITY
    db.read_now(assert_books_balance)
    assert set(db.read_now(placement.consumers_on, uid("a"))) == set(won)


def test_claims_releases_and_a_follower_at_once(db: Database) -> None:
    """Every thread takes and gives on two providers in opposite orders; an index follows all the while."""
    db.run_now(lambda tx: (add(tx, "a", {"VCPU": 6}), add(tx, "b", {"VCPU": 6})))
    index = Index()
    done = threading.Event()

    def follow() -> None:
        while not done.is_set():
            db.read_now(index.refresh)

    def churn(number: int) -> None:
        order = ("a", "b") if number % 2 else ("b", "a")
        for step in range(EACH):
            consumer = uid(f"{number} {step}")
            try:
                db.run_now(placement.claim, consumer, {uid(name): {"VCPU": 2} for name in order}, "p", "u")
            except CapacityExceeded:
                continue
            db.run_now(placement.release, consumer)

    def all_churn() -> None:
        raised = together(*(lambda number=number: churn(number) for number in range(4)))
        done.set()
        assert raised == []

    assert together(follow, all_churn) == []
    db.read_now(assert_books_balance)
    db.read_now(assert_index_is_ledger, index)
    assert db.read_now(placement.consumers_on, uid("a")) == {}


def test_one_consumer_claimed_twice_at_once_holds_one_claim(db: Database) -> None:
    db.run_now(lambda tx: add(tx, "a", {"VCPU": 100}))

    def claim(amount: int) -> None:
        for _ in range(5):
            db.run_now(placement.claim, uid("c"), {uid("a"): {"VCPU": amount}}, "p", "u")

    raised = together(*(lambda amount=amount: claim(amount) for amount in (3, 5, 7)))
    assert all(isinstance(error, ConcurrentUpdate) for error in raised)
    db.read_now(assert_books_balance)
    held = db.read_now(placement.consumers_on, uid("a"))[uid("c")]["VCPU"]
    assert held in (3, 5, 7)


def test_a_late_commit_is_not_missed(db: Database) -> None:
    """A transaction that took its number in the log first and commits last is still followed."""
    db.run_now(lambda tx: (add(tx, "a", {"VCPU": 10}), add(tx, "b", {"VCPU": 10})))
    index = Index()
    db.read_now(index.refresh)
    if db.url.get_backend_name() == "sqlite":
        pytest.skip("SQLite has one writer: nothing commits late")
    claimed, go_on = threading.Event(), threading.Event()

    def late(tx: Tx) -> None:
        placement.claim(tx, uid("late"), {uid("a"): {"VCPU": 4}}, "p", "u")
        claimed.set()
        go_on.wait(10)

    thread = threading.Thread(target=lambda: db.run_now(late))
    thread.start()
    claimed.wait(10)
    db.run_now(placement.claim, uid("early"), {uid("b"): {"VCPU": 1}}, "p", "u")
    db.read_now(index.refresh)
    go_on.set()
    thread.join()
    db.read_now(assert_index_is_ledger, index)
    assert index.columns["VCPU"].used[index.row_by_uuid[uid("a")]] == 4
