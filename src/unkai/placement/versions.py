"""The microversions that every resource of the room keeps."""

from unkai.kernel.web import Version, VersionRange

VERSIONS = VersionRange("placement", Version(1, 0), Version(1, 39))


def since(minor: int) -> Version:
    return Version(1, minor)


def until(minor: int) -> Version:
    return Version(1, minor)
