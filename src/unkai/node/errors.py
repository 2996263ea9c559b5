"""Why a step can fail on a host: stable codes, texts for the server's fault, and whether another host may do better.

A text goes to the server's owner, so it names nothing of the host's inside (paths, addresses, other guests);
`details` is for administrators.
"""

from typing import ClassVar

from unkai.contracts.steps import StepError


class StepFailed(Exception):
    """Base of the catalogue. `params` fill `text`."""

    code: ClassVar[str] = "host_error"
    text: ClassVar[str] = "The host has met an unexpected error."
    elsewhere: ClassVar[bool] = True

    def __init__(self, *, details: str = "", **params: object) -> None:
        self.params = params
        self.details = details
        super().__init__(self.message)

    @property
    def message(self) -> str:
        return self.text.format(**self.params)

    def report(self) -> StepError:
        return StepError(code=self.code, message=self.message, details=self.details, elsewhere=self.elsewhere)


class ImageUnavailable(StepFailed):
    code = "image_unavailable"
    text = "Image {image_id} could not be fetched: {reason}"


class ImageRefused(StepFailed):
    """The capability does not open the image (any more), or the image is gone."""

    code = "image_refused"
    text = "Image {image_id} is not available to this host."
    elsewhere = False


class ImageCorrupt(StepFailed):
    code = "image_corrupt"
    text = "Image {image_id} is not what was stored: its {algorithm} checksum differs."


class ImageUnacceptable(StepFailed):
    """Upstream: ImageUnacceptable. Content and declared format differ, or the content is unsafe."""

    code = "image_unacceptable"
    text = "Image {image_id} is unacceptable: {reason}"
    elsewhere = False


class FlavorDiskTooSmall(StepFailed):
    """Upstream: FlavorDiskSmallerThanImage."""

    code = "flavor_disk_too_small"
    text = (
        "Flavor's disk is too small for requested image. Flavor disk is {flavor_size} bytes, "
        "image is {image_size} bytes."
    )
    elsewhere = False


class DiskFull(StepFailed):
    code = "disk_full"
    text = "The host has no disk space left for {what}."


class DiskFailed(StepFailed):
    code = "disk_failed"
    text = "A disk of the server could not be made: {reason}"


class ConfigDriveFailed(StepFailed):
    code = "config_drive_failed"
    text = "The config drive could not be made: {reason}"


class NetworkPlugFailed(StepFailed):
    """Upstream: VirtualInterfaceCreateException."""

    code = "network_plug_failed"
    text = "Virtual Interface creation failed: {reason}"


class HypervisorUnavailable(StepFailed):
    code = "hypervisor_unavailable"
    text = "Connection to the hypervisor is broken on host."


class HypervisorRefused(StepFailed):
    """The hypervisor does not take the guest as described."""

    code = "hypervisor_refused"
    text = "The hypervisor refused the server: {reason}"


class OutOfMemory(StepFailed):
    code = "out_of_memory"
    text = "The host has not enough free memory for the server."


class Unsupported(StepFailed):
    code = "unsupported"
    text = "This host does not support {what}."


class GuestNotFound(StepFailed):
    """Upstream: InstanceNotFound on the host."""

    code = "guest_not_found"
    text = "Instance {server_id} could not be found."
    elsewhere = False


class GuestNotRunning(StepFailed):
    code = "guest_not_running"
    text = "Instance {server_id} is not running."
    elsewhere = False


class Cancelled(StepFailed):
    code = "cancelled"
    text = "The operation was cancelled."
    elsewhere = False


class Unexpected(StepFailed):
    """A fault of Unkai itself: the details name it, the user only learns that it happened."""

    code = "unexpected"
    text = "The host has met an unexpected error. Its cause is in the host's log."


def catalogue() -> list[type[StepFailed]]:
    """Every reason, by code."""
    return sorted([StepFailed, *StepFailed.__subclasses__()], key=lambda kind: kind.code)
