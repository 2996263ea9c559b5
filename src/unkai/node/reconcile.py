"""When the agent starts: make the host agree with what the control plane says belongs on it.

What this host made for guests that do not belong here is removed; around those that do, whatever lives outside of
their domain is put back; those that were running before the host rebooted are started if the operator wants that.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

from unkai.contracts.steps import Wanted
from unkai.kernel.log import get
from unkai.node.driver import Driver
from unkai.node.errors import HypervisorUnavailable, StepFailed
from unkai.node.job import Job

__all__ = ["boot_changed", "images_of", "keep_boot", "reconcile"]

_log = get(__name__)
Unknown = Literal["noop", "log", "shutdown", "reap"]
# None: not defined at all.
_OFF = (None, "shutdown", "crashed", "nostate")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


async def reconcile(
    driver: Driver, wanted: Sequence[Wanted], *, resume: bool, busy: Callable[[str], bool], unknown: Unknown = "reap"
) -> list[str]:
    """Returns what was done, a line each. `resume`: start the guests that should run and do not. A guest that a flow
    or a step works on is left to it. `unknown` is what becomes of a running guest that does not belong here; of one
    that does not run, whatever is left goes.

    Raises HypervisorUnavailable, before or after parts of it; it can be repeated at any time.
    """
    done: list[str] = []
    belongs = {one.guest.server_id for one in wanted}
    powers = await driver.guests()
    for server_id in sorted(await driver.traces() - belongs):
        if busy(server_id):
            continue
        if powers.get(server_id) not in _OFF and unknown in ("noop", "log"):
            _log.warning("a guest runs here that does not belong here", server=server_id)
        elif powers.get(server_id) not in _OFF and unknown == "shutdown":
            stop = driver.stop(Job.unleased(server_id), server_id, 0)
            await _try(done, f"took the power of {server_id}, which does not belong here", stop)
        else:
            removal = driver.destroy(Job.unleased(server_id), server_id)
            await _try(done, f"removed {server_id}, which does not belong here", removal)
    here = [one for one in wanted if not busy(one.guest.server_id) and not (one.busy and one.power == "any")]
    for one in here:
        await _try(None, f"adopting {one.guest.server_id}", driver.adopt(one.guest, one.data, one.power))
    powers = await driver.guests()
    for one in here:
        server_id = one.guest.server_id
        if server_id not in powers:
            # Its files may still be there; a start order defines it anew. The beat tells that it is not running.
            _log.warning("a guest that belongs here is not defined", server=server_id)
        elif resume and not one.busy and one.power == "running" and powers[server_id] in _OFF:
            job = Job.unleased(server_id)
            await _try(done, f"started {server_id} again", driver.start(job, one.guest, one.data))
    await _try(None, "tidying up", driver.tidy(images_of(wanted)))
    return done


def images_of(wanted: Sequence[Wanted]) -> set[str]:
    """The images that the guests' disks rest on."""
    return {disk.image.image_id for one in wanted for disk in one.guest.disks if disk.image is not None}


async def _try(done: list[str] | None, what: str, work: Awaitable[None]) -> None:
    """One guest's trouble must not keep the others from being put right."""
    try:
        await work
    except HypervisorUnavailable:
        raise
    except StepFailed as error:
        _log.warning("reconciling failed", what=what, code=error.code, reason=error.message, details=error.details)
    except Exception:
        _log.exception("reconciling failed", what=what)
    else:
        if done is not None:
            _log.warning("reconciled", what=what)
            done.append(what)


def boot_changed(record: Path) -> bool:
    """Whether the host has rebooted since `keep_boot`. False on the first start ever: nothing ran before."""
    try:
        return record.read_text() != _BOOT_ID.read_text()
    except FileNotFoundError:
        return False


def keep_boot(record: Path) -> None:
    record.write_text(_BOOT_ID.read_text())
