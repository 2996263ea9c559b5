"""What it takes to start each kind of flow, without its steps: services start flows, `flows.*` say what they do."""

import msgspec

from unkai.kernel.flow.model import FlowSpec
from unkai.network.service import PlannedNic


class CreateInput(msgspec.Struct, frozen=True, kw_only=True):
    """The interfaces to make and the ids of their security groups (None: the project's default group)."""

    nics: list[PlannedNic]
    security_groups: list[str] | None = None


class Nothing(msgspec.Struct, frozen=True):
    """A flow that knows all it needs from the server's row."""


class StopInput(msgspec.Struct, frozen=True):
    """`timeout` seconds for the guest to power off by itself; 0 takes its power at once."""

    timeout: int


class RebootInput(msgspec.Struct, frozen=True):
    hard: bool


CREATE = FlowSpec("compute.create", CreateInput, 3600.0)
DELETE = FlowSpec("compute.delete", Nothing, 86400.0)
START = FlowSpec("compute.start", Nothing, 900.0)
STOP = FlowSpec("compute.stop", StopInput, 1800.0)
REBOOT = FlowSpec("compute.reboot", RebootInput, 1800.0)
REFRESH = FlowSpec("compute.refresh", Nothing, 300.0)

# Flows that a user asked for, by the name upstream gives the action.
ACTIONS = {
    CREATE.name: "create",
    DELETE.name: "delete",
    START.name: "start",
    STOP.name: "stop",
    REBOOT.name: "reboot",
}
