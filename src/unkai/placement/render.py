"""Errors as Placement's clients read them."""

import msgspec

from unkai.kernel.errors import NotAcceptable
from unkai.kernel.web import ErrorView
from unkai.placement.errors import UpstreamCodes

# What upstream's web library says before the cause.
_PREFACE = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    401: "",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: "The method specified is not allowed for this resource.",
    406: "The resource could not be generated that was acceptable to your browser.",
    409: "There was a conflict when trying to complete your request.",
    415: "The request media type {content_type} is not supported by this server.",
}


def render_error(view: ErrorView) -> tuple[str, bytes]:
    """Upstream's body: a list of one error."""
    preface = _PREFACE.get(view.status, "")
    if "{" in preface:
        preface = preface.format(content_type=view.params.get("content_type", "None"))
    detail = f"{preface}\n\n {view.message}  " if preface and view.message else preface or view.message
    error: dict[str, object] = {
        "status": view.status,
        "title": view.title,
        "detail": detail,
        "request_id": view.request_id,
        "code": UpstreamCodes.of(view.code),
    }
    if view.code == NotAcceptable.code:
        error["max_version"] = str(view.params.get("maximum"))
        error["min_version"] = str(view.params.get("minimum"))
    return "application/json", msgspec.json.encode({"errors": [error]})
