"""From a path to a document, as a guest asks for it; and all documents at once, as a config drive holds them."""

import posixpath
from collections.abc import Iterator

import msgspec

from unkai.node.metadata import ec2, openstack
from unkai.node.metadata.source import Source

__all__ = ["drive_files", "lookup"]


def lookup(source: Source, path: str) -> tuple[str, bytes]:
    """Content type and body. KeyError when there is nothing under this path.

    As upstream, whatever is not below /openstack is EC2's, and slashes too many or at the end do not matter.
    """
    parts = [part for part in posixpath.normpath(f"/{path}").split("/") if part]
    if parts[:1] == ["openstack"]:
        return _openstack(source, parts[1:])
    if parts[:1] == ["ec2"]:
        parts = parts[1:]
    if not parts:
        return openstack.TEXT, ec2.text([*ec2.VERSIONS, "latest"])
    found = ec2.find(ec2.tree(source, parts[0]), parts[1:])
    return openstack.TEXT, ec2.text(found)


def _openstack(source: Source, parts: list[str]) -> tuple[str, bytes]:
    if not parts:
        return openstack.TEXT, ec2.text([*openstack.VERSIONS, "latest"])
    if parts[0] == "content":
        (name,) = parts[1:] if len(parts) == 2 else ("",)
        return "application/octet-stream", openstack.content(source, name)
    if len(parts) == 1:
        return openstack.TEXT, ec2.text(openstack.listing(source, parts[0]))
    return openstack.document(source, parts[0], "/".join(parts[1:]))


def drive_files(source: Source, skip_versions: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file of a config drive. `skip_versions` are EC2 versions to leave out. CD-001"""
    skipped = skip_versions.split()
    for version in [*ec2.VERSIONS, "latest"]:
        if version in skipped:
            continue
        meta = ec2.meta_data(source, version)
        for key in meta.get("public-keys", {}).values():
            key.pop("_name", None)
        yield f"ec2/{version}/meta-data.json", msgspec.json.encode(meta)
        if source.data.user_data is not None:
            yield f"ec2/{version}/user-data", openstack.document(source, "latest", "user_data")[1]
    for version in [*openstack.VERSIONS, "latest"]:
        for name in openstack.listing(source, version):
            if name != "password":
                yield f"openstack/{version}/{name}", openstack.document(source, version, name)[1]
    for number in range(len(source.data.files)):
        yield f"openstack/content/{number:04}", openstack.content(source, f"{number:04}")
