"""The catalogue of refusals: one class per reason, enumerated, documented, with status, text and remedy.

A room derives its own in `errors.py`. Texts are `code` plus parameters, so that
a user interface can say them in its own language. How an error looks on the
wire is the room's `render_error`: each upstream service has its own body.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ApiError(Exception):
    """An error that a caller meets. `params` fill `text`; `headers` go out with the answer.

    Class attributes: `code` (stable, unique, dotted), `status` (HTTP), `title`
    (HTTP reason as upstream prints it), `text` (a str.format template), `remedy`
    (what the reader can do about it).
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal Server Error"
    text: ClassVar[str] = "The server has met an unexpected error. Its cause is in the log under this request's id."
    remedy: ClassVar[str] = "Look for the request id in the log of the control plane."

    def __init__(self, *, headers: Mapping[str, str] | None = None, **params: Any) -> None:
        self.params = params
        self.headers = dict(headers or {})
        super().__init__(self.message)

    @property
    def message(self) -> str:
        return self.text.format(**self.params) if self.params else self.text


class BadRequest(ApiError):
    code = "bad_request"
    status = 400
    title = "Bad Request"
    text = "{reason}"
    remedy = "Correct the request as the message says."


class InvalidBody(BadRequest):
    code = "invalid_body"
    text = "Invalid input: {reason}"
    remedy = "Correct the named field of the request's body."


class MalformedJson(BadRequest):
    code = "malformed_json"
    text = "The request body is not valid JSON: {reason}"
    remedy = "Send a JSON document with Content-Type application/json."


class InvalidParameter(BadRequest):
    code = "invalid_parameter"
    text = "Invalid input for query parameter {name}: {reason}"
    remedy = "Correct the named query parameter."


class UnfitValue(BadRequest):
    """The last net: a value that got as far as the database, which cannot hold it."""

    code = "unfit_value"
    text = "The request holds a value that cannot be stored: a NUL character, or a number or text out of bounds."
    remedy = "Look for the value that is out of bounds; the log has the database's words under this request's id."


class Unauthorized(ApiError):
    code = "unauthorized"
    status = 401
    title = "Unauthorized"
    text = "The request you have made requires authentication."
    remedy = "Get a token from POST /identity/v3/auth/tokens and send it as X-Auth-Token."


class Forbidden(ApiError):
    code = "forbidden"
    status = 403
    title = "Forbidden"
    text = "Policy doesn't allow {rule} to be performed."
    remedy = "Ask an administrator for a role that the rule accepts, or use a token of the right scope."


class QuotaExceeded(ApiError):
    code = "quota_exceeded"
    status = 403
    title = "Forbidden"
    text = "Quota exceeded for {resources}: requested {requested}, but already used {used} of {limit}"
    remedy = "Delete what is not needed or ask an administrator to raise the quota."


class NotFound(ApiError):
    code = "not_found"
    status = 404
    title = "Not Found"
    text = "The resource could not be found."
    remedy = "Check the id and the project of the token."


class MethodNotAllowed(ApiError):
    code = "method_not_allowed"
    status = 405
    title = "Method Not Allowed"
    text = "The method {method} is not allowed for this resource."
    remedy = "See the reference of the route for the methods it has."


class NotAcceptable(ApiError):
    code = "not_acceptable"
    status = 406
    title = "Not Acceptable"
    text = "Version {version} is not supported by the API. Minimum is {minimum} and maximum is {maximum}."
    remedy = "Ask for a microversion within the range of the version document."


class Conflict(ApiError):
    code = "conflict"
    status = 409
    title = "Conflict"
    text = "{reason}"
    remedy = "Look at the current state of the resource and try again."


class TooLarge(ApiError):
    code = "too_large"
    status = 413
    title = "Request Entity Too Large"
    text = "The request is larger than the {limit} bytes that are allowed here."
    remedy = "Send a smaller request."


class UriTooLong(ApiError):
    code = "uri_too_long"
    status = 414
    title = "Request-URI Too Long"
    text = "The request's address is longer than allowed."
    remedy = "Ask for fewer items in one request."


class UnsupportedMediaType(ApiError):
    code = "unsupported_media_type"
    status = 415
    title = "Unsupported Media Type"
    text = "The media type {content_type} is not supported, use one of: {allowed}."
    remedy = "Set the Content-Type header."


class NotImplementedHere(ApiError):
    code = "not_implemented"
    status = 501
    title = "Not Implemented"
    text = "{reason}"
    remedy = "See the README for what works."


class ServiceUnavailable(ApiError):
    code = "service_unavailable"
    status = 503
    title = "Service Unavailable"
    text = "{reason}"
    remedy = "Try again in a moment; `unkai status` says what is missing."


class ClientGone(Exception):
    """The client went away in the middle of its request: nothing can be answered, whatever was begun is dropped."""


def catalogue() -> list[type[ApiError]]:
    """Every error class that is imported, by code. Raises ValueError when two share a code."""
    found: dict[str, type[ApiError]] = {}
    pending = [ApiError]
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        other = found.setdefault(kind.code, kind)
        if other is not kind:
            raise ValueError(f"error code {kind.code} is used by {other.__qualname__} and {kind.__qualname__}")
    return [found[code] for code in sorted(found)]
