"""Creating servers over HTTP: what is accepted, what is refused with nothing changed (LAUNCH-009 to LAUNCH-023)."""

import asyncio
import base64
from typing import Any

import pytest

from harness.simulated_cloud import Answer, SimulatedCloud

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("no_servers_left")]

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcUEiS6s4M6nXHcKPJGzBAOMUDBjXXDmbPPDAgo5rHZ someone@example"
NOWHERE = "00000000-0000-0000-0000-000000000000"


async def create(
    cloud: SimulatedCloud, version: str = "2.104", user: str = "demo", hints: Any = None, **fields: Any
) -> Answer:
    server = {"name": "one", "flavorRef": "1", "imageRef": cloud.image, **fields}
    if version >= "2.37" or len(version) > 4:
        server.setdefault("networks", "none")
    body: dict[str, Any] = {"server": {name: value for name, value in server.items() if value is not ...}}
    if hints is not None:
        body["os:scheduler_hints"] = hints
    return await cloud.compute("POST", "/servers", body, user=user, version=version)


async def network(cloud: SimulatedCloud, name: str, cidr: str, user: str = "demo") -> tuple[str, str]:
    made = await cloud.call("POST", "/network/v2.0/networks", {"network": {"name": name}}, user=user)
    subnet = {"network_id": made.body["network"]["id"], "ip_version": 4, "cidr": cidr}
    answer = await cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet}, user=user)
    return made.body["network"]["id"], answer.body["subnet"]["id"]


async def test_everything_a_request_can_ask_for(cloud: SimulatedCloud) -> None:
    net, _ = await network(cloud, "blue", "10.1.0.0/24")
    await cloud.compute("POST", "/os-keypairs", {"keypair": {"name": "k", "public_key": KEY}}, user="demo")
    user_data = base64.b64encode(b"#cloud-config\n").decode()
    answer = await create(
        cloud,
        networks=[{"uuid": net, "fixed_ip": "10.1.0.50", "tag": "front"}],
        key_name="k",
        user_data=user_data,
        metadata={"role": "web"},
        config_drive=True,
        description="all of it",
        tags=["a", "b"],
        hostname="web.example",
        accessIPv6="2001:db8:0:0::1",
        security_groups=[{"name": "default"}],
        availability_zone="nova",
        adminPass="secret",
        **{"OS-DCF:diskConfig": "AUTO"},
    )
    assert answer.status == 202, answer.text
    view = answer.body["server"]
    assert set(view) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert (view["adminPass"], view["OS-DCF:diskConfig"]) == ("secret", "AUTO")
    assert answer.headers["Location"] == view["links"][0]["href"]
    shown = await cloud.settled(view["id"], "ACTIVE")
    address = shown["addresses"]["blue"][0]
    assert (address["addr"], address["OS-EXT-IPS:type"]) == ("10.1.0.50", "fixed")
    assert shown["security_groups"] == [{"name": "default"}]
    expected = {
        "key_name": "k", "metadata": {"role": "web"}, "config_drive": "True", "description": "all of it",
        "tags": ["a", "b"], "OS-EXT-SRV-ATTR:hostname": "web.example", "accessIPv6": "2001:db8::1",
        "OS-EXT-SRV-ATTR:user_data": user_data, "pinned_availability_zone": "nova", "OS-DCF:diskConfig": "AUTO",
        "OS-EXT-AZ:availability_zone": "nova", "OS-EXT-STS:power_state": 1, "progress": 0,
    }  # fmt: skip
    assert {name: shown[name] for name in expected} == expected
    interfaces = (await cloud.compute("GET", f"/servers/{view['id']}/os-interface", version="2.70")).body
    assert [one["tag"] for one in interfaces["interfaceAttachments"]] == ["front"]


async def test_the_guest_is_told_what_it_may_know(cloud: SimulatedCloud) -> None:
    """What reaches the host: names, keys, user data, the password on the first boot only."""
    made = (await create(cloud, adminPass="once", metadata={"a": "b"}, config_drive=True)).body["server"]
    await cloud.settled(made["id"], "ACTIVE")
    driver_data = cloud.guest_data(made["id"])
    assert (driver_data.admin_password, driver_data.meta, driver_data.hostname) == (
        "once",
        {"a": "b"},
        "one.novalocal",
    )
    assert driver_data.ec2_id.startswith("i-0000") and driver_data.ami_id == "ami-00000001"
    assert cloud.guest(made["id"]).name == f"instance-{int(driver_data.ec2_id[2:], 16):08x}"
    await cloud.compute("POST", f"/servers/{made['id']}/action", {"reboot": {"type": "HARD"}})
    await cloud.settled(made["id"], "ACTIVE")
    await cloud.compute("POST", f"/servers/{made['id']}/metadata", {"metadata": {"c": "d"}})

    async def told() -> bool:
        data = cloud.guest_data(made["id"])
        return data.meta == {"a": "b", "c": "d"} and data.admin_password is None

    await cloud.until(told)


async def test_files_until_256(cloud: SimulatedCloud) -> None:
    file = {"path": "/etc/motd", "contents": base64.b64encode(b"hello").decode()}
    made = await create(cloud, "2.56", personality=[file], config_drive=True)
    assert made.status == 202, made.text
    await cloud.settled(made.body["server"]["id"], "ACTIVE")
    (kept,) = cloud.guest_data(made.body["server"]["id"]).files
    assert (kept.path, kept.contents) == (file["path"], file["contents"])
    many = await create(cloud, "2.56", personality=[{**file, "path": f"/{number}"} for number in range(6)])
    large = await create(cloud, "2.56", personality=[{**file, "contents": base64.b64encode(b"x" * 10241).decode()}])
    assert (many.status, large.status) == (403, 403)


async def test_requests_that_race_for_the_last_place(cloud: SimulatedCloud) -> None:
    """However many come at once, the quota holds."""
    project = cloud.projects["demo"]
    await cloud.compute("PUT", f"/os-quota-sets/{project}", {"quota_set": {"instances": 2}})
    answers = await asyncio.gather(*(create(cloud, name=str(number)) for number in range(8)))
    await cloud.compute("DELETE", f"/os-quota-sets/{project}")
    assert sorted(answer.status for answer in answers) == [202] * 2 + [403] * 6


async def test_several_at_once(cloud: SimulatedCloud) -> None:
    answer = await create(cloud, name="many", min_count=2, max_count="3", return_reservation_id=True)
    assert answer.status == 202 and set(answer.body) == {"reservation_id"}
    found = await cloud.compute(
        "GET", f"/servers/detail?all_tenants=1&reservation_id={answer.body['reservation_id']}", version="2.3"
    )
    by_index = sorted(found.body["servers"], key=lambda server: server["name"])
    assert [server["name"] for server in by_index] == ["many-1", "many-2", "many-3"]
    whole = [await cloud.settled(server["id"], "ACTIVE") for server in by_index]
    assert [server["OS-EXT-SRV-ATTR:launch_index"] for server in whole] == [0, 1, 2]
    assert [server["OS-EXT-SRV-ATTR:hostname"] for server in whole] == ["many-1", "many-2", "many-3"]


async def test_quota_gives_as_many_as_it_can(cloud: SimulatedCloud) -> None:
    project = cloud.projects["demo"]
    await cloud.compute("PUT", f"/os-quota-sets/{project}", {"quota_set": {"instances": 2, "cores": 9}})
    refused = await create(cloud, min_count=3)
    assert refused.fault == (
        "forbidden",
        "Quota exceeded for instances: Requested 3, but already used 0 of 2 instances",
    )
    assert (await cloud.compute("GET", "/servers", user="demo")).body["servers"] == []
    assert (await create(cloud, min_count=1, max_count=5)).status == 202
    assert len((await cloud.compute("GET", "/servers", user="demo")).body["servers"]) == 2
    assert (await create(cloud)).status == 403
    await cloud.forget()
    large = await create(cloud, flavorRef="5", min_count=2)
    assert large.status == 403 and "cores" in large.fault[1]
    await cloud.compute("DELETE", f"/os-quota-sets/{project}")


@pytest.mark.parametrize(
    ("fields", "version", "words"),
    [
        ({"name": ...}, "2.1", "name"),
        ({"name": "x" * 256}, "2.1", "length"),
        ({"flavorRef": "nothing"}, "2.1", "Flavor nothing could not be found."),
        ({"flavorRef": ...}, "2.1", "flavorRef"),
        ({"imageRef": NOWHERE}, "2.1", "Can not find requested image"),
        ({"imageRef": "cirros"}, "2.1", "uuid"),
        ({"imageRef": ...}, "2.1", "Invalid imageRef provided."),
        ({"imageRef": ""}, "2.1", "Invalid imageRef provided."),
        ({"key_name": "nobodys"}, "2.1", "Invalid key_name provided."),
        ({"networks": [{"uuid": NOWHERE}]}, "2.1", NOWHERE),
        ({"networks": [{"uuid": "x"}]}, "2.1", "proper format"),
        ({"networks": [{"port": NOWHERE}]}, "2.1", NOWHERE),
        ({"networks": [{"fixed_ip": "10.0.0.1"}]}, "2.1", "uuid"),
        ({"networks": [{"port": NOWHERE, "fixed_ip": "10.0.0.1"}]}, "2.1", "cannot be used"),
        ({"networks": "auto"}, "2.36", "array"),
        ({"networks": "some"}, "2.37", "networks"),
        ({"networks": ...}, "2.37", "networks"),
        ({"networks": [{"uuid": NOWHERE, "tag": "t"}]}, "2.31", "tag"),
        ({"networks": [{"uuid": NOWHERE, "tag": "t"}]}, "2.37", "tag"),
        ({"security_groups": [{"name": "none such"}]}, "2.1", "none such"),
        ({"user_data": "QUJ"}, "2.1", "base64"),
        ({"user_data": "A" * 65540}, "2.1", "length"),
        ({"metadata": {"k": "x" * 256}}, "2.1", "too long"),
        ({"metadata": {"": "x"}}, "2.1", "pattern"),
        ({"metadata": {"k": 1}}, "2.1", "str"),
        ({"config_drive": "perhaps"}, "2.1", "config_drive"),
        ({"min_count": 0}, "2.1", "minimum"),
        ({"min_count": 3, "max_count": 2}, "2.1", "min_count must be <= max_count"),
        ({"availability_zone": "mars"}, "2.1", "availability zone is not available"),
        ({"description": "x"}, "2.18", "description"),
        ({"description": "x" * 256}, "2.19", "length"),
        ({"tags": ["x"]}, "2.51", "tags"),
        ({"tags": ["a,b"]}, "2.52", "regex"),
        ({"tags": [str(number) for number in range(51)]}, "2.52", "length"),
        ({"personality": []}, "2.57", "personality"),
        ({"personality": [{"path": "/a", "contents": "QUJ"}]}, "2.1", "base64"),
        ({"trusted_image_certificates": ["a"]}, "2.62", "trusted_image_certificates"),
        ({"trusted_image_certificates": ["a"]}, "2.63", "not available"),
        ({"trusted_image_certificates": []}, "2.63", "length"),
        ({"host": "sim-0001"}, "2.73", "host"),
        ({"hostname": "web"}, "2.89", "hostname"),
        ({"hostname": "a.b"}, "2.93", "host name"),
        ({"hostname": "web", "min_count": 2}, "2.94", "single hostname"),
        ({"accessIPv4": "::1"}, "2.1", "ipv4"),
        ({"OS-DCF:diskConfig": "MAYBE"}, "2.1", "MAYBE"),
        ({"colour": "red"}, "2.1", "colour"),
        ({"block_device_mapping_v2": [{"source_type": "volume", "uuid": NOWHERE}]}, "2.1", "Block Storage"),
        ({"block_device_mapping_v2": [{"boot_index": 0}]}, "2.1", "required fields"),
        ({"block_device_mapping_v2": [{"source_type": "blank", "destination_type": "volume"}]}, "2.1", "Storage"),
        ({"block_device_mapping_v2": [{"source_type": "image", "destination_type": "local", "uuid": "x"}]}, "2.1",
         "Mapping image to local"),
        ({"block_device_mapping_v2": [
            {"source_type": "blank", "destination_type": "local", "guest_format": "swap", "volume_size": 9}]}, "2.1",
         "Swap drive"),
        ({"block_device_mapping": [{"volume_id": NOWHERE}]}, "2.1", "Block Storage"),
        ({"block_device_mapping": [{"volume_id": NOWHERE}], "block_device_mapping_v2": [{"source_type": "blank"}]},
         "2.1", "different block_device_mapping syntaxes"),
    ],
)  # fmt: skip
async def test_refused(cloud: SimulatedCloud, fields: dict[str, Any], version: str, words: str) -> None:
    answer = await create(cloud, version, **fields)
    assert (answer.status, answer.fault[0]) == (400, "badRequest"), answer.text
    assert words in answer.fault[1]
    assert (await cloud.compute("GET", "/servers?all_tenants=1")).body["servers"] == []


@pytest.mark.parametrize(
    ("hints", "status"),
    [
        ({"group": NOWHERE}, 400),
        ({"group": "friends"}, 400),
        ({"different_host": "x"}, 400),
        ({"same_host": ["x"]}, 400),
        ({"query": 5}, 400),
        ({"whatever": [1, {"a": None}]}, 202),
    ],
)
async def test_hints(cloud: SimulatedCloud, hints: dict[str, Any], status: int) -> None:
    answer = await create(cloud, hints=hints)
    assert answer.status == status, answer.text
    if status == 202:
        assert (await cloud.server(answer.body["server"]["id"]))["scheduler_hints"] == hints


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"server": 1}', b"\xff", b"null", b'{"server": {}, "x": 1}'])
async def test_malformed_bodies(cloud: SimulatedCloud, content: bytes) -> None:
    answer = await cloud.compute(
        "POST", "/servers", user="demo", content=content, headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.fault[0]) == (400, "badRequest"), answer.text


async def test_oversize_bodies(cloud: SimulatedCloud) -> None:
    answer = await create(cloud, description="x" * 200_000)
    assert (answer.status, answer.fault[0]) == (413, "overLimit")


async def test_who_may(cloud: SimulatedCloud) -> None:
    assert (await create(cloud, availability_zone="nova:sim-0001")).status == 403
    assert (await create(cloud, host="sim-0001")).status == 403
    forced = await create(cloud, user="admin", availability_zone="nova:sim-0002")
    assert (await cloud.settled(forced.body["server"]["id"], "ACTIVE"))["OS-EXT-SRV-ATTR:host"] == "sim-0002"
    asked = await create(cloud, user="admin", host="sim-0001")
    assert (await cloud.settled(asked.body["server"]["id"], "ACTIVE"))["OS-EXT-SRV-ATTR:host"] == "sim-0001"
    assert (await create(cloud, user="admin", host="nowhere")).fault[1] == "Compute host nowhere could not be found."
    both = await create(cloud, user="admin", host="sim-0001", availability_zone="nova:sim-0001")
    assert both.status == 400
    assert (await create(cloud, user="admin", availability_zone="a:b:c:d")).status == 400


async def test_flavor_and_image_have_to_fit(cloud: SimulatedCloud) -> None:
    async def image(**fields: Any) -> str:
        body = {"name": "i", "disk_format": "raw", "container_format": "bare", "visibility": "public", **fields}
        made = await cloud.call("POST", "/image/v2/images", body)
        assert made.status == 201, made.text
        return str(made.body["id"])

    queued = await image()
    assert (await create(cloud, imageRef=queued)).fault[1] == f"Image {queued} is not active."

    async def filled(**fields: Any) -> str:
        found = await image(**fields)
        headers = {"Content-Type": "application/octet-stream"}
        await cloud.call("PUT", f"/image/v2/images/{found}/file", content=b"x" * 1024, headers=headers)
        return found

    hungry = await create(cloud, imageRef=await filled(min_ram=1024))
    assert hungry.fault[1] == "Flavor's memory is too small for requested image."
    wide = await create(cloud, imageRef=await filled(min_disk=2))
    assert "smaller than the minimum size specified in image metadata" in wide.fault[1]
    odd = await create(cloud, imageRef=await filled(hw_disk_bus="string"))
    assert odd.status == 400 and "hw_disk_bus" in odd.fault[1]
    fixed = await filled(auto_disk_config="disabled")
    assert (await create(cloud, imageRef=fixed, **{"OS-DCF:diskConfig": "AUTO"})).status == 400
    diskless = {"flavor": {"name": "diskless", "ram": 64, "vcpus": 1, "disk": 0, "id": "0"}}
    assert (await cloud.compute("POST", "/flavors", diskless)).status == 200
    refused = await create(cloud, flavorRef="0")
    assert refused.fault == ("forbidden", "Only volume-backed servers are allowed for flavors with zero disk.")


async def test_ambiguous_and_busy_networks(cloud: SimulatedCloud) -> None:
    green, _ = await network(cloud, "green", "10.2.0.0/24")
    await network(cloud, "red", "10.3.0.0/24")
    answer = await create(cloud, "2.1")
    assert (answer.status, answer.fault[0]) == (409, "conflictingRequest")
    port = await cloud.call("POST", "/network/v2.0/ports", {"port": {"network_id": green}}, user="demo")
    port_id = port.body["port"]["id"]
    first = await create(cloud, networks=[{"port": port_id}])
    await cloud.settled(first.body["server"]["id"], "ACTIVE")
    second = await create(cloud, networks=[{"port": port_id}])
    assert (second.status, second.fault[0]) == (409, "conflictingRequest")
    twice = await create(cloud, networks=[{"port": port_id}], min_count=2)
    assert twice.status == 400
    await cloud.forget()
    kept = await cloud.call("GET", f"/network/v2.0/ports/{port_id}", user="demo")
    assert kept.body["port"]["device_id"] == "", "a port that was given is freed, not deleted"


async def test_the_host_is_told_disks_and_hardware(cloud: SimulatedCloud) -> None:
    flavor = {
        "name": "rich",
        "ram": 64,
        "vcpus": 4,
        "disk": 2,
        "id": "rich",
        "OS-FLV-EXT-DATA:ephemeral": 3,
        "swap": 512,
    }
    assert (await cloud.compute("POST", "/flavors", {"flavor": flavor})).status == 200
    await cloud.compute("POST", "/flavors/rich/os-extra_specs", {"extra_specs": {"hw:cpu_sockets": "2"}})
    fields = {"hw_disk_bus": "scsi", "hw_vif_model": "e1000", "hw_machine_type": "q35"}
    image = {"name": "i", "disk_format": "raw", "container_format": "bare", "visibility": "public", **fields}
    image_id = (await cloud.call("POST", "/image/v2/images", image)).body["id"]
    headers = {"Content-Type": "application/octet-stream"}
    await cloud.call("PUT", f"/image/v2/images/{image_id}/file", content=bytes(1024), headers=headers)
    net, _ = await network(cloud, "rich", "10.4.0.0/24")
    networks = [{"uuid": net}]
    made = await create(cloud, flavorRef="rich", imageRef=image_id, config_drive=True, networks=networks)
    assert made.status == 202, made.text
    await cloud.settled(made.body["server"]["id"], "ACTIVE")
    guest = cloud.guest(made.body["server"]["id"])
    gib, mib = 1024**3, 1024**2
    assert [(disk.role, disk.device, disk.bus, disk.size) for disk in guest.disks[:3]] == [
        ("root", "sda", "scsi", 2 * gib),
        ("ephemeral", "sdb", "scsi", 3 * gib),
        ("swap", "sdc", "scsi", 512 * mib),
    ]
    assert guest.disks[3].role == "config" and guest.disks[3].device not in ("sda", "sdb", "sdc")
    assert guest.disks[0].image is not None and guest.disks[0].image.disk_format == "raw"
    assert (guest.hardware.machine, guest.hardware.sockets, guest.hardware.cores) == ("q35", 2, 2)
    (card,) = guest.interfaces
    assert (card.model, card.network_id) == ("e1000", net)
    assert (card.addresses[0].prefix_length, card.addresses[0].address[:5]) == (24, "10.4.")


async def test_v20_leaves_out_what_it_does_not_know(cloud: SimulatedCloud) -> None:
    body = {"server": {"name": "old", "flavorRef": "1", "imageRef": cloud.image, "colour": "red", "tags": ["x"]}}
    body["server"]["networks"] = [{"uuid": (await network(cloud, "old", "10.9.0.0/24"))[0]}]
    answer = await cloud.call("POST", "/compute/v2/servers", body, user="demo", version="2.104")
    assert answer.status == 202, answer.text
    made = answer.body["server"]
    assert made["links"][0]["href"] == f"http://cloud.example/compute/v2/servers/{made['id']}"
    shown = (await cloud.call("GET", f"/compute/v2/servers/{made['id']}", user="demo", version="2.104")).body
    assert "locked" not in shown["server"] and "description" not in shown["server"]
    assert (await cloud.call("GET", f"/compute/v2/servers/{made['id']}/tags", user="demo")).status == 404
