"""Looks at image data while it streams through, and refuses what is not what it says or reaches beyond itself.

oslo.utils' inspectors know the formats and their traps (a qcow2's backing file or external data file, a VMDK whose
extents lie elsewhere); what follows from their findings is Glance's rule of today:

- data must be of the image's disk format; `raw` says nothing, so anything may be raw, and so may formats that no
  inspector knows (ami, ploop), as long as nothing else is recognised in them;
- an ISO may carry a partition table; any other two formats in one file are an attack;
- whatever was recognised must pass its inspector's safety checks.

Inside of other containers than `bare` the disk format describes what is packed, so it need not match; but a file that
QEMU would open with its references is refused there as well.
"""

from oslo_utils.imageutils import format_inspector

from unkai.image.errors import InvalidData
from unkai.image.settings import ImageFormat

_MAX_SIZE = 2**63 - 1
_REACHES_OUT = ("qcow2", "vmdk", "qed")
_RAW = "raw"


class Inspection:
    """Feed it all data in order, then ask for the verdict. Memory is bounded by the headers that inspectors keep.

    The first batch should be large (1 MiB, or all there is): formats that begin with text are read from it alone.
    """

    def __init__(self, disk_format: str, container_format: str, options: ImageFormat) -> None:
        self._declared = disk_format
        self._bare = container_format == "bare"
        self._options = options
        self._strict = self._bare and options.require_image_format_match
        # oslo.utils' own InspectWrapper cannot be used: one inspector that fails to answer whether it matches (VMDK's,
        # on 512 bytes of text before other data) ends the whole inspection there.
        self._inspectors = {name: kind() for name, kind in format_inspector.ALL_FORMATS.items()}
        self._known = disk_format in self._inspectors and disk_format != _RAW

    def feed(self, data: bytes) -> None:
        """Raises InvalidData as soon as the data cannot be of the declared format: the rest need not be sent."""
        for name, inspector in list(self._inspectors.items()):
            try:
                inspector.eat_chunk(data)
                ruled_out = name != _RAW and inspector.complete and not inspector.format_match
            except Exception:
                # Inspectors read foreign bytes: whatever they stumble over, the data is not of their format.
                ruled_out = True
            if ruled_out:
                del self._inspectors[name]
        if self._strict and self._known and self._declared not in self._inspectors:
            raise InvalidData(reason=self._mismatch("of another format"))

    def verdict(self) -> int | None:
        """The virtual size in bytes, None where the format tells none. Raises InvalidData."""
        for inspector in self._inspectors.values():
            inspector.finish()
        matches = [name for name in self._inspectors if name != _RAW and self._matches(name)] or [_RAW]
        if sorted(matches) == ["gpt", "iso"]:
            matches = ["iso"]
        if len(matches) > 1:
            raise InvalidData(reason=f"Multiple formats detected: {', '.join(sorted(matches))}")
        if self._bare:
            return self._judge_bare(matches[0])
        if matches[0] in _REACHES_OUT:
            self._check_safety(matches[0])
        return None

    def _matches(self, name: str) -> bool:
        try:
            return bool(self._inspectors[name].format_match)
        except Exception:
            return False

    def _judge_bare(self, found: str) -> int | None:
        size: int | None = None
        if found == self._declared:
            size = self._inspectors[found].virtual_size
        elif self._declared == _RAW:
            size = self._inspectors[found].actual_size
        elif (self._known or found != _RAW) and self._options.require_image_format_match:
            raise InvalidData(reason=self._mismatch(found))
        self._check_safety(found)
        if size is not None and size > _MAX_SIZE:
            raise InvalidData(reason="Image failed safety checks: its virtual size is no disk's")
        return size or None

    def _check_safety(self, found: str) -> None:
        try:
            self._inspectors[found].safety_check()
        except format_inspector.SafetyCheckFailed as error:
            fatal = set(error.failures)
            if found == "gpt":
                fatal -= set(self._options.gpt_safety_checks_nonfatal)
                if self._declared in ("aki", "ari"):
                    fatal.discard("mbr")  # kernels carry the magic of a boot sector without being a disk
            if fatal:
                causes = "; ".join(str(error.failures[name]) for name in sorted(fatal))
                raise InvalidData(reason=f"Image failed safety checks: {causes}") from error
        except format_inspector.ImageFormatError as error:
            raise InvalidData(reason=f"Image failed safety checks: {error}") from error
        kind = getattr(self._inspectors[found], "vmdktype", None)
        if kind is not None and kind not in {allowed.lower() for allowed in self._options.vmdk_allowed_types}:
            raise InvalidData(reason=f"Image failed safety checks: VMDK type {kind} is not allowed")

    def _mismatch(self, found: str) -> str:
        return f"Image disk_format {self._declared} does not match stream data {found}"
