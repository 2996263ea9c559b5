"""Projects, their tree and tags, and domains."""

import pytest

from harness.identity import SYSTEM, IdentityCloud
from unkai.identity.settings import DefaultOptions


async def test_life_of_a_project(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.project(" web ", description="x", custom="kept", tags=["b", "a"])
        assert made["name"] == "web"
        assert (made["domain_id"], made["parent_id"], made["is_domain"]) == ("default", "default", False)
        assert (made["custom"], made["tags"], made["options"]) == ("kept", ["a", "b"], {})
        assert made["links"]["self"] == f"http://cloud.test/identity/v3/projects/{made['id']}"
        path = f"/projects/{made['id']}"
        assert (await admin.get(path))["project"] == made
        changed = await admin.patch(path, {"project": {"name": "shop", "enabled": False, "more": 1}})
        assert changed["project"] | {"name": "web", "enabled": True} == made | {"more": 1}
        await admin.delete(path)
        await admin.get(path, 404)


async def test_a_token_of_a_domain_creates_there(cloud: IdentityCloud) -> None:
    async with cloud.as_admin({"domain": {"id": "default"}}) as admin:
        assert (await admin.project("p"))["domain_id"] == "default"


async def test_lists(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        domain = await admin.domain("d")
        for name in ("alpha", "Beta", "gamma"):
            await admin.project(name, domain_id=domain["id"], enabled=name != "gamma", tags=[name, "all"])
        await admin.project("beta")

        async def names(query: str) -> list[str]:
            return [one["name"] for one in (await admin.get(f"/projects?{query}"))["projects"]]

        within = f"domain_id={domain['id']}"
        assert await names(within) == ["Beta", "alpha", "gamma"]
        assert await names(f"{within}&enabled=false") == ["gamma"]
        assert await names(f"{within}&enabled") == ["Beta", "alpha"]
        assert await names("name=beta") == ["beta"]
        assert await names(f"{within}&name__contains=a") == ["Beta", "alpha", "gamma"]
        assert await names(f"{within}&name__icontains=B") == ["Beta"]
        assert await names(f"{within}&name__startswith=b") == []
        assert await names(f"{within}&name__istartswith=b") == ["Beta"]
        assert await names(f"{within}&name__endswith=ma") == ["gamma"]
        assert await names(f"{within}&name__sounds=ma") == ["Beta", "alpha", "gamma"]
        assert await names(f"{within}&tags=all,Beta") == ["Beta"]
        assert await names(f"{within}&tags-any=alpha,Beta") == ["Beta", "alpha"]
        assert await names(f"{within}&not-tags=all,Beta") == ["alpha", "gamma"]
        assert await names(f"{within}&not-tags-any=alpha,Beta") == ["gamma"]
        assert await names("is_domain=true") == ["Default", "d"]
        assert (await admin.get("/projects?name=nothing"))["projects"] == []
        whole = await admin.get(f"/projects?{within}")
        assert whole["links"] == {
            "next": None,
            "previous": None,
            "self": f"http://cloud.test/identity/v3/projects?{within}",
        }


async def test_pages(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        domain = await admin.domain("d")
        for number in range(5):
            await admin.project(f"p{number}", domain_id=domain["id"])
        page = await admin.get(f"/projects?domain_id={domain['id']}&limit=2")
        seen = [one["name"] for one in page["projects"]]
        assert page["truncated"] is True
        while page["links"]["next"]:
            page = await admin.get(page["links"]["next"].removeprefix("http://cloud.test/identity/v3"))
            seen += [one["name"] for one in page["projects"]]
        assert seen == ["p0", "p1", "p2", "p3", "p4"]
        assert "truncated" not in page


async def test_the_tree(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        top = await admin.project("top")
        middle = await admin.project("middle", parent_id=top["id"])
        leaf = await admin.project("leaf", parent_id=middle["id"])
        shown = (await admin.get(f"/projects/{leaf['id']}?parents_as_ids"))["project"]
        assert shown["parents"] == {middle["id"]: {top["id"]: {"default": None}}}
        shown = (await admin.get(f"/projects/{top['id']}?subtree_as_ids"))["project"]
        assert shown["subtree"] == {middle["id"]: {leaf["id"]: None}}
        shown = (await admin.get(f"/projects/{leaf['id']}?subtree_as_ids"))["project"]
        assert shown["subtree"] is None
        shown = (await admin.get(f"/projects/{leaf['id']}?parents_as_list"))["project"]
        assert shown["parents"] == [], "only projects where the caller has a role"
        own = cloud.made.users["admin"]
        await admin.put(f"/projects/{top['id']}/users/{own}/roles/{cloud.made.roles['admin']}")
        shown = (await admin.get(f"/projects/{leaf['id']}?parents_as_list&include_limits"))["project"]
        assert [one["project"]["name"] for one in shown["parents"]] == ["top"]
        assert shown["parents"][0]["project"]["limits"] == []
        await admin.get(f"/projects/{leaf['id']}?parents_as_list&parents_as_ids", 400)
        await admin.get(f"/projects/{leaf['id']}?subtree_as_list&subtree_as_ids", 400)

        await admin.delete(f"/projects/{middle['id']}", 403)
        await admin.patch(f"/projects/{middle['id']}", {"project": {"enabled": False}}, 403)
        await admin.patch(f"/projects/{leaf['id']}", {"project": {"enabled": False}})
        await admin.patch(f"/projects/{middle['id']}", {"project": {"enabled": False}})
        await admin.patch(f"/projects/{leaf['id']}", {"project": {"enabled": True}}, 403)
        await admin.post("/projects", {"project": {"name": "x", "parent_id": leaf["id"]}}, 400)
        await admin.patch(f"/projects/{leaf['id']}", {"project": {"parent_id": top["id"]}}, 403)
        await admin.patch(f"/projects/{leaf['id']}", {"project": {"domain_id": top["id"]}}, 400)
        await admin.patch(f"/projects/{leaf['id']}", {"project": {"is_domain": True}}, 400)


async def test_the_tree_has_a_depth(cloud: IdentityCloud) -> None:
    deepest = cloud.kit.settings[DefaultOptions].max_project_tree_depth
    async with cloud.as_admin() as admin:
        parent = "default"
        for level in range(deepest):
            parent = (await admin.project(f"level{level}", parent_id=parent))["id"]
        refused = await admin.post("/projects", {"project": {"name": "deeper", "parent_id": parent}}, 403)
        assert refused["error"]["message"] == f"Max hierarchy depth reached for {parent} branch."


async def test_a_parent_of_another_domain(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        domain = await admin.domain("d")
        parent = await admin.project("parent", domain_id=domain["id"])
        for body in (
            {"name": "x", "parent_id": parent["id"]},
            {"name": "x", "parent_id": "0" * 32},
            {"name": "x", "domain_id": "0" * 32},
            {"name": "x", "is_domain": True, "parent_id": parent["id"]},
        ):
            await admin.post("/projects", {"project": body}, 400)


async def test_names_are_unique_within_a_domain(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        domain = await admin.domain("d")
        first = await admin.project("same")
        await admin.project("same", domain_id=domain["id"])
        refused = await admin.post("/projects", {"project": {"name": "same"}}, 409)
        assert refused["error"]["title"] == "Conflict"
        other = await admin.project("other")
        await admin.patch(f"/projects/{other['id']}", {"project": {"name": "same"}}, 409)
        await admin.patch(f"/projects/{first['id']}", {"project": {"name": "same"}})
        await admin.post("/domains", {"domain": {"name": "d"}}, 409)
        await admin.post("/projects", {"project": {"name": "d", "is_domain": True}}, 409)


async def test_tags(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.project("p")
        path = f"/projects/{made['id']}/tags"
        assert (await admin.put(path, 200, {"tags": ["two", "one"]}))["tags"] == ["one", "two"]
        answer = await admin.http.put(f"/identity/v3{path}/three")
        assert (answer.status_code, answer.headers["Location"]) == (201, f"http://cloud.test/identity/v3{path}/three")
        assert (await admin.get(path))["tags"] == ["one", "three", "two"]
        await admin.get(f"{path}/three", 204)
        await admin.head(f"{path}/three")
        await admin.delete(f"{path}/three")
        await admin.get(f"{path}/three", 404)
        await admin.delete(f"{path}/three", 404)
        for bad in (["a", "a"], ["x" * 256], ["a,b"], ["a/b"], [""], [1], "a", [f"t{n}" for n in range(81)]):
            await admin.put(path, 400, {"tags": bad})
        assert (await admin.get(path))["tags"] == ["one", "two"]
        await admin.put(path, 200, {"tags": [f"t{n}" for n in range(80)]})
        await admin.put(f"{path}/one-more", 400)
        await admin.delete(path)
        assert (await admin.get(path))["tags"] == []


async def test_immutable(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.project("p", options={"immutable": True})
        path = f"/projects/{made['id']}"
        await admin.delete(path, 403)
        await admin.patch(path, {"project": {"name": "q"}}, 403)
        await admin.patch(path, {"project": {"name": "q", "options": {"immutable": False}}}, 403)
        await admin.put(f"{path}/tags/x", 403)
        released = await admin.patch(path, {"project": {"options": {"immutable": None}}})
        assert released["project"]["options"] == {}
        await admin.delete(path)
        await admin.post("/projects", {"project": {"name": "q", "options": {"unknown": True}}}, 400)


async def test_life_of_a_domain(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.domain("d", description="one", custom=1)
        path = f"/domains/{made['id']}"
        assert (await admin.get(path))["domain"] == made
        assert {"parent_id", "is_domain", "domain_id"} & made.keys() == set()
        as_project = (await admin.get(f"/projects/{made['id']}"))["project"]
        assert (as_project["is_domain"], as_project["domain_id"]) == (True, None)
        assert [one["name"] for one in (await admin.get("/domains?name=d"))["domains"]] == ["d"]
        assert [one["name"] for one in (await admin.get("/domains?enabled=0"))["domains"]] == []
        await admin.delete(path, 403)
        changed = await admin.patch(path, {"domain": {"enabled": False, "name": "e"}})
        assert changed["domain"]["name"] == "e"
        await admin.delete(path)
        await admin.get(path, 404)
        chosen = await admin.domain("chosen", explicit_domain_id="a" * 32)
        assert chosen["id"] == "a" * 32
        await admin.get(f"/domains/{cloud.made.projects['demo']}", 404)


async def test_a_deleted_domain_takes_everything_along(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        domain = await admin.domain("d")
        top = await admin.project("top", domain_id=domain["id"])
        leaf = await admin.project("leaf", domain_id=domain["id"], parent_id=top["id"])
        user = await admin.user("u", domain_id=domain["id"])
        group = await admin.group("g", domain_id=domain["id"])
        role = await admin.role("r", domain_id=domain["id"])
        member = cloud.made.roles["member"]
        await admin.put(f"/projects/{cloud.made.projects['demo']}/users/{user['id']}/roles/{member}")
        await admin.put(f"/domains/{domain['id']}/groups/{group['id']}/roles/{member}")
        before = len((await admin.get("/role_assignments"))["role_assignments"])
        await admin.patch(f"/domains/{domain['id']}", {"domain": {"enabled": False}})
        await admin.delete(f"/domains/{domain['id']}")
        for path in (
            f"/projects/{top['id']}",
            f"/projects/{leaf['id']}",
            f"/users/{user['id']}",
            f"/groups/{group['id']}",
            f"/roles/{role['id']}",
        ):
            await admin.get(path, 404)
        assert len((await admin.get("/role_assignments"))["role_assignments"]) == before - 2


async def test_a_deleted_project_is_nobody_s_default(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.project("p")
        user = await admin.user("u", default_project_id=made["id"])
        assert user["default_project_id"] == made["id"]
        await admin.delete(f"/projects/{made['id']}")
        assert "default_project_id" not in (await admin.get(f"/users/{user['id']}"))["user"]


@pytest.mark.parametrize("path", ["/projects", "/domains"])
async def test_what_a_user_of_a_project_sees(cloud: IdentityCloud, path: str) -> None:
    async with cloud.as_user("demo", "demo's password") as demo:
        await demo.get(path, 403)
        own = cloud.made.projects["demo"] if path == "/projects" else "default"
        await demo.get(f"{path}/{own}")
        await demo.get(f"{path}/{'0' * 32}", 403)
        if path == "/projects":
            await demo.get(f"{path}/{cloud.made.projects['admin']}", 403)
        await demo.post(path, {path.strip("/")[:-1]: {"name": "x"}}, 403)
        await demo.delete(f"{path}/{own}", 403)


async def test_a_reader_and_a_manager_of_a_domain(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        domain = await admin.domain("d")
        for name in ("reader", "manager"):
            user = await admin.user(name, domain_id=domain["id"])
            await admin.put(f"/domains/{domain['id']}/users/{user['id']}/roles/{cloud.made.roles[name]}")
        inside = await admin.project("inside", domain_id=domain["id"])
    scope = {"domain": {"id": domain["id"]}}
    async with cloud.as_user("reader", "secret", scope, domain["id"]) as reader:
        assert [one["id"] for one in (await reader.get("/projects"))["projects"]] == [inside["id"]]
        assert [one["id"] for one in (await reader.get("/domains"))["domains"]] == [domain["id"]]
        assert {one["name"] for one in (await reader.get("/users"))["users"]} == {"reader", "manager"}
        await reader.get(f"/projects/{inside['id']}")
        await reader.get(f"/projects/{cloud.made.projects['demo']}", 403)
        await reader.get("/domains/default", 403)
        await reader.post("/projects", {"project": {"name": "x", "domain_id": domain["id"]}}, 403)
    async with cloud.as_user("manager", "secret", scope, domain["id"]) as manager:
        made = await manager.project("mine", domain_id=domain["id"])
        await manager.post("/projects", {"project": {"name": "x", "domain_id": "default"}}, 403)
        user = await manager.user("new", domain_id=domain["id"])
        grants = f"/projects/{made['id']}/users/{user['id']}/roles"
        await manager.put(f"{grants}/{cloud.made.roles['member']}")
        await manager.put(f"{grants}/{cloud.made.roles['admin']}", 403)
        await manager.put(
            f"/projects/{made['id']}/users/{cloud.made.users['demo']}/roles/{cloud.made.roles['member']}", 403
        )
        await manager.delete(f"/users/{user['id']}")
        await manager.delete(f"/projects/{made['id']}")
        await manager.delete(f"/users/{cloud.made.users['demo']}", 403)
