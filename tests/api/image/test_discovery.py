"""What the service says about itself, and how it says no."""

import pytest

from harness.images import Images, create


async def test_versions(cloud: Images) -> None:
    async with cloud.as_("nobody") as client:
        choice = await client.get("")
        listed = await client.get("/versions")
        assert (choice.status_code, listed.status_code) == (300, 200)
        assert choice.json() == listed.json()
        versions = listed.json()["versions"]
        assert [v["id"] for v in versions if v["status"] == "CURRENT"] == ["v2.17"]
        assert versions[-1] == {
            "id": "v2.0",
            "status": "SUPPORTED",
            "links": [{"rel": "self", "href": "http://cloud/image/v2/"}],
        }
        assert (await client.get("/")).status_code == 300


async def test_schemas(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = (await client.get("/v2/schemas/image")).json()
        assert image["name"] == "image"
        assert image["additionalProperties"] == {"type": "string"}
        assert {link["rel"] for link in image["links"]} == {"self", "enclosure", "describedby"}
        assert image["properties"]["disk_format"]["enum"][:2] == [None, "ami"]
        assert image["properties"]["status"]["readOnly"] is True
        assert image["properties"]["kernel_id"]["is_base"] is False
        made = await create(client, prop="x")
        assert set(made) - {"prop"} <= set(image["properties"])
        images = (await client.get("/v2/schemas/images")).json()
        assert images["properties"]["images"]["items"] == image
        member = (await client.get("/v2/schemas/member")).json()
        assert set(member["properties"]) == {"member_id", "image_id", "created_at", "updated_at", "status", "schema"}
        assert (await client.get("/v2/schemas/members")).json()["properties"]["members"]["items"] == member
        assert (await client.get("/v2/schemas/nothing")).status_code == 404


async def test_only_what_works_is_offered(cloud: Images) -> None:
    async with cloud.as_("member") as client, cloud.as_("admin") as admin:
        methods = (await client.get("/v2/info/import")).json()["import-methods"]
        assert (methods["type"], methods["value"]) == ("array", [])
        (store,) = (await client.get("/v2/info/stores")).json()["stores"]
        assert (store["id"], store["default"]) == ("file", "true")
        assert (await client.get("/v2/info/stores/detail")).status_code == 403
        (detail,) = (await admin.get("/v2/info/stores/detail")).json()["stores"]
        assert detail["type"] == "file"
        assert detail["properties"]["data_dir"] == str(cloud.folder)
        assert (await client.get("/v2/info/usage")).json() == {"usage": {}}


HTML = """<html>
 <head>
  <title>404 Not Found</title>
 </head>
 <body>
  <h1>404 Not Found</h1>
  No image found with ID &lt;b&gt;<br /><br />



 </body>
</html>"""


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        ("text/html, application/json", "text/html"),
        ("application/json", "application/json"),
        ("application/json, */*;q=0.1", "application/json"),
        ("image/png", "text/plain"),
        ("nonsense", "text/html"),
    ],
)
async def test_errors_in_the_form_that_is_asked_for(cloud: Images, accept: str, kind: str) -> None:
    async with cloud.as_("member", Accept=accept) as client:
        answer = await client.get("/v2/images/<b>")
        assert answer.status_code == 404
        assert answer.headers["content-type"].partition(";")[0] == kind
        if kind == "text/html":
            assert answer.text == HTML
        elif kind == "application/json":
            assert answer.json() == {
                "code": "404 Not Found",
                "message": "No image found with ID <b><br /><br />\n\n\n",
                "title": "Not Found",
            }
        else:
            assert answer.text.startswith("404 Not Found\n\nNo image found with ID <b>\n")


async def test_media_types_are_refused_with_the_cause(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        answer = await client.put(image["file"], content=b"x", headers={"Content-Type": "text/css"})
        body = answer.json()
        assert body["code"] == "415 Unsupported Media Type"
        assert "The request media type text/css is not supported by this server." in body["message"]
        assert "Invalid content type text/css" in body["message"]


async def test_unknown_paths_and_methods(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        assert (await client.get("/v1/images")).status_code == 404
        assert (await client.get("/v2/tasks")).status_code == 404
        for method in ("GET", "DELETE", "PATCH"):
            assert (await client.request(method, "/v2/images/")).status_code == 404, "an image without an id"
        for method, path, allowed in (
            ("PUT", "/v2/images", {"GET", "POST"}),
            ("POST", "/v2/images/x", {"GET", "PATCH", "DELETE"}),
            ("DELETE", "/v2/images/x/file", {"GET", "PUT"}),
        ):
            answer = await client.request(method, path)
            assert answer.status_code == 405
            assert allowed <= set(answer.headers["allow"].replace(" ", "").split(","))


async def test_bodies_where_none_belongs(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/actions/deactivate"), ("GET", "/members")):
            answer = await client.request(method, image["self"] + path, content=b"{}")
            assert answer.status_code == 400
            assert "A body is not expected with this request." in answer.json()["message"]
        assert (await client.get(image["self"])).status_code == 200
