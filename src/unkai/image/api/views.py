"""Images and members as the API shows them."""

from typing import Any

from unkai.image.model import Image, Member
from unkai.kernel.clock import iso_z


def image_view(image: Image) -> dict[str, Any]:
    """Links are paths from /v2 on, as upstream's: clients join them to the endpoint."""
    path = f"/v2/images/{image.id}"
    view: dict[str, Any] = dict(image.properties)
    view.update(
        id=image.id,
        name=image.name,
        status=image.status,
        visibility=image.visibility,
        owner=image.owner,
        protected=image.protected,
        os_hidden=image.os_hidden,
        min_disk=image.min_disk,
        min_ram=image.min_ram,
        disk_format=image.disk_format,
        container_format=image.container_format,
        size=image.size,
        virtual_size=image.virtual_size,
        checksum=image.checksum,
        os_hash_algo=image.os_hash_algo,
        os_hash_value=image.os_hash_value,
        created_at=iso_z(image.created_at),
        updated_at=iso_z(image.updated_at),
        tags=image.tags,
        self=path,
        file=f"{path}/file",
        schema="/v2/schemas/image",
    )
    if image.stores:
        view["stores"] = ",".join(image.stores)
    return view


def member_view(member: Member) -> dict[str, Any]:
    return {
        "member_id": member.member_id,
        "image_id": member.image_id,
        "status": member.status,
        "created_at": iso_z(member.created_at),
        "updated_at": iso_z(member.updated_at),
        "schema": "/v2/schemas/member",
    }
