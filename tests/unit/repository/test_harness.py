"""What the tests rely on: the machine's abilities and the tests' own PostgreSQL."""

import psycopg
import pytest

from harness import machine


def test_every_marker_that_needs_a_machine_is_known_to_pytest(pytestconfig: pytest.Config) -> None:
    markers = {line.split(":")[0] for line in pytestconfig.getini("markers")}
    assert set(machine.NEEDS) <= markers


def test_an_unknown_marker_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        machine.lacks("moon")


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(machine, "SYSTEM_PATH", "/nonexistent")
    assert machine.lacks("ovn") == f"not installed: {', '.join(machine.OVN_PROGRAMS)}"


@pytest.mark.postgres
def test_each_test_gets_an_empty_database_of_its_own(postgres_url: str) -> None:
    address = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address) as link:
        found = link.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert found == (0,)
