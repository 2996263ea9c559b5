"""Errors as Placement's clients read them."""

import html

import msgspec
from falcon import mediatypes

from unkai.kernel.errors import NotAcceptable
from unkai.kernel.web import ErrorView
from unkai.placement.errors import UpstreamCodes
from unkai.placement.versions import since

# What upstream's web library says before the cause.
_PREFACE = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: "The method specified is not allowed for this resource.",
    406: "The resource could not be generated that was acceptable to your browser (content of type {accept}).",
    409: "There was a conflict when trying to complete your request.",
    415: "The request media type is not supported by this server.",
}
_JSON, _HTML, _TEXT = "application/json", "text/html", "text/plain"
_CODES_SINCE = since(23)


def render_error(view: ErrorView) -> tuple[str, bytes]:
    """Upstream's body: a list of one error, with a code since 1.23. HTML or text for those who take no JSON."""
    preface = _PREFACE.get(view.status, "").format(accept=view.accept or "*/*")
    detail = f"{preface}\n\n {view.message}  " if preface else view.message
    kind = mediatypes.best_match([_JSON, _HTML, _TEXT], view.accept) if view.accept else _JSON
    if kind == _HTML:
        title = f"{view.status} {view.title}"
        head = f"<html>\n <head>\n  <title>{title}</title>\n </head>\n"
        body = f" <body>\n  <h1>{title}</h1>\n  {html.escape(detail)}\n </body>\n</html>"
        return "text/html; charset=UTF-8", (head + body).encode()
    if kind == _TEXT:
        return "text/plain; charset=UTF-8", f"{view.status} {view.title}\n\n{detail}".encode()
    error: dict[str, object] = {
        "status": view.status,
        "title": view.title,
        "detail": detail,
        "request_id": view.request_id,
    }
    if view.version is not None and view.version >= _CODES_SINCE:
        error["code"] = UpstreamCodes.of(view.code)
    if view.code == NotAcceptable.code:
        error["max_version"] = str(view.params.get("maximum"))
        error["min_version"] = str(view.params.get("minimum"))
    return _JSON, msgspec.json.encode({"errors": [error]})
