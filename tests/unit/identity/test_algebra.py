"""Roles through groups, inheritance and implication: laws that hold for every cloud."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from harness.role_worlds import DOMAINS, PROJECTS, ROLES, USERS, grants, implications, memberships, trees
from unkai.identity.model import Assignment
from unkai.identity.service.algebra import Target, Tree, Wanted, closure, expand, sources


@given(st.sets(st.sampled_from(ROLES)), implications)
def test_closure_is_a_closure(roles: set[str], implied: dict[str, list[str]]) -> None:
    found = closure(roles, implied)
    assert roles <= found
    assert closure(found, implied) == found
    assert all(set(implied.get(role, ())) <= found for role in found)


@given(st.sets(st.sampled_from(ROLES)), st.sets(st.sampled_from(ROLES)), implications)
def test_closure_of_a_union_is_the_union_of_closures(
    one: set[str], two: set[str], implied: dict[str, list[str]]
) -> None:
    assert closure(one | two, implied) == closure(one, implied) | closure(two, implied)


def counts_on(assignment: Assignment, target: Target, above: list[str]) -> bool:
    """The rule of inheritance by itself: what is inherited counts below its target, all else on its target."""
    where = (assignment.target_kind, assignment.target_id)
    return where in sources(target, above) if assignment.inherited else where == target


def held(assignments: list[Assignment], members: dict[str, list[str]], user: str) -> list[Assignment]:
    return [
        one
        for one in assignments
        if (one.actor_kind == "user" and one.actor_id == user)
        or (one.actor_kind == "group" and user in members.get(one.actor_id, ()))
    ]


@given(grants(), memberships, trees(), implications, st.sampled_from(USERS))
def test_the_listing_and_a_token_agree(
    assignments: list[Assignment],
    members: dict[str, list[str]],
    rows: list[tuple[str, str | None, str | None]],
    implied: dict[str, list[str]],
    user: str,
) -> None:
    """Walking down from grants (the listing) and up from a target (a token) find the same roles everywhere."""
    tree = Tree(rows)
    listed = expand(assignments, members, tree, implied)
    targets: list[Any] = [("system", "all")]
    targets += [("project", project) for project in PROJECTS] + [("domain", domain) for domain in DOMAINS]
    for target in targets:
        above = tree.above(target[1]) if target[0] == "project" else []
        own = [one for one in held(assignments, members, user) if counts_on(one, target, above)]
        in_token = closure((one.role_id for one in own), implied)
        in_list = {one.role_id for one in listed if one.user_id == user and (one.target_kind, one.target_id) == target}
        assert in_token == in_list


@given(
    grants(),
    memberships,
    trees(),
    implications,
    st.sampled_from(USERS),
    st.sampled_from(PROJECTS),
    st.sampled_from(ROLES),
)
def test_asking_for_less_is_filtering(
    assignments: list[Assignment],
    members: dict[str, list[str]],
    rows: list[tuple[str, str | None, str | None]],
    implied: dict[str, list[str]],
    user: str,
    project: str,
    role: str,
) -> None:
    tree = Tree(rows)
    wanted = Wanted(user_id=user, target_ids=frozenset([project]), role_id=role)
    everything = expand(assignments, members, tree, implied)
    expected = [one for one in everything if (one.user_id, one.target_id, one.role_id) == (user, project, role)]
    assert expand(assignments, members, tree, implied, wanted=wanted) == expected
    hidden = frozenset([role])
    shown = expand(assignments, members, tree, implied, hidden=hidden)
    assert shown == [one for one in everything if one.role_id != role]


@given(grants(), memberships, trees(), implications)
def test_one_more_grant_takes_nothing_away(
    assignments: list[Assignment],
    members: dict[str, list[str]],
    rows: list[tuple[str, str | None, str | None]],
    implied: dict[str, list[str]],
) -> None:
    tree = Tree(rows)
    fewer = set(expand(assignments[:-1], members, tree, implied))
    assert fewer <= set(expand(assignments, members, tree, implied))


@given(trees())
def test_up_and_down_are_converse(rows: list[tuple[str, str | None, str | None]]) -> None:
    tree = Tree(rows)
    for project in PROJECTS:
        for other in PROJECTS + DOMAINS:
            assert (project in tree.below(other)) == (other in tree.above(project))
        assert tree.above(project)[-1] in DOMAINS


def test_an_inherited_grant_does_not_count_on_its_own_target() -> None:
    grant = Assignment("r", "user", "u", "project", "p0", inherited=True)
    assert not counts_on(grant, ("project", "p0"), ["d0"])
    assert counts_on(grant, ("project", "p1"), ["p0", "d0"])
    assert sources(("domain", "d0"), []) == ()


def test_a_circle_in_the_tree_ends() -> None:
    tree = Tree([("a", "b", "d"), ("b", "a", "d")])
    assert tree.above("a") == ["b", "a"]
