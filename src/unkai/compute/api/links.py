"""Links as upstream prints them: `self` with the version in it, `bookmark` without, `next` of a page."""

from collections.abc import Sequence
from urllib.parse import urlencode

from unkai.compute.api.body import is_v20
from unkai.compute.settings import ApiOptions
from unkai.kernel.web import Request

Link = dict[str, str]


def links(request: Request, collection: str, identifier: str) -> list[Link]:
    path = f"{_project(request)}/{collection}/{identifier}"
    base = _base(request)
    return [{"rel": "self", "href": f"{base}/{_version(request)}{path}"}, {"rel": "bookmark", "href": base + path}]


def bookmark(request: Request, collection: str, identifier: str) -> list[Link]:
    return [{"rel": "bookmark", "href": f"{_base(request)}{_project(request)}/{collection}/{identifier}"}]


def next_page(request: Request, collection: str, ids: Sequence[str], limit: int) -> list[Link]:
    """The link to the page after `ids`; empty when this page is not full."""
    if limit == 0 or len(ids) < limit:
        return []
    parameters = urlencode({**dict(sorted(request.query.pairs)), "marker": ids[-1]})
    path = f"{_version(request)}{_project(request)}/{collection}"
    return [{"rel": "next", "href": f"{_base(request)}/{path}?{parameters}"}]


def _version(request: Request) -> str:
    return "v2" if is_v20(request) else "v2.1"


def _base(request: Request) -> str:
    return request.kit.settings[ApiOptions].compute_link_prefix.rstrip("/") or request.base_url


def _project(request: Request) -> str:
    """The project's segment when the request's own address has it."""
    project = request.params.get("project_id")
    return f"/{project}" if project else ""
