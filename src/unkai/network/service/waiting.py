"""Waiting until the network carries a server's ports."""

from collections.abc import Collection

from unkai.kernel.clock import monotonic
from unkai.kernel.kit import Kit
from unkai.network.store import ports

# Rings can be lost (another process wrote the status); looking now and then costs little.
_LOOK_EVERY = 2.0


async def wait_ports_active(kit: Kit, port_ids: Collection[str], timeout: float) -> set[str]:
    """Wait until OVN says of every port that it is plugged, at most `timeout` seconds.

    Returns the ports that are not ACTIVE by then (none: all are). A port that is gone counts as not active.
    """
    bells = {port_id: kit.wake.listen(ports.topic(port_id)) for port_id in port_ids}
    deadline = monotonic() + timeout
    missing = set(port_ids)
    try:
        while missing:
            found = await kit.db.read(ports.statuses, missing)
            missing = {port_id for port_id in missing if found.get(port_id) != "ACTIVE"}
            left = deadline - monotonic()
            if not missing or left <= 0:
                break
            await bells[next(iter(missing))].wait(min(left, _LOOK_EVERY))
    finally:
        for port_id, bell in bells.items():
            kit.wake.forget(ports.topic(port_id), bell)
    return missing
