"""Many schedulers at once on a nearly full cloud: every place is given once, none twice."""

import threading
from collections import Counter
from pathlib import Path

import pytest

from unit.scheduler.support import add_hosts, host_uuid, make_kit, report
from unit.scheduler.support import request as ask
from unkai.placement import service as placement
from unkai.scheduler import service
from unkai.scheduler.model import Placed, Refused
from unkai.scheduler.settings import FilterScheduler

HOSTS = 4
PLACES = 5  # for each host
THREADS = 8
EACH = 4


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_concurrent_decisions_never_overcommit(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    kit = make_kit(tmp_path, FilterScheduler(host_subset_size=2), url=url)
    names = [f"h{number}" for number in range(HOSTS)]
    add_hosts(kit, *(report(name, memory_mb=512 + PLACES * 1024) for name in names))
    answers: list[Placed | Refused] = []

    def place_some() -> None:
        for _ in range(EACH):
            asked = ask(resources={"VCPU": 1, "MEMORY_MB": 1024})
            answers.append(kit.db.run_now(service.place, kit, asked))

    threads = [threading.Thread(target=place_some) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(answers) == THREADS * EACH
        placed = Counter(answer.host for answer in answers if isinstance(answer, Placed))
        assert placed == dict.fromkeys(names, PLACES)
        for name in names:
            held = kit.db.read_now(placement.consumers_on, host_uuid(name))
            assert sum(amounts["MEMORY_MB"] for amounts in held.values()) == PLACES * 1024
    finally:
        kit.db.close()
