"""The room's statements on both databases, and that their number does not grow with the rows."""

from collections.abc import Awaitable, Callable

import pytest

from harness.identity import DEMO, SYSTEM, Caller, IdentityCloud, by_password, project


async def test_every_verb(both: IdentityCloud) -> None:
    async with both.as_admin(SYSTEM) as admin:
        domain = await admin.domain("d")
        top = await admin.project("top", domain_id=domain["id"], tags=["a", "b"])
        leaf = await admin.project("leaf", domain_id=domain["id"], parent_id=top["id"])
        user = await admin.user("u", domain_id=domain["id"], default_project_id=leaf["id"], email="x")
        group = await admin.group("g", domain_id=domain["id"])
        role = await admin.role("special", domain_id=domain["id"])
        await admin.put(f"/roles/{role['id']}/implies/{both.made.roles['member']}", 201)
        await admin.put(f"/groups/{group['id']}/users/{user['id']}")
        inherit = f"/OS-INHERIT/projects/{top['id']}/groups/{group['id']}/roles/{role['id']}/inherited_to_projects"
        await admin.put(inherit)
        await admin.put(inherit)
        for query in (
            "tags=a,b",
            "not-tags=a",
            "tags-any=a",
            "not-tags-any=c",
            "name__icontains=O",
            "name__endswith=p",
        ):
            found = [
                one["name"] for one in (await admin.get(f"/projects?domain_id={domain['id']}&{query}"))["projects"]
            ]
            assert found == (
                ["leaf"] if query == "not-tags=a" else ["leaf", "top"] if "c" in query and "not" in query else ["top"]
            ), query
        shown = (await admin.get(f"/projects/{leaf['id']}?parents_as_ids"))["project"]
        assert shown["parents"] == {top["id"]: {domain["id"]: None}}
        login = by_password("u", "secret", domain=domain["id"])
        issued = (await both.authenticate(login)).json()["token"]
        assert (issued["project"]["name"], [one["name"] for one in issued["roles"]]) == ("leaf", ["member", "reader"])
        found = (await admin.get(f"/role_assignments?effective&include_names&user.id={user['id']}"))[
            "role_assignments"
        ]
        assert {(one["scope"]["project"]["name"], one["role"]["name"]) for one in found} == {
            ("leaf", "member"),
            ("leaf", "reader"),
        }
        page = await admin.get(f"/projects?domain_id={domain['id']}&limit=1")
        assert page["truncated"] and page["links"]["next"]
        for body in ({"user": {"name": "u", "domain_id": domain["id"]}},):
            await admin.post("/users", body, 409)
        await admin.post("/roles", {"role": {"name": "special", "domain_id": domain["id"]}}, 409)
        wanted = {"service_id": both.made.services["compute"], "resource_name": "servers", "default_limit": 1}
        await admin.post("/registered_limits", {"registered_limits": [wanted]})
        await admin.delete(f"/services/{both.made.services['compute']}", 403)
        await admin.post(
            "/limits",
            {
                "limits": [
                    {key: wanted[key] for key in ("service_id", "resource_name")}
                    | {"resource_limit": 2, "project_id": leaf["id"]}
                ]
            },
        )
        scope = {"project": {"id": leaf["id"]}}
        async with both.as_user("u", "secret", scope, domain["id"]) as own:
            body = {"name": "app", "access_rules": [{"service": "image", "method": "GET", "path": "/v2/images"}]}
            path = f"/users/{user['id']}/application_credentials"
            made = (await own.post(path, {"application_credential": body}))["application_credential"]
            await own.post(f"/users/{user['id']}/credentials/OS-EC2", {"tenant_id": leaf["id"]})
            assert len((await own.get("/credentials"))["credentials"]) == 1
            await own.delete(f"{path}/{made['id']}")
            change = {"user": {"original_password": "secret", "password": "new"}}
            await own.post(f"/users/{user['id']}/password", change, 204)
            await own.get("/auth/projects", 401)
        await admin.patch(f"/users/{user['id']}", {"user": {"enabled": False, "email": "y"}})
        await admin.delete(f"/groups/{group['id']}")
        await admin.patch(f"/domains/{domain['id']}", {"domain": {"enabled": False}})
        await admin.delete(f"/domains/{domain['id']}")
        assert (await admin.get("/limits"))["limits"] == []
        await admin.get(f"/users/{user['id']}", 404)
        with both.kit.db.engine.connect() as connection:
            for table in ("passwords", "memberships", "project_tags", "application_credentials", "access_rules"):
                left = connection.exec_driver_sql(f"SELECT count(*) FROM identity_{table}").scalar()
                assert left == (2 if table == "passwords" else 0), table


async def fill(admin: Caller, cloud: IdentityCloud, first: int, count: int) -> None:
    for number in range(first, first + count):
        made = await admin.project(f"p{number}", tags=["t"])
        user = await admin.post("/users", {"user": {"name": f"u{number}"}})
        group = await admin.group(f"g{number}")
        await admin.put(f"/groups/{group['id']}/users/{user['user']['id']}")
        await admin.put(f"/projects/{made['id']}/groups/{group['id']}/roles/{cloud.made.roles['member']}")
        await admin.put(f"/projects/{made['id']}/users/{cloud.made.users['demo']}/roles/{cloud.made.roles['reader']}")
        await admin.post(
            "/credentials", {"credential": {"type": "x", "blob": "b", "user_id": cloud.made.users["demo"]}}
        )
        role = await admin.role(f"r{number}")
        await admin.put(f"/roles/{role['id']}/implies/{cloud.made.roles['reader']}", 201)
        await admin.post("/regions", {"region": {"id": f"region{number}"}})


LISTS = [
    "/projects",
    "/domains",
    "/users",
    "/groups",
    "/roles",
    "/role_inferences",
    "/role_assignments",
    "/role_assignments?include_names",
    "/role_assignments?effective&include_names",
    "/regions",
    "/services",
    "/endpoints",
    "/credentials",
    "/policies",
    "/limits",
    "/auth/projects",
]


async def test_lists_cost_a_constant_number_of_statements(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        demo = f"/users/{cloud.made.users['demo']}"
        paths = [*LISTS, f"{demo}/projects", f"{demo}/groups"]

        async def costs() -> dict[str, int]:
            found = {}
            for path in paths:
                before = cloud.kit.db.statements
                await admin.get(path)
                found[path] = cloud.kit.db.statements - before
            return found

        await fill(admin, cloud, 0, 2)
        await costs()
        few = await costs()
        await fill(admin, cloud, 2, 12)
        await costs()
        assert await costs() == few
        assert max(few.values()) <= 14, few


async def test_a_token_costs_a_constant_number_of_statements(cloud: IdentityCloud) -> None:
    async def count(work: Callable[[], Awaitable[object]]) -> int:
        before = cloud.kit.db.statements
        await work()
        return cloud.kit.db.statements - before

    async def issue() -> None:
        assert (await cloud.authenticate(by_password("demo", DEMO, scope=project("demo")))).status_code == 201

    await issue()
    few = await count(issue)
    async with cloud.as_admin(SYSTEM) as admin:
        await fill(admin, cloud, 0, 10)
    await issue()
    assert await count(issue) == few
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        own = f"/users/{cloud.made.users['demo']}"
        await demo.get(own)
        # A token that was validated before costs no statement: these are BEGIN and the user's row.
        assert await count(lambda: demo.get(own)) == 2


@pytest.mark.postgres
async def test_two_at_once_cannot_take_the_same_name(tmp_path: object, postgres_url: str) -> None:
    """The database's unique key decides, not a look before."""
    import asyncio
    from pathlib import Path

    from harness.identity import identity_cloud

    assert isinstance(tmp_path, Path)
    with identity_cloud(tmp_path, url=postgres_url) as cloud:
        async with cloud.as_admin() as admin:
            posts = (admin.http.post("/identity/v3/projects", json={"project": {"name": "same"}}) for _ in range(8))
            statuses = sorted(answer.status_code for answer in await asyncio.gather(*posts))
            assert statuses == [201] + [409] * 7
