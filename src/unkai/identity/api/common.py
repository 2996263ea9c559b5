"""What the handlers share: bodies with extra attributes, filters, pages, links and policy targets."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar, get_args
from urllib.parse import urlencode

import msgspec

from unkai.identity.errors import Invalid, Missing
from unkai.identity.model import Comparator, Filter, Listing
from unkai.identity.settings import DefaultOptions, IdentityOptions
from unkai.kernel.errors import InvalidBody, InvalidParameter
from unkai.kernel.paging import SortKey
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, reply

P = ParamSpec("P")
T = TypeVar("T")
_COMPARATORS = frozenset(get_args(Comparator)) - {"equals"}
_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})
BY_NAME = (SortKey("name"),)


class Body(msgspec.Struct, frozen=True):
    """A resource as a request brought it: its known fields, its other attributes, and how many there were."""

    extra: dict[str, Any]
    changed: int


# Never kept as an extra attribute: links are ours, and the old password of a user is nobody's business.
_NOT_EXTRA = frozenset({"links", "original_password"})


async def read_resource(req: Request, key: str, kind: type[T]) -> tuple[T, Body]:
    """The object under `key`, validated. Attributes that `kind` does not know are kept, as upstream keeps them.

    Raises InvalidBody and what `Request.json` raises.
    """
    content = await req.json()
    if not isinstance(content, dict) or not isinstance(content.get(key), dict):
        raise InvalidBody(reason=f"'{key}' is a required property and must be an object.")
    fields: dict[str, Any] = content[key]
    known = convert(fields, kind, key)
    names = {field.encode_name for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
    extra = {
        name.replace(":", "_").replace("-", "_"): value
        for name, value in fields.items()
        if name not in names and name not in _NOT_EXTRA
    }
    return known, Body(extra, len(fields))


async def read_change(req: Request, key: str, kind: type[T], identity: str) -> tuple[T, Body]:
    """As `read_resource`, for a change of the resource `identity`: not empty, and not of its id. Raises Invalid."""
    known, body = await read_resource(req, key, kind)
    if body.changed == 0:
        raise Invalid(reason=f"Invalid input for field '{key}': {{}} does not have enough properties.")
    named = getattr(known, "id", msgspec.UNSET)
    if named not in (msgspec.UNSET, None, identity):
        raise Invalid(reason="Cannot change ID")
    return known, body


def convert(value: Any, kind: type[T], key: str) -> T:
    """Raises InvalidBody naming the field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        field = where.rstrip("`").lstrip(".") or key
        raise InvalidBody(reason=f"field '{field}': {reason}.") from error


def is_true(req: Request, name: str) -> bool:
    """A flag of the query: there, with any value but 0."""
    return name in req.query and req.query.get(name) != "0"


def listing(
    req: Request,
    filters: Iterable[str],
    *,
    flags: Iterable[str] = (),
    sortable: Iterable[str] = ("id", "name"),
    default: tuple[SortKey, ...] = BY_NAME,
) -> Listing:
    """Filters, limit, marker and order of the query. `flags` are filters with a truth value.

    Raises InvalidParameter.
    """
    texts, truths = frozenset(filters), frozenset(flags)
    found: list[Filter] = []
    for key, value in req.query.pairs:
        if key in texts:
            found.append(Filter(key, value))
        elif key in truths:
            found.append(Filter(key, value.strip().lower() not in _FALSE))
        else:
            inexact = _inexact(key, value, texts)
            if inexact is not None:
                found.append(inexact)
    options = req.kit.settings[DefaultOptions]
    page = req.page(maximum=options.max_db_limit, sortable=set(sortable), default=default)
    limit = page.limit if "limit" in req.query else options.list_limit
    return Listing(filters=tuple(found), limit=limit or None, marker=page.marker, sort=page.sort)


def _inexact(key: str, value: str, names: frozenset[str]) -> Filter | None:
    """`name__icontains` and the like; comparators that upstream does not know either are passed over."""
    name, mark, comparator = key.partition("__")
    if not mark or name not in names:
        return None
    sensitive = not comparator.startswith("i")
    comparator = comparator if sensitive else comparator[1:]
    if comparator not in _COMPARATORS:
        return None
    return Filter(name, value, comparator, sensitive)  # type: ignore[arg-type]


def link(req: Request, *parts: str) -> str:
    return "/".join((req.base_url, "v3", *parts))


def here(req: Request) -> str:
    """The address of this request, with its query."""
    address = req.base_url + req.path.removeprefix("/identity")
    return f"{address}?{urlencode(req.query.pairs)}" if req.query.pairs else address


def collection(
    req: Request, key: str, items: list[dict[str, Any]], *, more: bool = False, asked: Listing | None = None
) -> Response:
    """A list with upstream's links; with `more` a link to the next page and the mark `truncated`."""
    links: dict[str, str | None] = {"next": None, "self": here(req), "previous": None}
    content: dict[str, Any] = {key: items, "links": links}
    if more and items:
        query = {name: value for name, value in req.query.pairs if name not in ("marker", "limit")}
        limit = asked.limit if asked is not None and asked.limit is not None else len(items)
        query |= {"limit": str(limit), "marker": str(items[-1]["id"])}
        links["next"] = f"{req.base_url}{req.path.removeprefix('/identity')}?{urlencode(query)}"
        content["truncated"] = True
    return reply(content)


def target(req: Request, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What rules may look at: the parameters of the address, and facts about what it names."""
    return {**req.params, **(facts or {})}


def visible(req: Request) -> Scope:
    """What lists show: a token of a domain sees that domain, others what policy already allowed: everything."""
    domain_id = req.context.domain_id
    return Scope.domain(domain_id) if domain_id is not None else Scope.system()


def default_domain(req: Request) -> str:
    """Where things go that name no domain."""
    return req.context.domain_id or req.kit.settings[IdentityOptions].default_domain_id


async def subject(
    req: Request,
    rule: str,
    facts: Callable[[T], Mapping[str, Any]],
    get: Callable[Concatenate[Tx, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Get what the address names and check the rule against it. Who may not see it does not learn whether it exists.

    Raises Forbidden, then what `get` raises.
    """
    try:
        found = await req.kit.db.read(get, *args, **kwargs)
    except Missing:
        req.authorize(rule, target(req))
        raise
    req.authorize(rule, target(req, facts(found)))
    return found


def time_filter(text: str) -> tuple[str, str]:
    """`lt:2026-01-01T00:00:00Z` as operator and time; without an operator it is eq. Raises InvalidParameter."""
    operator, mark, rest = text.partition(":")
    if mark and operator.isalpha():
        if operator not in ("lt", "lte", "gt", "gte", "eq", "neq"):
            raise InvalidParameter(
                name="password_expires_at",
                reason=f"The given operator {operator} is not valid. It must be one of the following: 'eq', 'neq', "
                "'lt', 'lte', 'gt', or 'gte'.",
            )
        return operator, rest
    return "eq", text
