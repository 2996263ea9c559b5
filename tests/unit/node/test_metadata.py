"""What guests read: the OpenStack and EC2 layouts at every date, network_data.json, and what a config drive holds."""

import base64
import json
from typing import Any

import pytest

from harness import servers
from unkai.contracts.guest import Disk, FixedAddress, InjectedFile, PublicKey, Route
from unkai.node.metadata.network_data import network_data
from unkai.node.metadata.openstack import VERSIONS
from unkai.node.metadata.source import Source, load_vendor_data
from unkai.node.metadata.tree import drive_files, lookup

USER_DATA = b"#!/bin/sh\necho hello \xff\n"


def source(drive: bool = False, **changes: Any) -> Source:
    disks = [
        Disk("root", "vda", "virtio", 1 << 30, image=servers.image()),
        Disk("ephemeral", "vdb", "virtio", 1 << 30),
        Disk("swap", "vdc", "virtio", 1 << 20),
    ]
    guest = servers.guest(disks=disks, interfaces=[servers.interface(5)])
    values = {
        "user_data": base64.b64encode(USER_DATA).decode(),
        "meta": {"role": "web"},
        "public_ipv4": "172.24.4.9",
        "admin_password": "s3cret",
        "files": [InjectedFile("/root/user-data.txt", base64.b64encode(b"content").decode())],
        **changes,
    }
    return Source(guest, servers.data(guest, **values), {"region": "north"}, drive=drive)


def text(path: str, of: Source | None = None) -> str:
    return lookup(of or source(), path)[1].decode(errors="replace")


def document(path: str, of: Source | None = None) -> Any:
    kind, body = lookup(of or source(), path)
    assert kind == "application/json"
    return json.loads(body)


def test_cloud_init_finds_a_list_of_versions_first() -> None:
    assert text("/openstack").splitlines() == [*VERSIONS, "latest"] == text("/openstack/").splitlines()
    assert text("/").splitlines()[-2:] == ["2009-04-04", "latest"] == text("/ec2").splitlines()[-2:]


def test_meta_data_of_the_latest_version() -> None:
    of = source()
    meta = document("/openstack/latest/meta_data.json", of)
    assert len(base64.b64decode(meta.pop("random_seed"))) == 512
    assert meta == {
        "uuid": of.data.server_id,
        "meta": {"role": "web"},
        "public_keys": {"mine": servers.KEY},
        "keys": [{"name": "mine", "type": "ssh", "data": servers.KEY}],
        "hostname": "web.novalocal",
        "name": "web",
        "launch_index": 0,
        "availability_zone": "nova",
        "project_id": of.data.project_id,
        "devices": [],
        "dedicated_cpus": [],
    }


@pytest.mark.parametrize(
    ("version", "keys", "names"),
    [
        ("2012-08-10", set(), ["meta_data.json", "user_data"]),
        ("2013-04-04", {"random_seed"}, ["meta_data.json", "user_data", "password"]),
        ("2013-10-17", {"random_seed"}, ["meta_data.json", "user_data", "password", "vendor_data.json"]),
        (
            "2015-10-15",
            {"random_seed", "project_id"},
            ["meta_data.json", "user_data", "password", "vendor_data.json", "network_data.json"],
        ),
        (
            "2016-06-30",
            {"random_seed", "project_id", "devices"},
            ["meta_data.json", "user_data", "password", "vendor_data.json", "network_data.json"],
        ),
        (
            "2018-08-27",
            {"random_seed", "project_id", "devices"},
            ["meta_data.json", "user_data", "password", "vendor_data.json", "network_data.json", "vendor_data2.json"],
        ),
        (
            "2020-10-14",
            {"random_seed", "project_id", "devices", "dedicated_cpus"},
            ["meta_data.json", "user_data", "password", "vendor_data.json", "network_data.json", "vendor_data2.json"],
        ),
    ],
)
def test_each_date_keeps_what_it_had(version: str, keys: set[str], names: list[str]) -> None:
    always = {"uuid", "meta", "public_keys", "keys", "hostname", "name", "launch_index", "availability_zone"}
    assert set(document(f"/openstack/{version}/meta_data.json")) == always | keys
    assert text(f"/openstack/{version}").splitlines() == names


def test_a_guest_without_extras() -> None:
    bare = source(user_data=None, meta={}, keys=[], files=[])
    meta = document("/openstack/latest/meta_data.json", bare)
    assert not {"meta", "public_keys", "keys", "files", "admin_pass"} & set(meta)
    assert "user_data" not in text("/openstack/latest", bare).splitlines()
    for path in "/openstack/latest/user_data", "/latest/user-data", "/latest/meta-data/public-keys":
        with pytest.raises(KeyError):
            lookup(bare, path)


def test_user_and_vendor_data() -> None:
    assert lookup(source(), "/openstack/2013-10-17/user_data")[1] == USER_DATA
    assert lookup(source(), "/latest/user-data")[1] == USER_DATA
    assert document("/openstack/latest/vendor_data.json") == {"region": "north"}
    assert document("/openstack/latest/vendor_data2.json") == {"static": {"region": "north"}}


def test_secrets_of_the_drive_are_not_served() -> None:
    assert "s3cret" not in text("/openstack/latest/meta_data.json")
    with pytest.raises(KeyError):
        lookup(source(), "/openstack/content/0000")


def test_ec2_tree() -> None:
    of = source()
    assert text("/latest", of).splitlines() == ["meta-data/", "user-data"]
    assert text("/latest/meta-data/", of).splitlines() == [
        "ami-id",
        "ami-launch-index",
        "ami-manifest-path",
        "block-device-mapping/",
        "hostname",
        "instance-action",
        "instance-id",
        "instance-type",
        "local-hostname",
        "local-ipv4",
        "placement/",
        "public-hostname",
        "public-ipv4",
        "public-keys/",
        "reservation-id",
        "security-groups",
    ]
    assert text("/latest/meta-data/public-keys/", of) == "0=mine"
    assert text("/latest/meta-data/public-keys/0", of) == "openssh-key"
    assert text("/latest/meta-data/public-keys/0/openssh-key", of) == servers.KEY
    assert text("/latest/meta-data/placement/availability-zone", of) == "nova"
    assert text("/latest/meta-data/block-device-mapping/", of).splitlines() == ["ami", "ephemeral0", "root", "swap"]
    assert text("/latest/meta-data/block-device-mapping/root", of) == "/dev/vda"
    assert text("/2009-04-04/meta-data/local-ipv4", of) == "10.0.0.5"
    assert text("/latest/meta-data/security-groups", source(security_groups=["a", "b"])) == "a\nb"


def test_ec2_dates() -> None:
    first = text("/1.0/meta-data").splitlines()
    assert "local-hostname" not in first
    assert "instance-type" not in first
    assert "placement/" not in text("/2007-12-15/meta-data").splitlines()
    assert "instance-action" not in text("/2008-02-01/meta-data").splitlines()


@pytest.mark.parametrize(
    "path",
    [
        "/openstack/1999-01-01",
        "/openstack/latest/nothing",
        "/openstack/2012-08-10/password",
        "/openstack/2013-10-17/network_data.json",
        "/openstack/latest/meta_data.json/more",
        "/openstack/content",
        "/openstack/content/0000/x",
        "/openstack/content/../../etc/passwd",
        "/1999-01-01/meta-data",
        "/latest/meta-data/hostname/more",
        "/latest/meta-data/public-keys/0/_name",
        "/latest/api/token",
        "/../../../etc/passwd",
    ],
)
def test_nothing_there(path: str) -> None:
    with pytest.raises(KeyError):
        lookup(source(), path)


def test_slashes_do_not_matter() -> None:
    assert lookup(source(), "//latest///meta-data/hostname/") == lookup(source(), "/latest/meta-data/hostname")


def card(**changes: Any) -> Any:
    return servers.interface(5, **changes)


def test_network_data_with_dhcp() -> None:
    port = card().port_id
    assert network_data(servers.guest(interfaces=[card()])) == {
        "links": [
            {
                "id": f"tap{port[:11]}",
                "vif_id": port,
                "type": "ovs",
                "mtu": 1442,
                "ethernet_mac_address": "fa:16:3e:00:00:05",
            }
        ],
        "networks": [
            {
                "id": "network0",
                "type": "ipv4_dhcp",
                "link": f"tap{port[:11]}",
                "network_id": "11111111-2222-4333-8444-555555555555",
            }
        ],
        "services": [{"type": "dns", "address": "10.0.0.3"}],
    }


def test_network_data_static_and_ipv6() -> None:
    addresses = [
        FixedAddress(
            "192.0.2.7",
            4,
            26,
            "s",
            gateway="192.0.2.1",
            dns_servers=["192.0.2.2"],
            routes=[Route("198.51.100.0/24", "192.0.2.9")],
            mode="static",
        ),
        FixedAddress("2001:db8::7", 6, 64, "t", gateway="2001:db8::1", mode="slaac"),
        FixedAddress("2001:db8:1::7", 6, 64, "u", mode="dhcpv6-stateful"),
    ]
    found = network_data(servers.guest(interfaces=[card(addresses=addresses), card(addresses=[])]))
    assert len(found["links"]) == 1
    static, slaac = found["networks"]
    assert (static["type"], static["ip_address"], static["netmask"]) == ("ipv4", "192.0.2.7", "255.255.255.192")
    assert static["routes"] == [
        {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"},
        {"network": "198.51.100.0", "netmask": "255.255.255.0", "gateway": "192.0.2.9"},
    ]
    assert static["services"] == [{"type": "dns", "address": "192.0.2.2"}]
    assert (slaac["id"], slaac["type"], slaac["netmask"]) == ("network1", "ipv6_slaac", "ffff:ffff:ffff:ffff::")
    assert slaac["routes"] == [{"network": "::", "netmask": "::", "gateway": "2001:db8::1"}]


def test_a_drive_holds_every_document() -> None:
    of = source(drive=True)
    files = dict(drive_files(of, "1.0 2007-01-19 2007-03-01 2007-08-29 2007-10-10 2007-12-15 2008-02-01 2008-09-01"))
    assert {path for path in files if path.startswith("ec2/")} == {
        "ec2/2009-04-04/meta-data.json",
        "ec2/2009-04-04/user-data",
        "ec2/latest/meta-data.json",
        "ec2/latest/user-data",
    }
    assert {path.split("/")[1] for path in files if path.startswith("openstack/")} == {*VERSIONS, "latest", "content"}
    assert not any("password" in path for path in files)
    meta = json.loads(files["openstack/latest/meta_data.json"])
    assert meta["admin_pass"] == "s3cret"
    assert meta["files"] == [{"path": "/root/user-data.txt", "content_path": "/content/0000"}]
    assert files["openstack/content/0000"] == b"content"
    assert files["openstack/latest/user_data"] == USER_DATA
    keys = json.loads(files["ec2/latest/meta-data.json"])["public-keys"]
    assert keys == {"0": {"openssh-key": servers.KEY}}
    assert json.loads(files["openstack/latest/network_data.json"])["links"]


def test_x509_keys_say_so() -> None:
    meta = document("/openstack/latest/meta_data.json", source(keys=[PublicKey("cert", "-----BEGIN", "x509")]))
    assert meta["keys"] == [{"name": "cert", "type": "x509", "data": "-----BEGIN"}]


def test_vendor_data_that_cannot_be_read(tmp_path: Any) -> None:
    assert load_vendor_data(None) == {}
    assert load_vendor_data(tmp_path / "none") == {}
    (tmp_path / "bad").write_text("[1, 2")
    assert load_vendor_data(tmp_path / "bad") == {}
    (tmp_path / "good").write_text('{"a": 1}')
    assert load_vendor_data(tmp_path / "good") == {"a": 1}
