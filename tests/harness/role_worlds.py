"""Small clouds of roles, groups and projects for property tests, as hypothesis draws them."""

import hypothesis.strategies as st

from unkai.identity.model import Assignment

ROLES = [f"r{n}" for n in range(5)]
USERS = ["u0", "u1", "u2"]
GROUPS = ["g0", "g1"]
PROJECTS = [f"p{n}" for n in range(6)]
DOMAINS = ["d0", "d1"]

implications = st.dictionaries(st.sampled_from(ROLES), st.lists(st.sampled_from(ROLES), max_size=3), max_size=5)
memberships = st.dictionaries(st.sampled_from(GROUPS), st.lists(st.sampled_from(USERS), unique=True), max_size=2)


@st.composite
def trees(draw: st.DrawFn) -> list[tuple[str, str | None, str | None]]:
    """Every project hangs below a domain or a project before it, as the rows of the table do."""
    rows: list[tuple[str, str | None, str | None]] = []
    domain_of: dict[str, str] = {}
    for position, project in enumerate(PROJECTS):
        parent = draw(st.sampled_from(DOMAINS + PROJECTS[:position]))
        domain_of[project] = domain_of.get(parent, parent)
        rows.append((project, parent, domain_of[project]))
    return rows


@st.composite
def grants(draw: st.DrawFn) -> list[Assignment]:
    one = st.builds(
        lambda role, actor, target, inherited: Assignment(role, *actor, *target, inherited and target[0] != "system"),
        st.sampled_from(ROLES),
        st.one_of(
            st.sampled_from(USERS).map(lambda user: ("user", user)),
            st.sampled_from(GROUPS).map(lambda group: ("group", group)),
        ),
        st.one_of(
            st.sampled_from(PROJECTS).map(lambda project: ("project", project)),
            st.sampled_from(DOMAINS).map(lambda domain: ("domain", domain)),
            st.just(("system", "all")),
        ),
        st.booleans(),
    )
    return draw(st.lists(one, max_size=8))
