"""The state machine: every vm_state with every task_state and action, statuses and back, power states of hosts."""

import itertools
from typing import get_args

import pytest

from unkai.compute import model
from unkai.compute.model import ACTIONS, STATUSES, SYNC, refusal, states_of, status
from unkai.contracts.guest import PowerState

TASKS = (
    None, model.SCHEDULING, model.NETWORKING, model.SPAWNING, model.POWERING_ON, model.POWERING_OFF, model.DELETING,
    model.REBOOTING, model.REBOOT_PENDING, model.REBOOT_STARTED, model.REBOOTING_HARD, model.REBOOT_PENDING_HARD,
    model.REBOOT_STARTED_HARD,
)  # fmt: skip

# What may be done from where, when nothing is being done to the server: upstream's checks, written out.
FROM = {
    "start": {"stopped"},
    "stop": {"active", "error"},
    "reboot": {"active"},
    "reboot_hard": {"active", "stopped", "paused", "suspended", "error"},
    "metadata": {"active", "paused", "suspended", "stopped"},
    "tags": {"active", "paused", "suspended", "stopped"},
    "delete": set(model.VM_STATES),
    "console": set(model.VM_STATES),
    "diagnostics": set(model.VM_STATES),
}


def refused(action: str, vm_state: str, task_state: str | None = None, **other: bool) -> str | None:
    facts = {"launched": True, "on_host": True, "locked": False, "is_admin": False, **other}
    found = refusal(action, vm_state=vm_state, task_state=task_state, **facts)
    return None if found is None else found.attribute


def test_every_action_is_tried() -> None:
    assert set(FROM) == set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_by_state(action: str) -> None:
    assert {state for state in model.VM_STATES if refused(action, state) is None} == FROM[action]
    for state in set(model.VM_STATES) - FROM[action]:
        assert refused(action, state) == "vm_state"


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_while_something_is_being_done(action: str) -> None:
    state = sorted(FROM[action])[0]
    passing = {task for task in TASKS if refused(action, state, task) is None}
    if action in ("delete", "metadata", "tags", "console", "diagnostics"):
        assert passing == set(TASKS)
    elif action == "reboot_hard":
        assert {"rebooting", "rebooting_hard", None} <= passing
        assert not passing & {model.POWERING_OFF, model.DELETING, model.SPAWNING}
    else:
        assert passing == {None}
    assert all(refused(action, state, task) == "task_state" for task in set(TASKS) - passing)


def test_locked_servers() -> None:
    for action in ("start", "stop", "reboot", "reboot_hard", "delete", "metadata"):
        assert refused(action, sorted(FROM[action])[0], locked=True) == "locked"
        assert refused(action, sorted(FROM[action])[0], locked=True, is_admin=True) is None
    for action in ("tags", "console", "diagnostics"):
        assert refused(action, "active", locked=True) is None


def test_servers_that_never_ran_or_are_on_no_host() -> None:
    assert refused("stop", "error", launched=False) == "launched_at"
    assert refused("delete", "error", launched=False, on_host=False) is None
    assert refused("start", "stopped", on_host=False) == "host"
    assert refused("console", "active", on_host=False) == "host"
    assert refused("start", "active", on_host=False) == "vm_state", "the state says more than the missing host"


def test_statuses() -> None:
    assert [status(state, None) for state in ("active", "building", "stopped", "error")] == [
        "ACTIVE", "BUILD", "SHUTOFF", "ERROR",
    ]  # fmt: skip
    assert status("active", "rebooting") == status("active", "reboot_started") == "REBOOT"
    assert status("active", "rebooting_hard") == "HARD_REBOOT"
    assert status("active", "powering-off") == "ACTIVE"
    assert status("error", "deleting", deleted=True) == "DELETED"
    assert status("dancing", None) == "UNKNOWN"


def test_filters_by_status_find_what_has_it() -> None:
    """states_of is the inverse of status, but for the task states that make a status of their own."""
    every = {text for default, special in STATUSES.values() for text in (default, *special.values())}
    for text in every:
        for spelled in (text, text.lower()):
            states = states_of([spelled])
            assert states is not None
            shown = {
                status(state, task) for state, task in itertools.product(states.vm_states, states.tasks or (None,))
            }
            assert text in shown
    assert states_of(["WEIRD"]) is None
    both = states_of(["ACTIVE", "SHUTOFF"])
    assert both is not None and both.vm_states == ("active", "stopped") and both.tasks is None
    reboot = states_of(["REBOOT"])
    assert reboot is not None and "rebooting" in (reboot.tasks or ())


def test_powers_have_upstreams_numbers() -> None:
    assert model.POWER == {"nostate": 0, "running": 1, "paused": 3, "shutdown": 4, "crashed": 6, "suspended": 7}
    assert set(model.POWER) == set(get_args(PowerState))


def test_what_a_host_says_wins_only_where_upstream_lets_it() -> None:
    assert SYNC["active", "shutdown"] == SYNC["active", "crashed"] == "stopped"
    assert ("building", "shutdown") not in SYNC and ("error", "running") not in SYNC
    assert ("active", "nostate") not in SYNC, "a host that lost sight of a guest does not stop it"
    assert not set(SYNC) & set(model.STOP_IF)
    assert ("stopped", "running") in model.STOP_IF
