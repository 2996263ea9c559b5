"""Regions, services, endpoints, policies and limits."""

import pytest

from harness.identity import DEMO, SYSTEM, IdentityCloud, project


async def test_regions(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        top = (await admin.post("/regions", {"region": {"id": "Asia", "description": "d", "custom": 1}}))["region"]
        assert (top["id"], top["parent_region_id"], top["custom"]) == ("Asia", None, 1)
        below = (await admin.post("/regions", {"region": {"parent_region_id": "Asia"}}))["region"]
        assert len(below["id"]) == 32
        put = (await admin.put("/regions/with space", 201, {"region": {"description": None}}))["region"]
        assert (put["id"], put["description"]) == ("with space", "")
        await admin.put("/regions/x", 400, {"region": {"id": "y"}})
        await admin.post("/regions", {"region": {"id": "Asia"}}, 409)
        await admin.post("/regions", {"region": {"parent_region_id": "nowhere"}}, 404)
        listed = (await admin.get("/regions?parent_region_id=Asia"))["regions"]
        assert [one["id"] for one in listed] == [below["id"]]
        await admin.patch("/regions/Asia", {"region": {"parent_region_id": below["id"]}}, 400)
        changed = await admin.patch(f"/regions/{below['id']}", {"region": {"description": "new"}})
        assert changed["region"]["description"] == "new"
        await admin.delete("/regions/RegionOne", 403)
        await admin.delete("/regions/Asia")
        await admin.get(f"/regions/{below['id']}", 404)


async def test_services(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = (await admin.post("/services", {"service": {"type": "dns", "name": "d", "description": "x"}}))[
            "service"
        ]
        assert (made["enabled"], made["description"]) == (True, "x")
        path = f"/services/{made['id']}"
        changed = (await admin.patch(path, {"service": {"enabled": False, "name": "e"}}))["service"]
        assert changed == made | {"enabled": False, "name": "e"}
        assert [one["id"] for one in (await admin.get("/services?type=dns"))["services"]] == [made["id"]]
        await admin.delete(path)
        await admin.get(path, 404)
        assert (await admin.post("/services", {"service": {"type": "unnamed"}}))["service"]["name"] == ""


async def test_endpoints(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        service_id = cloud.made.services["image"]
        body = {"service_id": service_id, "interface": "public", "url": "http://images.test", "region": "New"}
        made = (await admin.post("/endpoints", {"endpoint": body}))["endpoint"]
        assert (made["region_id"], made["region"], made["enabled"]) == ("New", "New", True)
        assert (await admin.get("/regions/New"))["region"]["id"] == "New"
        path = f"/endpoints/{made['id']}"
        changed = (await admin.patch(path, {"endpoint": {"enabled": False, "url": "http://other.test"}}))["endpoint"]
        assert changed == made | {"enabled": False, "url": "http://other.test"}
        listed = (await admin.get(f"/endpoints?service_id={service_id}&interface=public"))["endpoints"]
        assert len(listed) == 2
        assert len((await admin.get("/endpoints?region_id=New"))["endpoints"]) == 1
        for bad in (
            {"interface": "private"},
            {"service_id": "0" * 32},
            {"region_id": "nowhere"},
            {"url": "no address"},
            {"url": "http://x/$(unknown)s"},
            {"url": "http://x/%(project_id)"},
            {"url": "http://" + "x" * 250},
            {"enabled": "False"},
        ):
            await admin.patch(path, {"endpoint": bad}, 400)
            await admin.post("/endpoints", {"endpoint": body | bad}, 400)
        for name in ("interface", "service_id", "url"):
            rest = {key: value for key, value in body.items() if key != name}
            await admin.post("/endpoints", {"endpoint": rest}, 400)
        await admin.get("/endpoints?interface=private", 400)
        await admin.delete(path)
        await admin.delete(path, 404)


async def test_a_disabled_service_is_in_no_catalog(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        await admin.patch(f"/services/{cloud.made.services['image']}", {"service": {"enabled": False}})
        assert "image" not in {one["type"] for one in (await admin.get("/auth/catalog"))["catalog"]}


@pytest.mark.parametrize("path", ["/services", "/endpoints", "/policies"])
async def test_the_catalog_is_the_operators(cloud: IdentityCloud, path: str) -> None:
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        await demo.get(path, 403)
        await demo.post(path, {}, 403)
        await demo.get("/regions")
        await demo.post("/regions", {"region": {}}, 403)


async def test_policies(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = (await admin.post("/policies", {"policy": {"type": "application/json", "blob": "{}", "x": 1}}))[
            "policy"
        ]
        path = f"/policies/{made['id']}"
        changed = (await admin.patch(path, {"policy": {"blob": "{1}"}}))["policy"]
        assert changed == made | {"blob": "{1}"}
        assert len((await admin.get("/policies?type=application/json"))["policies"]) == 1
        await admin.delete(path)
        await admin.get(path, 404)
        await admin.post("/policies", {"policy": {"blob": "{}"}}, 400)


async def test_limits(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        service_id = cloud.made.services["compute"]
        wanted = {"service_id": service_id, "resource_name": "servers", "default_limit": 10, "region_id": "RegionOne"}
        registered = (await admin.post("/registered_limits", {"registered_limits": [wanted]}))["registered_limits"][0]
        path = f"/registered_limits/{registered['id']}"
        assert (await admin.get(path))["registered_limit"] == registered
        await admin.post("/registered_limits", {"registered_limits": [wanted]}, 409)
        own = {
            "service_id": service_id,
            "region_id": "RegionOne",
            "resource_name": "servers",
            "resource_limit": 3,
            "project_id": cloud.made.projects["demo"],
        }
        limit = (await admin.post("/limits", {"limits": [own]}))["limits"][0]
        await admin.post("/limits", {"limits": [own]}, 409)
        await admin.post("/limits", {"limits": [own | {"region_id": None}]}, 403)
        await admin.post("/limits", {"limits": [own | {"domain_id": "default"}]}, 400)
        await admin.post("/limits", {"limits": [own | {"resource_limit": "many"}]}, 400)
        await admin.post("/limits", {"limits": []}, 400)
        await admin.patch(path, {"registered_limit": {"resource_name": "x"}}, 403)
        changed = await admin.patch(path, {"registered_limit": {"default_limit": 20}})
        assert changed["registered_limit"]["default_limit"] == 20
        await admin.delete(path, 403)
        assert (await admin.get("/limits/model"))["model"]["name"] == "flat"
        raised = await admin.patch(f"/limits/{limit['id']}", {"limit": {"resource_limit": 4}})
        assert raised["limit"]["resource_limit"] == 4
        async with cloud.as_user("demo", DEMO, project("demo")) as demo:
            assert [one["id"] for one in (await demo.get("/limits"))["limits"]] == [limit["id"]]
            await demo.get(f"/limits/{limit['id']}")
            await demo.post("/limits", {"limits": [own]}, 403)
        async with cloud.as_admin({"domain": {"id": "default"}}) as of_domain:
            assert len((await of_domain.get("/limits"))["limits"]) == 1
        await admin.delete(f"/limits/{limit['id']}")
        await admin.get(f"/limits/{limit['id']}", 404)
        await admin.delete(path)
