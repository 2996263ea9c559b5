"""A server as the room's services and views see it: its row, frozen."""

import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec

from unkai.compute import model


class Fault(msgspec.Struct, frozen=True):
    """Why something went wrong with a server. `details` are for administrators (and for codes other than 500)."""

    code: int
    message: str
    created: datetime
    details: str = ""


class FlavorCopy(msgspec.Struct, frozen=True, kw_only=True):
    """The flavor as it was when the server was made: it may be changed or deleted afterwards."""

    flavor_id: str
    name: str
    vcpus: int
    memory_mb: int
    root_gb: int
    ephemeral_gb: int
    swap_mb: int
    extra_specs: dict[str, str] = {}


class ImageCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What a server keeps of its image. `number` is what EC2 ids are made of; sizes are bytes."""

    name: str = ""
    disk_format: str = ""
    container_format: str = ""
    size: int = 0
    hash_algo: str = ""
    hash_value: str = ""
    min_disk: int = 0
    min_ram: int = 0
    properties: dict[str, str] = {}
    number: int = 0


class LocalDisk(msgspec.Struct, frozen=True):
    """A local disk besides the root one. `size` is GiB for ephemeral disks, MiB for swap."""

    role: Literal["ephemeral", "swap"]
    size: int
    format: str | None = None
    device: str | None = None
    tag: str | None = None


class KeyCopy(msgspec.Struct, frozen=True):
    name: str
    type: str
    public_key: str


class File(msgspec.Struct, frozen=True):
    """A file of the user's for the config drive; `contents` is base64."""

    path: str
    contents: str


class Destination(msgspec.Struct, frozen=True):
    """Where an administrator wants a server: `forced` passes the filters by."""

    host: str | None = None
    node: str | None = None
    forced: bool = False


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `compute_servers` with its tags. `seq` is the number in the guest's name."""

    seq: int = 0
    id: str
    project_id: str
    user_id: str
    project_name: str = ""
    user_name: str = ""
    name: str
    description: str | None = None
    hostname: str
    vm_state: str = model.BUILDING
    task_state: str | None = model.SCHEDULING
    power_state: int = 0
    progress: int = 0
    locked_by: str | None = None
    locked_reason: str | None = None
    fault: Fault | None = None
    host: str | None = None
    node: str | None = None
    host_id: str | None = None
    zone: str | None = None
    requested_zone: str | None = None
    destination: Destination | None = None
    hints: dict[str, Any] = {}
    group_id: str | None = None
    flavor_id: str
    flavor: FlavorCopy
    image_id: str | None = None
    image: ImageCopy = ImageCopy()
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    disks: list[LocalDisk] = []
    root_device: str | None = None
    key_name: str | None = None
    key: KeyCopy | None = None
    user_data: str | None = None
    config_drive: bool = False
    auto_disk_config: bool = False
    files: list[File] = []
    metadata: dict[str, str] = {}
    revision: int = 1
    admin_password: str | None = None
    posted_password: str = ""
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    reservation_id: str
    launch_index: int = 0
    vcpus: int
    memory_mb: int
    disk_gb: int = 0
    nic_tags: dict[str, str] = {}
    created_at: datetime
    updated_at: datetime
    launched_at: datetime | None = None
    terminated_at: datetime | None = None
    deleted_at: datetime | None = None
    deleted: bool = False
    tags: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        return model.status(self.vm_state, self.task_state, self.deleted)

    @property
    def shown_host_id(self) -> str:
        """The host as its project may know it: the same for two of its servers on one host, and nothing more."""
        if not self.host:
            return ""
        return hashlib.sha224((self.project_id + self.host).encode()).hexdigest()

    @property
    def domain_number(self) -> str:
        return f"i-{self.seq:08x}"


def domain_name(template: str, server: Server) -> str:
    """The guest's name on its host, by [DEFAULT] instance_name_template.

    A template that the number does not fit is taken with the server's own fields, as upstream does.
    """
    try:
        return template % server.seq
    except TypeError:
        return template % {"uuid": server.id, "id": server.seq, "name": server.name, "hostname": server.hostname}
