"""What the Compute room gives to the assembly: routes, policies, quotas, flows, and its hooks into the nodes room."""

from collections.abc import Sequence

from unkai.compute.api import (
    aggregates,
    extensions,
    flavors,
    hypervisors,
    instance_actions,
    keypairs,
    quotas,
    server_actions,
    server_groups,
    server_inside,
    server_metadata,
    server_network,
    server_tags,
    servers,
    services,
    usage,
    versions,
)
from unkai.compute.api.routes import MAXIMUM, MINIMUM, routes
from unkai.compute.errors import render_error
from unkai.compute.flows.kinds import kinds
from unkai.compute.policy import RULES
from unkai.compute.reconcile import reconcile_forever
from unkai.compute.service import power, wanted
from unkai.compute.service.quotas import resources
from unkai.contracts.reports import GuestStatus
from unkai.contracts.steps import Wanted
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.kernel.web import Room, VersionRange
from unkai.nodes import service as nodes

_RESOURCES = (
    aggregates,
    extensions,
    flavors,
    hypervisors,
    instance_actions,
    keypairs,
    quotas,
    server_actions,
    server_groups,
    server_inside,
    server_metadata,
    server_network,
    server_tags,
    servers,
    services,
    usage,
)


def build(kit: Kit) -> Room:
    """Build the room, and tell the nodes room below what belongs on a host and who hears of guests' power."""

    def on_host(tx: Tx, host: str) -> Sequence[Wanted]:
        return wanted.wanted_on(tx, kit, host)

    def seen(tx: Tx, host: str, guests: Sequence[GuestStatus], complete: bool) -> None:
        power.sync_powers(tx, kit, host, guests, complete)

    nodes.register_wanted(kit, on_host)
    nodes.register_power(kit, seen)
    endpoints = [endpoint for resource in _RESOURCES for endpoint in resource.ENDPOINTS]
    return Room(
        name="compute",
        prefix="/compute",
        routes=(*versions.ROUTES, *routes(endpoints)),
        render_error=render_error,
        versions=VersionRange(
            service="compute", minimum=MINIMUM, maximum=MAXIMUM, legacy_header="X-OpenStack-Nova-API-Version"
        ),
        policies=RULES,
        quotas=resources(kit.settings),
        flows=kinds,
        background=(reconcile_forever,),
        request_id_headers=("X-Compute-Request-Id",),
    )
