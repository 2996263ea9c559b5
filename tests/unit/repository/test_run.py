"""The verb runner and its scripts: what they refuse and what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def call(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / command[0]), *command[1:]],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        env=os.environ | environment,
    )


def test_help_names_every_verb() -> None:
    done = call("run", "help")
    assert done.returncode == 0
    text = (ROOT / "run").read_text()
    dispatch = text[text.index("case $verb in") :]
    verbs = {verb for line in re.findall(r"^    ([a-z |-]+)\)", dispatch, re.M) for verb in line.split(" | ")}
    verbs = {verb for verb in verbs if not verb.startswith("-")}
    assert {"help", "up", "down", "status", "test", "lint", "bench", "doctor"} <= verbs
    for verb in verbs:
        assert re.search(rf"^  {verb}\b", done.stdout, re.M), f"./run help does not explain {verb}"


def test_no_verb_is_help() -> None:
    assert call("run").stdout == call("run", "help").stdout


def test_a_wrong_verb_is_refused_with_the_list() -> None:
    done = call("run", "upp")
    assert done.returncode == 1
    assert "no verb 'upp'" in done.stderr
    assert "usage: ./run" in done.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["scripts/environment"], "usage: scripts/environment"),
        (["scripts/environment", "staging"], "usage: scripts/environment"),
        (["scripts/install-debian"], "usage: scripts/install-debian"),
        (["scripts/install-debian", "--list", "kitchen"], "no package group 'kitchen'"),
        (["scripts/lock", "--force"], "usage: scripts/lock"),
    ],
)
def test_scripts_refuse_what_they_do_not_know(command: list[str], message: str) -> None:
    done = call(*command)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_a_test_layer_that_does_not_exist_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/test.py"), "unit", "nonsense"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "no layer nonsense" in done.stderr
