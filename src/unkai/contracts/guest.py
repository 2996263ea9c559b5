"""A guest as its host needs to know it: hardware, disks, interfaces and what its metadata tells it.

The control plane renders these from its rows; a host turns `Guest` into a
domain and `GuestData` into a config drive and metadata answers. Sizes are
bytes unless the name says otherwise.
"""

from typing import Literal

import msgspec

PowerState = Literal["running", "paused", "shutdown", "crashed", "suspended", "nostate"]


class ImageRef(msgspec.Struct, frozen=True):
    """The image a disk starts from. `capability` opens exactly this image's data on the node channel."""

    image_id: str
    disk_format: str
    container_format: str
    size: int
    hash_algo: str
    hash_value: str
    capability: str
    properties: dict[str, str] = {}


class Disk(msgspec.Struct, frozen=True):
    """One disk of a guest, in boot order of the list it stands in.

    `device` is the name the guest is told (vda, sda, hda); `format` is what the
    file system on a blank ephemeral disk shall be (None: left unformatted).
    """

    role: Literal["root", "ephemeral", "swap", "config"]
    device: str
    bus: Literal["virtio", "scsi", "ide", "sata", "usb"]
    size: int
    device_type: Literal["disk", "cdrom"] = "disk"
    image: ImageRef | None = None
    format: str | None = None
    label: str | None = None
    boot_index: int | None = None


class Route(msgspec.Struct, frozen=True):
    destination: str
    nexthop: str


class FixedAddress(msgspec.Struct, frozen=True):
    """An address of an interface with what the subnet says about it (for network_data.json)."""

    address: str
    version: Literal[4, 6]
    prefix_length: int
    subnet_id: str
    gateway: str | None = None
    dns_servers: list[str] = []
    routes: list[Route] = []
    mode: Literal["dhcp", "static", "slaac", "dhcpv6-stateful", "dhcpv6-stateless"] = "dhcp"


class MetadataPort(msgspec.Struct, frozen=True):
    """The localport of a network in OVN (a logical switch port of type localport, named `port_id`) behind which
    each host answers 169.254.169.254. `addresses` carry the prefix length of their subnet ("10.0.0.2/24")."""

    port_id: str
    mac: str
    addresses: list[str]


class Interface(msgspec.Struct, frozen=True):
    """A network card, plugged into the integration bridge under the port's id.

    `metadata` is the same for every interface of one network; without it the network has no metadata service.
    """

    port_id: str
    network_id: str
    mac: str
    mtu: int
    model: str = "virtio"
    addresses: list[FixedAddress] = []
    metadata: MetadataPort | None = None


class Hardware(msgspec.Struct, frozen=True):
    """Choices that come from image properties and flavor extra specs, already resolved (image over flavor
    where upstream says so). None leaves the choice to the host."""

    machine: str | None = None
    cpu_mode: str | None = None
    cpu_model: str | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    firmware: Literal["bios", "uefi"] | None = None
    video_model: str | None = None
    rng: bool = True
    guest_agent: bool = False
    watchdog_action: str | None = None
    pointer_model: str | None = None
    boot_menu: bool = False
    kernel: ImageRef | None = None
    ramdisk: ImageRef | None = None
    kernel_command_line: str | None = None
    scsi_model: str | None = None


class Guest(msgspec.Struct, frozen=True):
    """Everything a host must know to define the domain of one server.

    `name` is the domain's name (instance-00000001 by instance_name_template);
    `server_id` is its UUID: whatever a host makes for it carries that id.
    """

    server_id: str
    name: str
    display_name: str
    project_id: str
    project_name: str
    user_id: str
    user_name: str
    flavor_name: str
    vcpus: int
    memory_mb: int
    disks: list[Disk]
    interfaces: list[Interface]
    hardware: Hardware = Hardware()
    config_drive: bool = False
    created: str = ""


class PublicKey(msgspec.Struct, frozen=True):
    name: str
    data: str
    type: Literal["ssh", "x509"] = "ssh"


class InjectedFile(msgspec.Struct, frozen=True):
    """A file of the user's for the config drive; `contents` is base64."""

    path: str
    contents: str


class GuestData(msgspec.Struct, frozen=True):
    """What the guest may read about itself by metadata service or config drive (OpenStack and EC2 layouts).

    `hostname` is what the guest shall call itself, with its domain if it has one.
    `user_data` is base64 as the API took it. `revision` grows with every change,
    so that an older rendering never replaces a newer one. `admin_password` and
    `files` go into the config drive only, never into the metadata service.
    """

    server_id: str
    revision: int
    hostname: str
    name: str
    project_id: str
    availability_zone: str
    launch_index: int
    reservation_id: str
    instance_type: str
    image_id: str
    ami_id: str
    ec2_id: str
    security_groups: list[str]
    meta: dict[str, str]
    keys: list[PublicKey] = []
    user_data: str | None = None
    admin_password: str | None = None
    local_ipv4: str = ""
    public_ipv4: str = ""
    random_seed: str = ""
    devices: list[dict[str, object]] = []
    files: list[InjectedFile] = []
