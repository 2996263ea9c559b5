"""/v2/images/{image_id}/file: upload and download."""

import asyncio
from collections.abc import AsyncIterator

from unkai.image import service
from unkai.image.api.ranges import asked_part
from unkai.image.errors import DataType, InvalidSize
from unkai.kernel.web import Request, Response, Route, empty
from unkai.kernel.web.request import Body


async def upload_data(req: Request) -> Response:
    """Upload an image's data, of any size."""
    sent = req.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != "application/octet-stream":
        raise DataType(content_type=sent[:128] or None)
    await service.store_data(
        req.kit,
        req.context,
        req.params["image_id"],
        req.body.chunks(),
        size=_announced_size(req),
        store_name=req.headers.get("x-image-meta-store"),
    )
    return empty()


def _announced_size(req: Request) -> int | None:
    """The size that the client says its data has. A chunked body may tell it in a header of Glance's own."""
    text = req.headers.get("x-openstack-image-size")
    if text is None:
        return req.body.length
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise InvalidSize
    return int(text)


async def download_data(req: Request) -> Response:
    """Download an image's data, whole or a range of it."""
    image, blob = await req.kit.db.read(service.find_data, req.kit, req.context, req.params["image_id"])
    if blob is None:
        return empty()
    part = asked_part(req.headers, blob.size)
    headers = {} if image.checksum is None else {"Content-MD5": image.checksum}
    headers["Accept-Ranges"] = "bytes"
    offset, length, status = 0, blob.size, 200
    if part is not None:
        offset, length, status = part.offset, part.length, 206
        headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{blob.size}"
    kind = "application/octet-stream"
    if req.method == "HEAD" or length == 0:
        headers["Content-Length"] = str(length)
        return Response(status, b"", headers=headers, content_type=kind)
    stream = await service.open_blob(req.kit, blob, offset, length)
    return Response(status, headers=headers, stream=_while_there(stream, req.body), length=length, content_type=kind)


async def _while_there(stream: service.BlobStream, body: Body) -> AsyncIterator[bytes]:
    """The data until its end, or until nobody is there to read it: a server swallows what it cannot send."""
    gone = asyncio.create_task(body.gone())
    try:
        async for part in stream:
            if gone.done():
                return
            yield part
    finally:
        gone.cancel()
        await stream.close()


ROUTES = (
    Route("PUT", "/v2/images/{image_id}/file", upload_data),
    Route("GET", "/v2/images/{image_id}/file", download_data),
)
