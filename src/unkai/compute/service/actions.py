"""Instance actions and events: the flows of a server and the journal of their steps. There is no second record."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from unkai.compute.flows.specs import ACTIONS, CREATE, DELETE, REBOOT, START, STOP
from unkai.kernel.flow import service as flows
from unkai.kernel.flow.model import FlowView, StepView
from unkai.kernel.store import Tx

# Names of steps as upstream's events; steps that are not here do nothing that a user would ask for.
_EVENTS: Mapping[tuple[str, str], str] = {
    (CREATE.name, "place"): "conductor_schedule_and_build_instances",
    (CREATE.name, "network"): "compute_allocate_networks",
    (CREATE.name, "spawn"): "compute__do_build_and_run_instance",
    (CREATE.name, "plugged"): "compute_wait_for_network_vif_plugged",
    (DELETE.name, "destroy"): "compute_terminate_instance",
    (START.name, "start"): "compute_start_instance",
    (STOP.name, "stop"): "compute_stop_instance",
    (REBOOT.name, "reboot"): "compute_reboot_instance",
}


class Event(msgspec.Struct, frozen=True):
    """`result` is "Success", "Error", or None while it is at work."""

    name: str
    started_at: datetime
    finished_at: datetime | None
    result: str | None
    host: str | None
    traceback: str | None
    details: str | None


class Action(msgspec.Struct, frozen=True):
    name: str
    request_id: str
    user_id: str | None
    project_id: str | None
    started_at: datetime
    updated_at: datetime
    message: str | None
    events: list[Event]


def actions_of(tx: Tx, server_id: str) -> list[Action]:
    """Newest first. Two statements."""
    found, steps = flows.history(tx, [server_id])
    return [_action(flow, steps.get(flow.id, [])) for flow in found if flow.kind in ACTIONS]


def _action(flow: FlowView, steps: list[StepView]) -> Action:
    events = [_event(flow, step) for step in steps if (flow.kind, step.step) in _EVENTS and step.direction == "do"]
    return Action(
        name=ACTIONS[flow.kind],
        request_id=flow.request_id,
        user_id=flow.user_id,
        project_id=flow.project_id,
        started_at=_time(flow.created_at),
        updated_at=_time(flow.updated_at),
        message="Error" if flow.state == "failed" else None,
        # Newest first, as upstream lists them.
        events=events[::-1],
    )


def _event(flow: FlowView, step: StepView) -> Event:
    failed = step.state == "failed"
    return Event(
        name=_EVENTS[flow.kind, step.step],
        started_at=_time(step.started_at),
        finished_at=step.finished_at,
        result="Error" if failed else "Success" if step.state == "done" else None,
        host=step.host,
        traceback=step.details or None if failed else None,
        details=step.message or None if failed else None,
    )


def _time(value: Any) -> datetime:
    assert isinstance(value, datetime)
    return value
