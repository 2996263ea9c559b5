"""What the driver must know of its host to describe it and to describe domains, asked once and kept while it holds."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from unkai.contracts.guest import Guest
from unkai.contracts.reports import HostReport
from unkai.kernel.log import get
from unkai.kernel.settings import Settings
from unkai.node.errors import NetworkPlugFailed
from unkai.node.libvirt.domains import Domains
from unkai.node.libvirt.host import Host, from_settings
from unkai.node.libvirt.inventory import Capabilities, inventory, read_capabilities
from unkai.node.ports.switch import Switch
from unkai.node.settings import Default, Libvirt, Ovn, host_name
from unkai.node.storage.images import direct_io

__all__ = ["HostFacts"]

_log = get(__name__)


class HostFacts:
    """`instances` must exist when it is asked."""

    def __init__(
        self,
        settings: Settings,
        host_id: str,
        virt_type: Literal["kvm", "qemu"],
        instances: Path,
        domains: Domains,
        switch: Switch,
    ) -> None:
        self.virt_type = virt_type
        self._settings = settings
        self._host_id = host_id
        self._instances = instances
        self._domains = domains
        self._switch = switch
        self._capabilities: Capabilities | None = None
        self._direct_io: bool | None = None

    async def capabilities(self) -> Capabilities:
        """Raises HypervisorUnavailable."""
        if self._capabilities is None:
            machine = self._settings[Libvirt].hw_machine_type.get("x86_64")
            self._capabilities = await self._domains.ask(
                lambda connection: read_capabilities(connection, self.virt_type, machine)
            )
        return self._capabilities

    def forget(self) -> None:
        """It may be another libvirtd, or another QEMU under it."""
        self._capabilities = None

    async def for_domains(self) -> Host:
        """Raises NetworkPlugFailed."""
        if self._direct_io is None:
            self._direct_io = await asyncio.to_thread(direct_io, self._instances)
        chosen = self._settings[Ovn].datapath_type
        userspace = await self._switch.userspace() if chosen == "auto" else chosen == "netdev"
        return from_settings(
            self._settings, self._host_id, self.virt_type, direct_io=self._direct_io, userspace=userspace
        )

    async def report(self, guests: Sequence[Guest]) -> HostReport:
        """`guests` are those whose disks lie on this host. Raises HypervisorUnavailable."""
        known = await self.capabilities()
        return HostReport(
            host=host_name(self._settings),
            host_id=self._host_id,
            hypervisor_hostname=known.hostname,
            hypervisor_type="QEMU",
            hypervisor_version=known.version,
            driver="libvirt",
            host_ip=self._settings[Default].my_ip,
            cpu_info=known.cpu_info,
            inventory=await asyncio.to_thread(inventory, self._instances, guests, known.cells),
            traits=known.traits,
            virt_type=self.virt_type,
            supported=known.supported,
            chassis=await self._chassis(),
        )

    async def _chassis(self) -> str | None:
        try:
            return await self._switch.chassis()
        except NetworkPlugFailed as error:
            _log.warning("Open vSwitch does not answer yet", details=error.details)
            return None
