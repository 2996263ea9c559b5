"""What tells whose a domain is: to the guest by SMBIOS, to operators and to us by the domain's metadata."""

import xml.etree.ElementTree as ElementTree

import unkai
from unkai.contracts.guest import Guest
from unkai.kernel.clock import parse
from unkai.node.libvirt.host import Host
from unkai.node.libvirt.xml import Element, add

__all__ = ["MARK", "add_metadata", "add_sysinfo", "host_of"]

# The XML namespace by which a domain is known to be ours.
MARK = "urn:unkai:guest:1"
_NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"


def host_of(mark: str) -> str | None:
    """The id of the host that made the domain, from what libvirt returns for the namespace MARK."""
    try:
        return ElementTree.fromstring(mark).get("host")  # noqa: S314  written by us, kept by libvirt
    except ElementTree.ParseError:
        return None


def add_metadata(domain: Element, guest: Guest, host: Host) -> None:
    """Tools that read upstream's description of an instance find it; ours has the two ids that we go by."""
    metadata = add(domain, "metadata")
    add(metadata, "unkai:guest", **{"xmlns:unkai": MARK, "host": host.host_id, "server": guest.server_id})
    instance = add(metadata, "nova:instance", **{"xmlns:nova": _NOVA})
    add(instance, "nova:package", version=unkai.__version__)
    add(instance, "nova:name", guest.display_name)
    if guest.created:
        add(instance, "nova:creationTime", parse(guest.created).strftime("%Y-%m-%d %H:%M:%S"))
    _add_flavor(instance, guest)
    owner = add(instance, "nova:owner")
    add(owner, "nova:user", guest.user_name, uuid=guest.user_id)
    add(owner, "nova:project", guest.project_name, uuid=guest.project_id)
    for disk in guest.disks:
        if disk.role == "root" and disk.image is not None:
            add(instance, "nova:root", type="image", uuid=disk.image.image_id)
    ports = add(instance, "nova:ports")
    for card in guest.interfaces:
        port = add(ports, "nova:port", uuid=card.port_id)
        for address in card.addresses:
            add(port, "nova:ip", type="fixed", address=address.address, ipVersion=address.version)


def _add_flavor(instance: Element, guest: Guest) -> None:
    sizes = {
        role: sum(disk.size for disk in guest.disks if disk.role == role) for role in ("root", "swap", "ephemeral")
    }
    flavor = add(instance, "nova:flavor", name=guest.flavor_name)
    add(flavor, "nova:memory", guest.memory_mb)
    add(flavor, "nova:disk", sizes["root"] >> 30)
    add(flavor, "nova:swap", sizes["swap"] >> 20)
    add(flavor, "nova:ephemeral", sizes["ephemeral"] >> 30)
    add(flavor, "nova:vcpus", guest.vcpus)


def add_sysinfo(domain: Element, guest: Guest, host: Host) -> None:
    """cloud-init's first look is at the product's name: without it, it switches itself off."""
    system = add(add(domain, "sysinfo", type="smbios"), "system")
    serial = {"unique": guest.server_id, "host": host.host_id}.get(host.serial)
    entries = {
        "manufacturer": "OpenStack Foundation",
        "product": "OpenStack Compute",
        "version": unkai.__version__,
        "serial": serial,
        "uuid": guest.server_id,
        "family": "Virtual Machine",
    }
    for name, value in entries.items():
        if value is not None:
            add(system, "entry", value, name=name)
