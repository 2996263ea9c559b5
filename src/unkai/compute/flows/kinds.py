"""Every durable operation of Compute."""

from unkai.compute.flows import create, delete, power, refresh
from unkai.kernel.flow.model import FlowKind
from unkai.kernel.kit import Kit


def kinds(kit: Kit) -> tuple[FlowKind, ...]:
    return (create.kind(kit), delete.kind(kit), *power.kinds(kit), refresh.kind(kit))
