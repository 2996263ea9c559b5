"""Roles, what they imply, grants and the listing of assignments."""

from typing import Any

from harness.identity import DEMO, SYSTEM, Caller, IdentityCloud, by_password, project


async def test_life_of_a_role(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.role("auditor", description="reads", custom=1)
        assert (made["domain_id"], made["options"], made["custom"]) == (None, {}, 1)
        path = f"/roles/{made['id']}"
        changed = await admin.patch(path, {"role": {"name": "inspector"}})
        assert changed["role"] == made | {"name": "inspector"}
        await admin.post("/roles", {"role": {"name": "inspector"}}, 409)
        assert [one["name"] for one in (await admin.get("/roles?name=inspector"))["roles"]] == ["inspector"]
        await admin.patch(path, {"role": {"domain_id": "default"}}, 400)
        await admin.delete(path)
        await admin.get(path, 404)


async def test_the_cloud_s_own_roles_are_immutable(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        for role_id in cloud.made.roles.values():
            await admin.delete(f"/roles/{role_id}", 403)
            await admin.patch(f"/roles/{role_id}", {"role": {"name": "x"}}, 403)


async def test_implications(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        one, two = await admin.role("one"), await admin.role("two")
        path = f"/roles/{one['id']}/implies/{two['id']}"
        await admin.get(path, 404)
        made = await admin.put(path, 201)
        assert made["role_inference"]["implies"]["name"] == "two"
        assert made["role_inference"]["prior_role"]["id"] == one["id"]
        await admin.put(path, 409)
        assert await admin.get(path) == made
        await admin.head(path)
        listed = (await admin.get(f"/roles/{one['id']}/implies"))["role_inference"]
        assert [role["name"] for role in listed["implies"]] == ["two"]
        everything = (await admin.get("/role_inferences"))["role_inferences"]
        pairs = {(one["prior_role"]["name"], role["name"]) for one in everything for role in one["implies"]}
        assert pairs == {("admin", "manager"), ("manager", "member"), ("member", "reader"), ("one", "two")}
        await admin.put(f"/roles/{one['id']}/implies/{cloud.made.roles['admin']}", 403)
        await admin.put(f"/roles/{one['id']}/implies/{'0' * 32}", 404)
        await admin.delete(path)
        await admin.delete(path, 404)


async def test_a_domain_s_roles_only_imply(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        domain = await admin.domain("d")
        special = await admin.role("special", domain_id=domain["id"])
        plain = await admin.role("plain")
        await admin.put(f"/roles/{plain['id']}/implies/{special['id']}", 403)
        await admin.put(f"/roles/{special['id']}/implies/{plain['id']}", 201)
        assert "special" not in [one["name"] for one in (await admin.get("/roles"))["roles"]]
        own = (await admin.get(f"/roles?domain_id={domain['id']}"))["roles"]
        assert [one["name"] for one in own] == ["special"]
        inside = await admin.project("inside", domain_id=domain["id"])
        user = await admin.user("u", domain_id=domain["id"])
        grant = f"/users/{user['id']}/roles/{special['id']}"
        await admin.put(f"/projects/{cloud.made.projects['demo']}{grant}", 403)
        await admin.put(f"/system{grant}", 400)
        await admin.put(f"/projects/{inside['id']}{grant}")
        scope = {"project": {"id": inside["id"]}}
        issued = await cloud.authenticate(by_password("u", "secret", domain=domain["id"], scope=scope))
        assert [role["name"] for role in issued.json()["token"]["roles"]] == ["plain"]
        await admin.delete(f"/roles/{special['id']}/implies/{plain['id']}")
        refused = await cloud.authenticate(by_password("u", "secret", domain=domain["id"], scope=scope))
        assert refused.status_code == 401


async def test_every_kind_of_grant(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        user, group = await admin.user("u"), await admin.group("g")
        role = cloud.made.roles["reader"]
        targets = {
            "project": f"/projects/{cloud.made.projects['demo']}",
            "domain": "/domains/default",
            "system": "/system",
        }
        for kind, where in targets.items():
            for actor in (f"users/{user['id']}", f"groups/{group['id']}"):
                ways = [("", f"{where}/{actor}/roles", "")]
                if kind != "system":
                    ways.append(("/OS-INHERIT", f"{where}/{actor}/roles", "/inherited_to_projects"))
                for prefix, roles, tail in ways:
                    one = f"{prefix}{roles}/{role}{tail}"
                    await admin.head(one, 404)
                    await admin.delete(one, 404)
                    await admin.put(one)
                    await admin.put(one)
                    await admin.head(one)
                    await admin.get(one, 204)
                    if not (prefix and kind == "project"):
                        listed = (await admin.get(f"{prefix}{roles}{tail}"))["roles"]
                        assert [found["name"] for found in listed] == ["reader"], one
                    await admin.delete(one)
                    await admin.head(one, 404)
        missing = "0" * 32
        for path in (
            f"/projects/{missing}/users/{user['id']}/roles/{role}",
            f"/projects/{cloud.made.projects['demo']}/users/{missing}/roles/{role}",
            f"/projects/{cloud.made.projects['demo']}/users/{user['id']}/roles/{missing}",
            f"/domains/{missing}/groups/{group['id']}/roles/{role}",
        ):
            await admin.put(path, 404)


async def assignments(caller: Caller, query: str) -> list[dict[str, Any]]:
    return list((await caller.get(f"/role_assignments?{query}"))["role_assignments"])


async def test_assignments_as_granted(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        found = await assignments(admin, f"user.id={cloud.made.users['admin']}")
        assert {next(iter(one["scope"])) for one in found} == {"project", "domain", "system"}
        system = await assignments(admin, "scope.system=all")
        assert [one["scope"] for one in system] == [{"system": {"all": True}}]
        user, role = cloud.made.users["admin"], cloud.made.roles["admin"]
        assert system[0]["links"]["assignment"].endswith(f"/v3/system/users/{user}/roles/{role}")
        named = await assignments(admin, f"scope.project.id={cloud.made.projects['demo']}&include_names")
        default = {"id": "default", "name": "Default"}
        assert named[0]["user"] == {"id": cloud.made.users["demo"], "name": "demo", "domain": default}
        assert named[0]["role"] == {"id": cloud.made.roles["member"], "name": "member"}
        assert named[0]["scope"]["project"] == {"id": cloud.made.projects["demo"], "name": "demo", "domain": default}
        assert await assignments(admin, "role.id=" + "0" * 32) == []
        assert len(await assignments(admin, f"role.id={cloud.made.roles['member']}")) == 1


async def test_assignments_as_they_take_effect(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        domain = await admin.domain("d")
        top = await admin.project("top", domain_id=domain["id"])
        leaf = await admin.project("leaf", domain_id=domain["id"], parent_id=top["id"])
        user, group = await admin.user("u", domain_id=domain["id"]), await admin.group("g", domain_id=domain["id"])
        await admin.put(f"/groups/{group['id']}/users/{user['id']}")
        member, reader = cloud.made.roles["member"], cloud.made.roles["reader"]
        inherit = f"/domains/{domain['id']}/groups/{group['id']}/roles/{member}/inherited_to_projects"
        await admin.put(f"/OS-INHERIT{inherit}")
        own = await assignments(admin, f"group.id={group['id']}")
        assert own[0]["scope"] == {"domain": {"id": domain["id"]}, "OS-INHERIT:inherited_to": "projects"}
        assert own[0]["links"]["assignment"].endswith(f"/v3/OS-INHERIT{inherit}")

        found = await assignments(admin, f"effective&user.id={user['id']}")
        pairs = {(one["scope"]["project"]["id"], one["role"]["id"]) for one in found}
        assert pairs == {(place["id"], role) for place in (top, leaf) for role in (member, reader)}
        direct = next(one for one in found if one["role"]["id"] == member)
        assert direct["links"]["assignment"].endswith(f"/v3/OS-INHERIT{inherit}")
        assert direct["links"]["membership"].endswith(f"/groups/{group['id']}/users/{user['id']}")
        implied = next(one for one in found if one["role"]["id"] == reader)
        assert implied["links"]["prior_role"].endswith(f"/prior_role/{reader}/implies/{member}")

        on_leaf = await assignments(admin, f"effective&scope.project.id={leaf['id']}&role.id={reader}")
        assert [one["user"]["id"] for one in on_leaf] == [user["id"]]
        assert await assignments(admin, f"effective&scope.domain.id={domain['id']}") == []
        tree = await assignments(admin, f"include_subtree&effective&scope.project.id={top['id']}")
        assert {one["scope"]["project"]["id"] for one in tree} == {top["id"], leaf["id"]}
        projects = (await admin.get(f"/users/{user['id']}/projects"))["projects"]
        assert [one["name"] for one in projects] == ["leaf", "top"]

        for query in (
            f"effective&group.id={group['id']}",
            f"user.id={user['id']}&group.id={group['id']}",
            f"scope.project.id={top['id']}&scope.domain.id={domain['id']}",
            f"scope.system=all&scope.domain.id={domain['id']}",
            f"scope.system=all&scope.project.id={top['id']}",
            f"effective&scope.OS-INHERIT:inherited_to=projects&scope.domain.id={domain['id']}",
            "include_subtree",
        ):
            await admin.get(f"/role_assignments?{query}", 400)


async def test_what_a_domain_s_reader_sees(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        domain = await admin.domain("d")
        user = await admin.user("u", domain_id=domain["id"])
        await admin.put(f"/domains/{domain['id']}/users/{user['id']}/roles/{cloud.made.roles['reader']}")
        inside = await admin.project("inside", domain_id=domain["id"])
        await admin.put(f"/projects/{inside['id']}/users/{user['id']}/roles/{cloud.made.roles['member']}")
    async with cloud.as_user("u", "secret", {"domain": {"id": domain["id"]}}, domain["id"]) as reader:
        assert len(await assignments(reader, "")) == 2
        found = await assignments(reader, "effective")
        assert {tuple(one["scope"]) for one in found} == {("domain",), ("project",)}
        await reader.get("/roles", 403)
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        await demo.get("/role_assignments", 403)
        await demo.get("/roles", 403)
        await demo.get("/role_inferences", 403)


async def test_a_deleted_role_is_gone_everywhere(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        role = await admin.role("r")
        user = await admin.user("u")
        await admin.put(f"/projects/{cloud.made.projects['demo']}/users/{user['id']}/roles/{role['id']}")
        async with cloud.as_user("u", "secret", project("demo")) as holder:
            await holder.get("/auth/projects")
            await admin.delete(f"/roles/{role['id']}")
            await holder.get("/auth/projects", 401)
        assert await assignments(admin, f"user.id={user['id']}") == []
