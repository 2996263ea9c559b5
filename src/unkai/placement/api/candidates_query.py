"""The query of GET /allocation_candidates: groups by the suffixes of their parameters (upstream API: 1.10 to 1.39)."""

import re
import uuid
from collections.abc import Sequence

from unkai.kernel.ids import is_uuid
from unkai.kernel.web import Request
from unkai.placement.api import filters
from unkai.placement.api.query import Form, Param, integer
from unkai.placement.candidates import Group, Question
from unkai.placement.errors import BadQuery, DuplicateQuery, InvalidQuery, MissingQuery

_KEYS = ("resources", "required", "member_of", "in_tree")
_SINCE = {"resources": 10, "required": 17, "member_of": 21, "in_tree": 31}
_LIMIT = Param(pattern="^[1-9][0-9]*$")


def _suffix(minor: int) -> str:
    """What may follow a key: nothing, since 1.25 a number, since 1.33 nearly anything."""
    if minor >= 33:
        return "([a-zA-Z0-9_-]{1,64})?"
    return "([1-9][0-9]*)?" if minor >= 25 else "()"


def _form(minor: int) -> Form:
    keys = [key for key in _KEYS if minor >= _SINCE[key]]
    params: dict[str, Param] = {} if minor >= 25 else {key: Param() for key in keys}
    patterns = {f"^{key}{_suffix(minor)}$": Param() for key in keys} if minor >= 25 else {}
    if minor >= 16:
        params["limit"] = _LIMIT
    if minor >= 25:
        params["group_policy"] = Param(pattern="^(none|isolate)$")
    if minor >= 35:
        params["root_required"] = Param()
    if minor >= 36:
        params["same_subtree"] = Param()
    return Form(params, () if minor >= 25 else ("resources",), patterns)


def parse(req: Request) -> Question:
    """Raises InvalidQuery, BadQuery, BadResources, MissingQuery, DuplicateQuery."""
    minor = req.version.minor
    query = _form(minor).check(req)
    groups = _groups(req, minor)
    same_subtree = _same_subtree(req.query.all("same_subtree"), groups) if minor >= 36 else ()
    _check_groups(groups, same_subtree, minor)
    suffixed = [suffix for suffix in groups if suffix]
    policy = query.get("group_policy")
    if policy is None and len([suffix for suffix in suffixed if groups[suffix].resources]) > 1:
        raise MissingQuery(
            reason='The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.'
        )
    root_required, root_forbidden = _root_traits(req.query.all("root_required"))
    return Question(
        groups=groups,
        isolate=policy == "isolate",
        root_required=root_required,
        root_forbidden=root_forbidden,
        same_subtree=same_subtree,
        nested=minor >= 29,
        limit=integer(query["limit"]) if "limit" in query else None,
    )


def _groups(req: Request, minor: int) -> dict[str, Group]:
    """By suffix, in the order in which suffixes first appear; the group without one comes first."""
    form = re.compile(f"({'|'.join(_KEYS)}){_suffix(minor)}")
    values: dict[str, dict[str, list[str]]] = {}
    for name, value in req.query.pairs:
        match = form.fullmatch(name)
        if match is not None:
            values.setdefault(match[2] or "", {}).setdefault(match[1], []).append(value)
    return {suffix: _group(values[suffix], minor) for suffix in sorted(values, key=lambda text: text != "")}


def _group(values: dict[str, list[str]], minor: int) -> Group:
    required, forbidden = filters.traits(values.get("required", ()), minor)
    member_of, not_member_of = filters.aggregates(values.get("member_of", ()), minor)
    return Group(
        resources=filters.resources(values["resources"][0]) if "resources" in values else {},
        required=required,
        forbidden=forbidden,
        member_of=member_of,
        not_member_of=not_member_of,
        tree=_tree(values["in_tree"][0]) if "in_tree" in values else None,
    )


def _tree(text: str) -> str:
    if not is_uuid(text):
        raise InvalidQuery(reason=f"Expected 'in_tree' parameter to be a format of uuid. Got: {text[:64]}")
    return str(uuid.UUID(text))


def _same_subtree(values: Sequence[str], groups: dict[str, Group]) -> tuple[frozenset[str], ...]:
    found: list[frozenset[str]] = []
    for value in values:
        suffixes = frozenset(suffix.strip() for suffix in value.split(","))
        if "" in suffixes:
            raise BadQuery(reason="Empty string (unsuffixed group) can not be specified in `same_subtree`")
        unreal = suffixes - groups.keys()
        if unreal:
            raise BadQuery(
                reason=f"Real suffixes should be specified in `same_subtree`: {sorted(unreal)} not found in "
                f"{sorted(groups)}"
            )
        found.append(suffixes)
    return tuple(found)


def _check_groups(groups: dict[str, Group], same_subtree: tuple[frozenset[str], ...], minor: int) -> None:
    """Every group asks for resources; those with a suffix need not when `same_subtree` names them."""
    bare = groups.get("")
    if bare is not None and not bare.resources:
        wrong = (
            ("traits", bool(bare.required or bare.forbidden)),
            ("member_of", bool(bare.member_of or bare.not_member_of)),
            ("in_tree", bare.tree is not None),
        )
        for word, is_wrong in wrong:
            if is_wrong:
                raise MissingQuery(reason=f"All {word} parameters must be associated with resources.")
    without = {suffix for suffix, group in groups.items() if suffix and not group.resources}
    if without and minor < 36:
        raise MissingQuery(reason="All request groups must specify resources.")
    if not any(group.resources for group in groups.values()):
        raise MissingQuery(reason="There must be at least one resources or resources[$S] parameter.")
    loose = without.difference(*same_subtree)
    if loose:
        raise BadQuery(
            reason="Resourceless suffixed group request should be specified in `same_subtree` query param: bad "
            f"group(s) - {sorted(loose)}"
        )


def _root_traits(values: Sequence[str]) -> tuple[filters.Choices, frozenset[str]]:
    if len(values) > 1:
        raise DuplicateQuery(name="root_required")
    # No alternatives here, in any version: the rules are those of `required` in 1.22.
    return filters.traits(values, 22, "root_required")
