"""A server's row as its host needs to know it: hardware, disks, interfaces, and what the guest may read."""

from collections.abc import Sequence
from typing import Any, Literal, cast

import msgspec

from unkai.compute import disks, hardware, model, names
from unkai.compute.server import Server, domain_name
from unkai.compute.settings import ApiOptions, ComputeOptions
from unkai.contracts.guest import Disk, Guest, GuestData, ImageRef, InjectedFile, Interface, PublicKey
from unkai.contracts.steps import Wanted
from unkai.image import service as images
from unkai.kernel.clock import iso_z
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.network import service as network
from unkai.network.service import Nic
from unkai.nodes import service as nodes

_GIB, _MIB = 1024**3, 1024**2
_CONFIG_DRIVE_SIZE = 64 * _MIB
Bus = Literal["virtio", "scsi", "ide", "sata", "usb"]


class Surroundings(msgspec.Struct, frozen=True):
    """Other rooms' facts about a server: its interfaces for the host, and as the API knows them."""

    interfaces: list[Interface] = []
    nics: list[Nic] = []
    zone: str = ""


def surroundings(tx: Tx, kit: Kit, servers: Sequence[Server]) -> dict[str, Surroundings]:
    """For many servers in a constant number of statements."""
    ids = [server.id for server in servers]
    interfaces = network.interfaces_by_servers(tx, ids)
    nics = network.nics_by_servers(tx, ids)
    zones = {host.host: host.zone for host in nodes.hosts(tx, kit)} if servers else {}
    return {
        server.id: Surroundings(
            interfaces=interfaces.get(server.id, []),
            nics=nics.get(server.id, []),
            zone=zones.get(server.host or "", server.zone or server.requested_zone or ""),
        )
        for server in servers
    }


def guest(tx: Tx, kit: Kit, server: Server, around: Surroundings) -> Guest:
    """What the host needs to define the domain. The host must be known: images are opened to it by capability."""
    assert server.host is not None
    image = server.image
    chosen = hardware.resolve(server.vcpus, server.flavor.extra_specs, image.properties)
    if server.kernel_id is not None:
        kernel = _image_ref(tx, kit, server.kernel_id, server.host)
        ramdisk = None if server.ramdisk_id is None else _image_ref(tx, kit, server.ramdisk_id, server.host)
        chosen = msgspec.structs.replace(chosen, kernel=kernel, ramdisk=ramdisk)
    return Guest(
        server_id=server.id,
        name=domain_name(kit.settings[ComputeOptions].instance_name_template, server),
        display_name=server.name,
        project_id=server.project_id,
        project_name=server.project_name,
        user_id=server.user_id,
        user_name=server.user_name,
        flavor_name=server.flavor.name,
        vcpus=server.vcpus,
        memory_mb=server.memory_mb,
        disks=_disks(kit, server),
        interfaces=_interfaces(server, around),
        hardware=chosen,
        config_drive=server.config_drive,
        created=iso_z(server.created_at) or "",
    )


def _image_ref(tx: Tx, kit: Kit, image_id: str, host: str) -> ImageRef:
    found = images.images_by_ids(tx, [image_id]).get(image_id)
    return ImageRef(
        image_id=image_id,
        disk_format="" if found is None else found.disk_format or "",
        container_format="" if found is None else found.container_format or "",
        size=0 if found is None else found.size or 0,
        hash_algo="" if found is None else found.os_hash_algo or "",
        hash_value="" if found is None else found.os_hash_value or "",
        capability=nodes.image_capability(kit, image_id, host),
    )


def _root_image(kit: Kit, server: Server) -> ImageRef:
    assert server.image_id is not None and server.host is not None
    image = server.image
    return ImageRef(
        image_id=server.image_id,
        disk_format=image.disk_format,
        container_format=image.container_format,
        size=image.size,
        hash_algo=image.hash_algo,
        hash_value=image.hash_value,
        capability=nodes.image_capability(kit, server.image_id, server.host),
        properties=image.properties,
    )


def _disks(kit: Kit, server: Server) -> list[Disk]:
    bus = cast(Bus, hardware.disk_bus(server.image.properties))
    letters = disks.names(bus, len(server.disks) + 2)
    found = [
        Disk(
            role="root",
            device=letters[0],
            bus=bus,
            size=server.flavor.root_gb * _GIB,
            image=_root_image(kit, server),
            boot_index=0,
        )
    ]
    for number, (local, device) in enumerate(zip(server.disks, letters[1:], strict=False)):
        if local.role == "swap":
            found.append(Disk(role="swap", device=device, bus=bus, size=local.size * _MIB, format="swap"))
        else:
            label = f"ephemeral{number}"
            found.append(
                Disk(
                    role="ephemeral", device=device, bus=bus, size=local.size * _GIB, format=local.format, label=label
                )
            )
    if server.config_drive:
        found.append(
            Disk(
                role="config",
                device="sda" if bus == "virtio" else letters[len(server.disks) + 1],
                bus="sata",
                size=_CONFIG_DRIVE_SIZE,
                device_type="cdrom",
                label="config-2",
            )
        )
    return found


def _interfaces(server: Server, around: Surroundings) -> list[Interface]:
    model_name = server.image.properties.get("hw_vif_model")
    if model_name is None:
        return around.interfaces
    return [msgspec.structs.replace(interface, model=model_name) for interface in around.interfaces]


def guest_data(kit: Kit, server: Server, around: Surroundings, *, first_boot: bool = False) -> GuestData:
    """What the guest may read about itself. Password and files travel with the first boot only."""
    fixed = [address for nic in around.nics for address in nic.fixed_ips if address.version == 4]
    floating = [address for nic in around.nics for address in nic.floating_ips if "." in address]
    return GuestData(
        server_id=server.id,
        revision=server.revision,
        hostname=_qualified(kit, server.hostname),
        name=server.name,
        project_id=server.project_id,
        availability_zone=around.zone,
        launch_index=server.launch_index,
        reservation_id=server.reservation_id,
        instance_type=server.flavor.name,
        image_id=server.image_id or "",
        ami_id=names.ec2_image("ami", server.image.number),
        ec2_id=server.domain_number,
        security_groups=list(dict.fromkeys(name for nic in around.nics for name in nic.security_groups)),
        meta=server.metadata,
        keys=_keys(server),
        user_data=server.user_data,
        admin_password=server.admin_password if first_boot else None,
        local_ipv4=fixed[0].ip_address if fixed else "",
        public_ipv4=floating[0] if floating else "",
        random_seed="",
        devices=_tagged(server, around),
        files=[InjectedFile(file.path, file.contents) for file in server.files],
    )


def _qualified(kit: Kit, hostname: str) -> str:
    """A host name with [api] dhcp_domain, unless it has a domain of its own (2.94)."""
    domain = kit.settings[ApiOptions].dhcp_domain
    return hostname if not domain or "." in hostname else f"{hostname}.{domain}"


def _keys(server: Server) -> list[PublicKey]:
    if server.key is None:
        return []
    kind: Literal["ssh", "x509"] = "x509" if server.key.type == "x509" else "ssh"
    return [PublicKey(server.key.name, server.key.public_key, kind)]


def _tagged(server: Server, around: Surroundings) -> list[dict[str, Any]]:
    """Disks and interfaces with a tag, for the guest to find them by."""
    bus = hardware.disk_bus(server.image.properties)
    letters = disks.names(bus, len(server.disks) + 1)
    found: list[dict[str, Any]] = [
        {"type": "nic", "bus": "pci", "mac": interface.mac, "tags": [server.nic_tags[interface.port_id]]}
        for interface in around.interfaces
        if interface.port_id in server.nic_tags
    ]
    for local, device in zip(server.disks, letters[1:], strict=False):
        if local.tag:
            found.append({"type": "disk", "bus": bus, "path": f"/dev/{device}", "tags": [local.tag]})
    return found


def wanted_on(tx: Tx, kit: Kit, servers: Sequence[Server], busy: set[str]) -> list[Wanted]:
    """The guests that belong on a host, as its agent compares them with what it finds."""
    around = surroundings(tx, kit, servers)
    found = []
    for server in servers:
        power: Literal["running", "shutdown", "any"] = "any"
        if server.task_state is None and server.vm_state in (model.ACTIVE, model.STOPPED):
            power = "running" if server.vm_state == model.ACTIVE else "shutdown"
        found.append(
            Wanted(
                guest=guest(tx, kit, server, around[server.id]),
                data=guest_data(kit, server, around[server.id]),
                power=power,
                busy=server.id in busy or server.task_state is not None,
            )
        )
    return found
