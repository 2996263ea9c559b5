"""Errors as Glance's clients read them.

Upstream's come from WebOb: HTML for browsers (and for glanceclient, which reads the text out of it), JSON with
`message`, `code` and `title` for those who accept only that, plain text for everybody else. A missing token is
refused by upstream's middleware, which has a JSON body of its own.
"""

import html

import msgspec
from falcon import errors as falcon_errors
from falcon.util import mediatypes

from unkai.kernel.web import ErrorView

_HTML, _JSON = "text/html", "application/json"


def render_error(view: ErrorView) -> tuple[str, bytes]:
    if view.status == 401:
        body = {"error": {"code": 401, "title": view.title, "message": view.message}}
        return _JSON, msgspec.json.encode(body)
    status = f"{view.status} {view.title}"
    explanation, detail = _texts(view)
    kind = _wanted(view.accept)
    if kind == _JSON:
        message = f"{explanation}<br /><br />\n{detail}\n\n"
        return _JSON, msgspec.json.encode({"message": message, "code": status, "title": view.title})
    if kind == _HTML:
        text = f"{html.escape(explanation)}<br /><br />\n{html.escape(detail)}\n\n"
        page = (
            f"<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n  <h1>{status}</h1>\n  {text}\n </body>\n"
            "</html>"
        )
        return "text/html; charset=UTF-8", page.encode()
    return "text/plain; charset=UTF-8", f"{status}\n\n{explanation}\n\n{detail}\n\n".encode()


def _texts(view: ErrorView) -> tuple[str, str]:
    if view.code == "forbidden":
        return f"You are not authorized to complete {view.params.get('rule', 'this')} action.", ""
    if view.status == 405:
        return view.message, ""
    if view.status == 415:
        sent = view.params.get("content_type", "application/octet-stream")
        return f"The request media type {sent} is not supported by this server.", view.message
    return view.message, ""


def _wanted(accept: str) -> str:
    """What WebOb would choose between HTML and JSON; "" when the client wants neither."""
    if not accept:
        return _HTML
    try:
        return mediatypes.best_match([_HTML, _JSON], accept)
    except falcon_errors.InvalidMediaRange:
        return _HTML
