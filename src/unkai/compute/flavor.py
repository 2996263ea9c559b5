"""A flavor: how much of everything a server gets."""

from datetime import datetime

import msgspec


class Flavor(msgspec.Struct, frozen=True, kw_only=True):
    """`flavor_id` is what the API calls its id, `id` the row's number. Sizes: MiB of memory and swap, GiB of disks."""

    id: int = 0
    flavor_id: str
    name: str
    vcpus: int
    memory_mb: int
    root_gb: int
    ephemeral_gb: int = 0
    swap_mb: int = 0
    rxtx_factor: float = 1.0
    is_public: bool = True
    disabled: bool = False
    description: str | None = None
    extra_specs: dict[str, str] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None


# FLV-002 to FLV-006: the five flavors of a new cloud, under the ids that the guide's examples use.
DEFAULTS = (
    Flavor(flavor_id="1", name="m1.tiny", vcpus=1, memory_mb=512, root_gb=1),
    Flavor(flavor_id="2", name="m1.small", vcpus=1, memory_mb=2048, root_gb=20),
    Flavor(flavor_id="3", name="m1.medium", vcpus=2, memory_mb=4096, root_gb=40),
    Flavor(flavor_id="4", name="m1.large", vcpus=4, memory_mb=8192, root_gb=80),
    Flavor(flavor_id="5", name="m1.xlarge", vcpus=8, memory_mb=16384, root_gb=160),
)
