"""What an image really is, found out before QEMU or qemu-img touches it.

oslo.utils reads the headers in Python and refuses what makes QEMU open other files: backing files, external data
files, VMDK extents. Content and declared format must agree. IMG-067
"""

from pathlib import Path

from oslo_utils.imageutils import format_inspector

from unkai.node.errors import ImageUnacceptable

__all__ = ["QEMU_FORMATS", "inspect"]

# disk_format of the Image service -> format name of QEMU.
QEMU_FORMATS = {
    "raw": "raw",
    "qcow2": "qcow2",
    "vhd": "vpc",
    "vhdx": "vhdx",
    "vmdk": "vmdk",
    "vdi": "vdi",
    "iso": "raw",
    "ami": "raw",
    "aki": "raw",
    "ari": "raw",
}
# What may be found under a declared format that QEMU treats as plain bytes: a partition table is such bytes too.
_PLAIN = {
    "raw": {"raw", "gpt"},
    "iso": {"iso", "gpt"},
    "ami": {"raw", "gpt"},
    "aki": {"raw", "gpt"},
    "ari": {"raw", "gpt"},
}


def inspect(path: Path, image_id: str, declared: str) -> str:
    """QEMU's name for the format of the file. Blocks: call it in a thread. Raises ImageUnacceptable."""
    if declared not in QEMU_FORMATS:
        raise ImageUnacceptable(image_id=image_id, reason=f"disk format {declared or 'unknown'} is not supported here")
    try:
        found = format_inspector.detect_file_format(str(path))
    except format_inspector.ImageFormatError as error:
        raise ImageUnacceptable(image_id=image_id, reason=f"its format is ambiguous: {error}") from error
    name = str(found) if found is not None else "raw"
    if name not in _PLAIN.get(declared, {declared}):
        raise ImageUnacceptable(
            image_id=image_id, reason=f"its content is {name}, but its disk_format says {declared}"
        )
    if found is not None and declared not in _PLAIN:
        try:
            found.safety_check()
        except format_inspector.SafetyCheckFailed as error:
            failures = ", ".join(sorted(str(name) for name in error.failures))
            raise ImageUnacceptable(image_id=image_id, reason=f"it is not safe to use: {failures}") from error
    return QEMU_FORMATS[declared]
