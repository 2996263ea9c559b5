"""What a guest's hardware shall be, from the flavor's extra specs and the image's properties.

In general the image wins over the flavor (FLV-008), but a flavor's limits bind the image: an image that asks for
more is refused when the server is created, not on the host.
"""

from collections.abc import Mapping
from math import isqrt

import msgspec

from unkai.compute.errors import CannotCreate
from unkai.compute.words import words
from unkai.contracts.guest import Hardware

_MANY = 65536
_TRUE = frozenset(("1", "t", "true", "on", "y", "yes"))
_ARCHITECTURES = frozenset(
    words("""
        aarch64 alpha armv6 armv7l armv7b cris i686 ia64 lm32 m68k microblaze microblazeel mips mipsel mips64 mips64el
        openrisc parisc parisc64 ppc ppcle ppc64 ppc64le ppcemb riscv64 s390 s390x sh4 sh4eb sparc sparc64 unicore32
        x86_64 xtensa xtensaeb amd64 i386 x64 x86_32
    """)
)
_WATCHDOG = ("none", "pause", "poweroff", "reset", "disabled")
_FIRMWARE = ("bios", "uefi")


class Topology(msgspec.Struct, frozen=True):
    sockets: int
    cores: int
    threads: int


def truth(value: str | None, default: bool) -> bool:
    return default if value is None else value.strip().lower() in _TRUE


def check(vcpus: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> None:
    """Refuse what contradicts itself before anything is made. Raises CannotCreate."""
    resolve(vcpus, specs, properties)
    architecture = properties.get("hw_architecture") or properties.get("architecture")
    if architecture and architecture.lower() not in _ARCHITECTURES:
        raise CannotCreate(reason=f"Architecture name '{architecture}' is not recognised")


def resolve(vcpus: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> Hardware:
    """The hardware without kernel and ramdisk. Raises CannotCreate."""
    topology = _topology(vcpus, specs, properties)
    watchdog = _one_of("hw_watchdog_action", properties.get("hw_watchdog_action") or specs.get("hw:watchdog_action"),
                       _WATCHDOG)  # fmt: skip
    firmware = _one_of("hw_firmware_type", properties.get("hw_firmware_type"), _FIRMWARE)
    return Hardware(
        machine=properties.get("hw_machine_type"),
        sockets=topology.sockets if topology else None,
        cores=topology.cores if topology else None,
        threads=topology.threads if topology else None,
        firmware="uefi" if firmware == "uefi" else "bios" if firmware == "bios" else None,
        video_model=properties.get("hw_video_model"),
        rng=truth(specs.get("hw_rng:allowed"), True),
        guest_agent=truth(properties.get("hw_qemu_guest_agent"), False),
        watchdog_action=None if watchdog in (None, "disabled") else watchdog,
        pointer_model=properties.get("hw_pointer_model"),
        boot_menu=truth(properties.get("hw_boot_menu") or specs.get("hw:boot_menu"), False),
        kernel_command_line=properties.get("os_command_line"),
        scsi_model=properties.get("hw_scsi_model"),
    )


def disk_bus(properties: Mapping[str, str]) -> str:
    """Raises CannotCreate."""
    return _one_of("hw_disk_bus", properties.get("hw_disk_bus"), ("virtio", "scsi", "sata", "ide", "usb")) or "virtio"


def _one_of(name: str, value: str | None, choices: tuple[str, ...]) -> str | None:
    if value is not None and value not in choices:
        raise CannotCreate(reason=f"Image property {name}='{value}' is not one of: {', '.join(choices)}")
    return value


def _number(source: Mapping[str, str], key: str, default: int) -> int:
    text = source.get(key)
    if text is None:
        return default
    if not text.strip().isdigit() or int(text) < 1:
        raise CannotCreate(reason=f"{key}='{text}' is not a positive integer")
    return int(text)


_PARTS = ("sockets", "cores", "threads")


def _topology(vcpus: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> Topology | None:
    """FLV-029 to FLV-034: limits and preferences of the flavor, within them those of the image.

    None when nobody asks for anything: then the host decides.
    """
    asked = [key for key in (*specs, *properties) if key.removeprefix("hw:cpu_").removeprefix("hw_cpu_") in _KEYS]
    if not asked:
        return None
    limits: list[int] = []
    wishes: list[int] = []
    image_may_wish = not any(f"hw:cpu_{part}" in specs for part in _PARTS)
    for part in _PARTS:
        limit = _number(specs, f"hw:cpu_max_{part}", _MANY)
        wanted = _number(properties, f"hw_cpu_max_{part}", limit)
        if wanted > limit:
            raise CannotCreate(
                reason=f"Image vCPU limits exceed the flavor's: {part} {wanted}, at most {limit} are permitted"
            )
        wish = _number(properties, f"hw_cpu_{part}", 0) if image_may_wish else _number(specs, f"hw:cpu_{part}", 0)
        if wish > wanted:
            raise CannotCreate(
                reason=f"Image vCPU topology exceeds the limits: {part} {wish}, at most {wanted} are permitted"
            )
        limits.append(wanted)
        wishes.append(wish)
    return _fit(vcpus, limits, wishes)


_KEYS = frozenset([*_PARTS, *(f"max_{part}" for part in _PARTS)])


def _fit(vcpus: int, limits: list[int], wishes: list[int]) -> Topology:
    """The product must be the number of vCPUs; the more wishes it keeps, and then the more sockets, the better."""
    best: tuple[int, Topology] | None = None
    divisors = _divisors(vcpus)
    for sockets in (number for number in divisors if number <= limits[0]):
        for cores in (number for number in divisors if number <= limits[1]):
            threads, rest = divmod(vcpus, sockets * cores)
            if rest or not 1 <= threads <= limits[2]:
                continue
            found = Topology(sockets, cores, threads)
            kept = sum(1 for wish, have in zip(wishes, (sockets, cores, threads), strict=True) if wish == have)
            if best is None or kept > best[0]:
                best = (kept, found)
    if best is None:
        raise CannotCreate(reason=f"{vcpus} vCPUs cannot be arranged within the limits of sockets, cores and threads")
    return best[1]


def _divisors(number: int) -> list[int]:
    """Largest first."""
    small = [candidate for candidate in range(1, isqrt(number) + 1) if number % candidate == 0]
    return sorted({*small, *(number // candidate for candidate in small)}, reverse=True)
