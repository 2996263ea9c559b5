"""The locks pin and hash everything, fit pyproject.toml, and name no address."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PIN = re.compile(
    r"(?P<name>[a-z0-9.-]+)==(?P<version>[^ ]+)(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)


def pins(lock: Path) -> dict[str, str]:
    return {found["name"]: found["version"] for found in PIN.finditer(lock.read_text())}


def normal(requirement: str) -> str:
    """The name in "psycopg[binary]>=3.3" as a lock writes it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ;]", requirement)[0]).lower()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_line_is_a_pin_with_hashes(lock: Path) -> None:
    left = PIN.sub("", lock.read_text()).strip()
    assert left == ""


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_address_of_an_index(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_the_locks_hold_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    base, dev = (pins(ROOT / "requirements" / f"{name}.lock") for name in ("base", "dev"))
    assert {normal(wanted) for wanted in project["project"]["dependencies"]} <= base.keys()
    assert {normal(wanted) for wanted in project["dependency-groups"]["dev"]} <= dev.keys()


def test_the_tests_run_on_the_versions_that_the_product_runs_on() -> None:
    base, dev = (pins(ROOT / "requirements" / f"{name}.lock") for name in ("base", "dev"))
    assert base.items() <= dev.items()
