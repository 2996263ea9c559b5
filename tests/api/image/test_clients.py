"""The unmodified clients against a real server: openstacksdk, `openstack` and `glance`."""

import contextlib
import hashlib
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openstack
import pytest
from glanceclient import shell as glance_shell
from openstack import exceptions
from openstack.connection import Connection
from openstackclient import shell as openstack_shell

from harness.images import Images, served
from unkai.kernel import log

DATA = bytes(range(256)) * 10_000


@pytest.fixture
def endpoint(cloud: Images) -> Iterator[str]:
    """A server in this process, whose log does not mix with what commands print."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    log.configure()
    try:
        with served(cloud.app) as base:
            yield base
    finally:
        root.handlers[:] = handlers


def connect(endpoint: str, token: str) -> Connection:
    """With a token and an address for all it needs: no Identity here, and no discovery."""
    return openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth_type="admin_token",
        auth={"endpoint": f"{endpoint}/v2", "token": token},
    )


def test_the_sdk(endpoint: str, tmp_path: Path) -> None:
    conn = connect(endpoint, "member")
    file = tmp_path / "disk.raw"
    file.write_bytes(DATA)
    image = conn.image.create_image(
        "sdk", filename=str(file), disk_format="raw", container_format="bare", wait=True, meta={"os_distro": "debian"}
    )
    image = conn.image.get_image(image.id)
    assert image.status == "active"
    assert image.size == len(DATA)
    assert image.hash_value == hashlib.sha512(DATA).hexdigest()
    assert image.os_distro == "debian"
    assert conn.image.find_image("sdk").id == image.id
    assert conn.image.find_image(image.id).name == "sdk"
    out = tmp_path / "out.raw"
    conn.image.download_image(image, output=str(out))
    assert out.read_bytes() == DATA
    changed = conn.image.update_image(image, name="renamed", min_disk=2)
    assert (changed.name, changed.min_disk) == ("renamed", 2)
    conn.image.add_tag(image, "one")
    assert conn.image.get_image(image).tags == ["one"]
    conn.image.deactivate_image(image)
    with pytest.raises(exceptions.SDKException):
        conn.image.download_image(image)
    conn.image.reactivate_image(image)
    member = conn.image.add_member(image, member_id="p-two")
    assert member.status == "pending"
    other = connect(endpoint, "other")
    other.image.update_member("p-two", image.id, status="accepted")
    assert [found.id for found in other.image.images()] == [image.id]
    conn.image.delete_image(image)
    with pytest.raises(exceptions.NotFoundException, match="No image found with ID"):
        conn.image.get_image(image.id)
    assert conn.image.get_import_info().import_methods["value"] == []
    assert [store.id for store in conn.image.stores()] == ["file"]


def test_the_sdk_follows_pages(endpoint: str) -> None:
    conn = connect(endpoint, "member")
    made = {conn.image.create_image(f"i{n}", disk_format="raw", container_format="bare").id for n in range(7)}
    assert {image.id for image in conn.image.images(limit=3)} == made


def test_refusals_reach_the_user_with_their_cause(endpoint: str) -> None:
    conn = connect(endpoint, "member")
    image = conn.image.create_image("q", disk_format="qcow2", container_format="bare")
    with pytest.raises(exceptions.HttpException, match="does not match stream data"):
        conn.image.create_image("x", container_format="bare", disk_format="qcow2", data=b"not a qcow2" * 1000)
    with pytest.raises(exceptions.ForbiddenException, match="publicize_image"):
        conn.image.update_image(image, visibility="public")


class Commands:
    """The commands' own entry points, in this process: starting each anew costs a second apiece."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def openstack(self, *arguments: str, token: str = "member", check: bool = True) -> Any:
        base = ["--os-auth-type", "admin_token", "--os-endpoint", f"{self._endpoint}/v2", "--os-token", token]
        return self._run(openstack_shell.main, [*base, *arguments], check)

    def glance(self, *arguments: str, token: str = "member", check: bool = True) -> Any:
        base = ["--os-image-url", self._endpoint, "--os-auth-token", token]
        return self._run(glance_shell.OpenStackImagesShell().main, [*base, *arguments], check)

    def _run(self, main: Callable[[list[str]], int | None], arguments: list[str], check: bool) -> Any:
        out, complaints = io.StringIO(), io.StringIO()
        failure = ""
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaints):
            try:
                code = main(arguments) or 0
            except (Exception, SystemExit) as error:
                code, failure = 1, str(error)
        said = out.getvalue() + complaints.getvalue() + failure
        if check:
            assert code == 0, said
            return json.loads(out.getvalue()) if "json" in arguments else out.getvalue()
        assert code != 0, said
        return said


@pytest.fixture
def run(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Commands(endpoint)


def test_the_openstack_command(run: Commands, tmp_path: Path) -> None:
    file = tmp_path / "disk.raw"
    file.write_bytes(DATA)
    shape = ["--disk-format", "raw", "--container-format", "bare"]
    made = run.openstack(
        "image",
        "create",
        *shape,
        "--file",
        str(file),
        "--property",
        "hw_disk_bus=scsi",
        "--tag",
        "t",
        "r1",
        "-f",
        "json",
    )
    image_id = made["id"]
    shown = run.openstack("image", "show", "r1", "-f", "json")
    assert (shown["status"], shown["size"], shown["checksum"]) == ("active", len(DATA), hashlib.md5(DATA).hexdigest())
    assert shown["properties"]["hw_disk_bus"] == "scsi"
    assert shown["tags"] == ["t"]
    run.openstack("image", "set", "--hidden", "--property", "os_name=rhel7.2", "--min-disk", "5", "--name", "r2", "r1")
    assert run.openstack("image", "list", "-f", "json") == []
    assert [row["Name"] for row in run.openstack("image", "list", "--hidden", "-f", "json")] == ["r2"]
    run.openstack("image", "set", "--unhidden", "--protected", image_id)
    assert "is protected and cannot be deleted" in run.openstack("image", "delete", image_id, check=False)
    run.openstack("image", "save", "--file", str(tmp_path / "saved"), image_id)
    assert (tmp_path / "saved").read_bytes() == DATA
    run.openstack("image", "set", "--unprotected", image_id)
    run.openstack("image", "delete", image_id)
    assert "No Image found for" in run.openstack("image", "show", image_id, check=False)


def test_the_glance_command(run: Commands, tmp_path: Path) -> None:
    file = tmp_path / "disk.raw"
    file.write_bytes(DATA)
    shape = ["--disk-format", "raw", "--container-format", "bare", "--name", "n"]
    text = run.glance("image-create", *shape, "--property", "hw_disk_bus=scsi", "--file", str(file))
    image_id = next(line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| id "))
    assert "| hw_disk_bus      | scsi" in text
    assert "| status           | active" in text
    run.glance("image-update", image_id, "--property", "architecture=x86_64", "--hidden", "true")
    assert image_id not in run.glance("image-list")
    assert image_id in run.glance("image-list", "--hidden", "true")
    run.glance("image-update", image_id, "--hidden", "false")
    run.glance("image-tag-update", image_id, "tag")
    run.glance("image-download", image_id, "--file", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == DATA
    run.glance("member-create", image_id, "p-two")
    assert "accepted" in run.glance("member-update", image_id, "p-two", "accepted", token="other")
    run.glance("image-deactivate", image_id)
    refused = run.glance("image-download", image_id, "--file", str(tmp_path / "no"), check=False)
    assert "The requested image has been deactivated" in refused
    assert "import-methods" in run.glance("import-info")
    assert "file" in run.glance("stores-info")
    run.glance("image-delete", image_id)
    assert f"No image found with ID {image_id}" in run.glance("image-show", image_id, check=False)
