"""The domains of this host's guests: found by id and mark, defined, started, stopped; all of it idempotent."""

from collections.abc import Callable
from typing import Any, TypeVar

from unkai.contracts.guest import PowerState
from unkai.node.errors import GuestNotFound, HypervisorRefused
from unkai.node.job import Job
from unkai.node.libvirt import power, strays
from unkai.node.libvirt.connection import Connection, LifecycleListener, binding, translate
from unkai.node.libvirt.identity import MARK, host_of

__all__ = ["Domains"]

T = TypeVar("T")


class Domains:
    """All verbs raise HypervisorUnavailable, and HypervisorRefused for a domain that is not this host's."""

    def __init__(self, connection: Connection, host_id: str) -> None:
        self._connection = connection
        self._host_id = host_id
        # A domain's mark never changes while it is defined; asking for each of them each time would cost a call each.
        self._mine: dict[str, bool] = {}

    def open(self, listener: LifecycleListener, reconnected: Callable[[], None]) -> None:
        self._connection.open(listener, reconnected)

    async def close(self) -> None:
        await self._connection.close()

    async def ask(self, work: Callable[[Any], T]) -> T:
        """`work(virConnect)`, for what is no domain's business."""
        return await self._connection.call(work)

    async def powers(self) -> dict[str, PowerState]:
        """Of every domain that is ours."""
        return await self._connection.call(self._powers)

    async def power(self, server_id: str) -> PowerState | None:
        """None when it is not defined."""

        def look(connection: Any) -> PowerState | None:
            domain = self._find(connection, server_id)
            return None if domain is None else power.STATES.get(domain.state()[0], "nostate")

        return await self._connection.call(look)

    async def known(self, server_id: str) -> bool:
        """Whether an event's domain is ours."""
        if server_id not in self._mine:
            await self._connection.call(lambda connection: self._find(connection, server_id))
        return self._mine.get(server_id, False)

    async def start(self, job: Job, server_id: str, xml: str) -> None:
        """Define it anew and start it; a running one is left as it is. Raises what libvirt refuses; job.Stopped."""

        def work(connection: Any) -> None:
            domain = self._find(connection, server_id)
            if domain is not None and domain.isActive() and self._is_settled(job, domain):
                return
            strays.end(server_id)
            job.check()
            domain = connection.defineXML(xml)
            self._mine[server_id] = True
            job.check()
            domain.create()

        await self._connection.call(work)

    async def shut_down(self, job: Job, server_id: str) -> None:
        """Ask the guest to power off (ACPI). Nothing happens when it is off."""

        def work(connection: Any) -> None:
            domain = self._find(connection, server_id)
            if domain is not None and domain.isActive():
                job.check()
                self._unless_off(domain, domain.shutdown)

        await self._connection.call(work)

    async def power_off(self, job: Job, server_id: str) -> None:
        """Take its power. Nothing happens when it is off."""

        def work(connection: Any) -> None:
            domain = self._find(connection, server_id)
            if domain is None or not domain.isActive():
                strays.end(server_id)
                return
            job.check()
            self._unless_off(domain, lambda: self._destroy(domain))

        await self._connection.call(work)

    async def undefine(self, job: Job, server_id: str) -> None:
        """Forget the domain with all libvirt keeps of it. It must be off."""

        def work(connection: Any) -> None:
            libvirt = binding()
            domain = self._find(connection, server_id)
            if domain is not None:
                job.check()
                domain.undefineFlags(
                    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
                    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
                )
            self._mine.pop(server_id, None)

        await self._connection.call(work)

    async def statistics(self, server_id: str) -> tuple[PowerState, dict[str, Any]]:
        """Everything libvirt counts, by its own names. Raises GuestNotFound."""

        def work(connection: Any) -> tuple[PowerState, dict[str, Any]]:
            domain = self._find(connection, server_id)
            if domain is None:
                raise GuestNotFound(server_id=server_id)
            ((_, found),) = connection.domainListGetStats([domain])
            return power.STATES.get(found["state.state"], "nostate"), found

        return await self._connection.call(work)

    # ---- in libvirt's threads ----

    def _powers(self, connection: Any) -> dict[str, PowerState]:
        libvirt = binding()
        found: dict[str, PowerState] = {}
        for domain, facts in connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE):
            server_id = domain.UUIDString()
            if self._is_mine(domain, server_id):
                found[server_id] = power.STATES.get(facts.get("state.state", 0), "nostate")
        for server_id in self._mine.keys() - found.keys():
            self._mine.pop(server_id, None)
        return found

    def _find(self, connection: Any, server_id: str) -> Any:
        libvirt = binding()
        try:
            domain = connection.lookupByUUIDString(server_id)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            self._mine.pop(server_id, None)
            return None
        if not self._is_mine(domain, server_id):
            raise HypervisorRefused(reason="another domain has the server's id", details=domain.name())
        return domain

    def _is_mine(self, domain: Any, server_id: str) -> bool:
        known = self._mine.get(server_id)
        if known is None:
            known = self._mine[server_id] = self._marked(domain)
        return known

    def _marked(self, domain: Any) -> bool:
        libvirt = binding()
        try:
            return host_of(domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, MARK)) == self._host_id
        except libvirt.libvirtError as error:
            if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN_METADATA, libvirt.VIR_ERR_NO_DOMAIN):
                return False
            raise

    def _is_settled(self, job: Job, domain: Any) -> bool:
        """Whether a domain that counts as active really runs. After a kill of libvirtd the next one first takes each
        guest for running, looks, and ends those whose start was cut short; one it did not end may wait for good."""
        libvirt = binding()
        try:
            # Needs the guest's monitor, so it waits until that look is over.
            domain.memoryStats()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                raise
            return False
        if domain.state()[:2] == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP]:
            job.check()
            self._unless_off(domain, lambda: self._destroy(domain))
        return bool(domain.isActive())

    def _destroy(self, domain: Any) -> None:
        libvirt = binding()
        try:
            # TERM first, so that disks are flushed.
            domain.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL)
        except libvirt.libvirtError as error:
            if error.get_error_code() not in (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_OPERATION_FAILED):
                raise
            domain.destroy()

    def _unless_off(self, domain: Any, work: Callable[[], Any]) -> None:
        """The guest may go off by itself between the look and the call."""
        libvirt = binding()
        try:
            work()
        except libvirt.libvirtError as error:
            if error.get_error_code() not in (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN):
                raise
            if domain.isActive():
                raise translate(libvirt, error) from error
