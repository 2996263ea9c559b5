"""The driver of a real host: files, plugs, metadata and a domain for each guest."""

import asyncio
import os
import pwd
from collections.abc import Collection, Mapping
from typing import Literal

from unkai.contracts.guest import Guest, GuestData, PowerState
from unkai.contracts.reports import HostReport
from unkai.kernel import clock
from unkai.kernel.settings import Settings
from unkai.node.driver import BelievedPower, Driver, PowerListener
from unkai.node.errors import GuestNotFound, GuestNotRunning, HypervisorUnavailable, NetworkPlugFailed
from unkai.node.job import Job, Undo, undoing_on_failure
from unkai.node.libvirt import consoles, power
from unkai.node.libvirt.connection import Connection
from unkai.node.libvirt.diagnostics import diagnostics
from unkai.node.libvirt.domain_xml import domain_xml
from unkai.node.libvirt.domains import Domains
from unkai.node.libvirt.events import PowerEvents
from unkai.node.libvirt.facts import HostFacts
from unkai.node.metadata.service import Metadata, proxy_child
from unkai.node.metadata.source import load_vendor_data
from unkai.node.ports.plugs import Plugs
from unkai.node.ports.switch import Switch
from unkai.node.records import Records
from unkai.node.settings import Api, Default, ImageCache, Libvirt, Ovn, Paths
from unkai.node.storage import tool
from unkai.node.storage.guest_files import Choices, GuestFiles
from unkai.node.storage.images import Fetch
from unkai.node.storage.images import ImageCache as BaseImages

__all__ = ["LibvirtDriver", "build"]

# A guest that is still booting misses the first request to power off. Upstream's pause.
_ASK_AGAIN = 10.0
_LOOK_AGAIN = 0.5
_SOCKET_LIMIT = 107  # bytes of sun_path, without the final zero


class LibvirtDriver(Driver):
    """Put together by `build`. What it knows between calls it could learn again from the host."""

    name = "libvirt"

    def __init__(
        self,
        where: Paths,
        facts: HostFacts,
        files: GuestFiles,
        bases: BaseImages,
        base_age: float | None,
        domains: Domains,
        switch: Switch,
        plugs: Plugs,
        metadata: Metadata,
        records: Records,
    ) -> None:
        self._where = where
        self._facts = facts
        self._files = files
        self._bases = bases
        self._base_age = base_age
        self._domains = domains
        self._switch = switch
        self._plugs = plugs
        self._metadata = metadata
        self._records = records
        self._events = PowerEvents(domains, facts.forget)

    # ---- the host ----

    async def open(self, on_power: PowerListener) -> None:
        self._events.open(on_power)
        await asyncio.to_thread(_make_folders, self._where)
        await self._metadata.open()

    async def close(self) -> None:
        await self._events.close()
        await self._metadata.close()
        await self._domains.close()
        self._switch.close()

    async def report(self) -> HostReport:
        records = await asyncio.to_thread(self._records.all)
        return await self._facts.report([record.guest for record in records.values()])

    async def load(self) -> float:
        return os.getloadavg()[0]

    async def uptime(self) -> str:
        return (await tool.run(["uptime"])).rstrip("\n")

    async def guests(self) -> dict[str, PowerState]:
        return await self._domains.powers()

    async def traces(self) -> set[str]:
        found = set(await self._domains.powers())
        try:
            found |= await self._plugs.servers()
        except NetworkPlugFailed as error:
            raise HypervisorUnavailable(details=error.details) from error
        return found | await asyncio.to_thread(lambda: self._files.servers() | self._records.servers())

    async def tidy(self, used_images: Collection[str]) -> None:
        await asyncio.to_thread(self._files.tidy)
        records = await asyncio.to_thread(self._records.all)
        here = {disk.image.image_id for record in records.values() for disk in record.guest.disks if disk.image}
        await self._bases.prune({*used_images, *here}, self._base_age)
        await self._metadata.collect()

    # ---- a guest's life ----

    async def create(self, job: Job, guest: Guest, data: GuestData) -> dict[str, object]:
        server_id = guest.server_id
        # What an earlier attempt made is not this one's to undo: it may run already.
        defined = await self._domains.power(server_id) is not None
        told = await asyncio.to_thread(self._records.get, server_id) is not None
        async with undoing_on_failure(job) as undo:
            known = await self._facts.capabilities()
            await self._files.make(job, guest, data, known.qemu_owner, undo)
            if not told:
                undo.push(self._metadata.forget, server_id)
            await self._surround(job, guest, data, undo)
            if not defined:
                undo.push(self._forget_domain, job, server_id)
            job.tell("starting")
            await self._domains.start(job, server_id, await self._xml(guest))
        return {"power_state": "running", "virt_type": self._facts.virt_type}

    async def destroy(self, job: Job, server_id: str) -> None:
        await self._forget_domain(job, server_id)
        await self._plugs.unplug(job, server_id)
        job.check()
        await self._metadata.forget(server_id)
        await self._files.remove(job, server_id)

    async def start(self, job: Job, guest: Guest, data: GuestData) -> None:
        if not await self._files.complete(guest):
            raise GuestNotFound(server_id=guest.server_id)
        async with undoing_on_failure(job) as undo:
            await self._files.fetch_bases(job, guest)
            await self._surround(job, guest, data, undo)
            job.tell("starting")
            await self._domains.start(job, guest.server_id, await self._xml(guest))

    async def stop(self, job: Job, server_id: str, timeout: int) -> None:
        # A domain that somebody undefined is off; the guest is its disks.
        if await self._domains.power(server_id) is None and not await self._files.exists(server_id):
            raise GuestNotFound(server_id=server_id)
        if not await self._asked_off(job, server_id, timeout):
            await self._domains.power_off(job, server_id)
        # As upstream: the ports of a guest that is off are down.
        await self._plugs.unplug(job, server_id)

    async def reboot(self, job: Job, guest: Guest, data: GuestData, hard: bool, timeout: int) -> None:
        if not await self._files.complete(guest):
            raise GuestNotFound(server_id=guest.server_id)
        if hard or not await self._asked_off(job, guest.server_id, timeout):
            await self._domains.power_off(job, guest.server_id)
        await self.start(job, guest, data)

    async def adopt(self, guest: Guest, data: GuestData, believed: BelievedPower) -> None:
        if power.on(await self._domains.power(guest.server_id) or "nostate"):
            await self._surround(Job.unleased(guest.server_id), guest, data)
        else:
            await asyncio.to_thread(self._records.put, guest, data)

    async def refresh(self, data: GuestData) -> None:
        await self._metadata.refresh(data)

    # ---- questions ----

    async def console_output(self, server_id: str, length: int | None) -> str:
        if not await self._files.exists(server_id):
            raise GuestNotFound(server_id=server_id)
        log = consoles.console_log(self._files.folder(server_id))
        return await asyncio.to_thread(consoles.read_log, log, length)

    async def diagnostics(self, server_id: str) -> Mapping[str, object]:
        record = await asyncio.to_thread(self._records.get, server_id)
        state, statistics = await self._domains.statistics(server_id)
        if record is None:
            raise GuestNotFound(server_id=server_id)
        if not power.on(state):
            raise GuestNotRunning(server_id=server_id)
        born = clock.parse(record.guest.created) if record.guest.created else clock.utcnow()
        uptime = int((clock.utcnow() - born).total_seconds())
        return diagnostics(record.guest, state, statistics, self._facts.virt_type, uptime)

    async def password(self, server_id: str) -> str:
        return await asyncio.to_thread(self._metadata.password, server_id)

    # ---- parts of the verbs ----

    async def _surround(self, job: Job, guest: Guest, data: GuestData, undo: Undo | None = None) -> None:
        """What must be there besides files and domain: answers for its questions, plugs for its cards."""
        job.check()
        try:
            await self._metadata.serve(guest, data)
        except OSError as error:
            raise NetworkPlugFailed(reason="its metadata cannot be kept", details=str(error)) from error
        await self._plugs.plug(job, guest, undo)

    async def _forget_domain(self, job: Job, server_id: str) -> None:
        await self._domains.power_off(job, server_id)
        await self._domains.undefine(job, server_id)

    async def _asked_off(self, job: Job, server_id: str, timeout: int) -> bool:
        """Whether the guest is off, by its own doing, within `timeout` seconds."""
        until = clock.monotonic() + timeout
        asked = 0.0
        while power.on(await self._domains.power(server_id) or "nostate"):
            now = clock.monotonic()
            if now >= until:
                return False
            if now - asked >= _ASK_AGAIN:
                asked = now
                await self._domains.shut_down(job, server_id)
            job.tell("waiting for the guest to power off", int(timeout - (until - now)), timeout)
            await job.sleep(min(_LOOK_AGAIN, until - now))
        return True

    async def _xml(self, guest: Guest) -> str:
        folder, files = self._files.folder(guest.server_id), self._files.files(guest)
        return domain_xml(guest, await self._facts.for_domains(), folder, files, await self._files.backing(guest))


def _make_folders(where: Paths) -> None:
    # QEMU's user passes through on its way to a guest's disks; it can list nothing.
    for folder in where.state, where.instances, where.base:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)


def build(
    settings: Settings, where: Paths, host_id: str, virt_type: Literal["kvm", "qemu"], fetch: Fetch
) -> LibvirtDriver:
    """The driver with its parts. `fetch` opens an image's stored bytes at the control plane.

    Raises ValueError for a user that does not exist, or when the guests' sockets would have names that are too long.
    """
    if len(os.fsencode(consoles.vnc_socket(where.guest("0" * 36)))) > _SOCKET_LIMIT:
        raise ValueError(f"{where.instances} is too long: sockets below it must fit into {_SOCKET_LIMIT} bytes")
    common, hypervisor, network = settings[Default], settings[Libvirt], settings[Ovn]
    vendor = settings[Api].vendordata_jsonfile_path
    user = common.metadata_proxy_user
    try:
        pwd.getpwnam(user or "root")
    except KeyError:
        raise ValueError(f"[DEFAULT] metadata_proxy_user: there is no user {user}") from None
    bases = BaseImages(where.base, fetch, raw=common.force_raw_images)
    choices = Choices(
        images_type=hypervisor.images_type,
        preallocate=common.preallocate_images == "space",
        drive_format=common.config_drive_format,
        mkisofs=common.mkisofs_cmd,
        skip_versions=settings[Api].config_drive_skip_versions,
        vendor=lambda: load_vendor_data(vendor),
    )
    records = Records(where.state / "guests")
    domains = Domains(Connection(hypervisor.connection_uri), host_id)
    switch = Switch(network.ovsdb_connection, network.integration_bridge)
    proxy = proxy_child(where.metadata, where.children, user, vendor)
    aged = settings[ImageCache]
    return LibvirtDriver(
        where,
        facts=HostFacts(settings, host_id, virt_type, where.instances, domains, switch),
        files=GuestFiles(where.instances, bases, host_id, choices),
        bases=bases,
        base_age=aged.remove_unused_original_minimum_age_seconds if aged.remove_unused_base_images else None,
        domains=domains,
        switch=switch,
        plugs=Plugs(switch, host_id),
        metadata=Metadata(where.metadata, proxy, user, records, switch, host_id),
        records=records,
    )
