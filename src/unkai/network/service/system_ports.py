"""Ports that the system makes for itself: each network's metadata port, with an address in every DHCP subnet."""

from collections.abc import Iterable

import msgspec

from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.model import DISTRIBUTED, Port, Subnet
from unkai.network.service import addressing
from unkai.network.service.macs import new_mac
from unkai.network.settings import OvnOptions
from unkai.network.store import addresses, pending, ports


class SystemPort(msgspec.Struct, frozen=True, kw_only=True):
    """A port that no user made: nothing of it is checked against quotas or security groups."""

    network_id: str
    project_id: str = ""
    device_id: str
    device_owner: str
    name: str = ""
    mac_address: str | None = None


def insert(tx: Tx, kit: Kit, new: SystemPort) -> tuple[str, str]:
    """Insert the row without addresses. Returns its id and MAC."""
    id = new_uuid()
    mac = new.mac_address or new_mac(tx, kit.settings, new.network_id)
    ports.insert(
        tx,
        {
            "id": id,
            "project_id": new.project_id,
            "network_id": new.network_id,
            "name": new.name,
            "mac_address": mac,
            "admin_state_up": True,
            "status": "DOWN",
            "device_id": new.device_id,
            "device_owner": new.device_owner,
            "port_security_enabled": False,
            "host": "",
            "chassis": "",
            "vnic_type": "normal",
            "profile": {},
            "allowed_address_pairs": [],
            "extra_dhcp_opts": [],
            "owned_by_device": True,
            "position": 0,
        },
    )
    pending.note(tx, "port", [id])
    return id, mac


def make_metadata_port(tx: Tx, kit: Kit, network_id: str, project_id: str) -> None:
    """Hosts answer 169.254.169.254 for the network's guests at this port."""
    if not kit.settings[OvnOptions].ovn_metadata_enabled:
        return
    new = SystemPort(
        network_id=network_id, project_id=project_id, device_id=f"ovnmeta-{network_id}", device_owner=DISTRIBUTED
    )
    insert(tx, kit, new)


def metadata_port(tx: Tx, network_id: str) -> Port | None:
    return metadata_ports(tx, [network_id]).get(network_id)


def follow_subnet(tx: Tx, subnet: Subnet) -> None:
    """Give the metadata port an address in a subnet with DHCP, or take it back when DHCP was switched off.

    Raises IpAddressGenerationFailure when the subnet is full.
    """
    port = metadata_port(tx, subnet.network_id)
    if port is None or subnet.ip_version != 4:
        return
    held = [fixed for fixed in port.fixed_ips if fixed.subnet_id == subnet.id]
    if subnet.enable_dhcp and not held:
        given = addressing.pick(tx, subnet)
        if given is None:
            raise addressing.IpAddressGenerationFailure(id=subnet.network_id)
        addresses.insert(tx, port.id, [given], len(port.fixed_ips))
    elif held and not subnet.enable_dhcp:
        for fixed in held:
            addresses.take_back_one(tx, port.id, fixed)
    else:
        return
    ports.update(tx, port.id, {})
    pending.note(tx, "port", [port.id])


def metadata_ports(tx: Tx, network_ids: Iterable[str]) -> dict[str, Port]:
    """The metadata ports of networks, by network."""
    devices = {f"ovnmeta-{network_id}": network_id for network_id in network_ids}
    found = ports.by_devices(tx, Scope.system(), devices, DISTRIBUTED)
    return {devices[device]: of_network[0] for device, of_network in found.items() if of_network}
