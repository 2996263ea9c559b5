"""Errors as Glance's clients read them.

Upstream's come from WebOb: HTML for browsers (and for glanceclient, which reads the text out of it), JSON with
`message`, `code` and `title` for those who accept only that, plain text for everybody else. A missing token is
refused by upstream's middleware, which has a JSON body of its own.
"""

import html
from collections.abc import Callable

import msgspec
from falcon import errors as falcon_errors
from falcon.util import mediatypes

from unkai.kernel.web import ErrorView

_HTML, _JSON = "text/html", "application/json"
_BREAK = "<br /><br />"


def render_error(view: ErrorView) -> tuple[str, bytes]:
    if view.status == 401:
        body = {"error": {"code": 401, "title": view.title, "message": view.message}}
        return _JSON, msgspec.json.encode(body)
    status = f"{view.status} {view.title}"
    kind = _wanted(view.accept)
    if kind == _JSON:
        return _JSON, msgspec.json.encode({"message": _text(view, str), "code": status, "title": view.title})
    if kind == _HTML:
        text = _text(view, html.escape)
        page = (
            f"<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n  <h1>{status}</h1>\n  {text}\n </body>\n"
            "</html>"
        )
        return "text/html; charset=UTF-8", page.encode()
    return "text/plain; charset=UTF-8", f"{status}\n\n{_text(view, str).replace(_BREAK, '')}".encode()


def _text(view: ErrorView, quote: Callable[[str], str]) -> str:
    message = quote(view.message)
    if view.status == 405:
        return f"{message} {_BREAK}\n"
    if view.status == 415:
        sent = quote(str(view.params.get("content_type", "application/octet-stream")))
        return f"The request media type {sent} is not supported by this server.\n{_BREAK}\n{message}"
    if view.code == "forbidden":
        message = quote(f"You are not authorized to complete {view.params.get('rule', 'this')} action.")
    return f"{message}{_BREAK}\n\n\n"


def _wanted(accept: str) -> str:
    """What WebOb would choose between HTML and JSON; "" when the client names others.

    An empty header is one case apart: WebOb answers plain text, out of which openstacksdk, which sends it with every
    upload, reads no cause. It does out of HTML.
    """
    if not accept.strip():
        return _HTML
    try:
        return mediatypes.best_match([_HTML, _JSON], accept)
    except falcon_errors.InvalidMediaRange:
        return _HTML
