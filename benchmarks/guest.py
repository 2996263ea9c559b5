"""P7: create to ACTIVE of a real guest, over libvirt's own define-and-start of the same domain in the same run.

The twin is the domain that the cloud itself defined, read back from libvirt: same hardware, its own names, disks on
the same base image. So the ratio is what the cloud adds: API, scheduling, ledger, network, disks, config drive.
"""

import configparser
import contextlib
import json
import shutil
import subprocess
import time
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import libvirt

from api import Api
from clouds import Cloud, scratch
from report import Row

REPEATS = 5
BAR = 3.0


def boot(folder: Path) -> Iterator[Row]:
    with scratch(folder, simulate=None) as cloud:
        cloud.up()
        api = cloud.api("demo")
        request = server_request(api)
        create(api, request)  # the base image is made once, for all guests
        ours, bare = [], []
        for _ in range(REPEATS):
            server, seconds = create(api, request, keep=True)
            ours.append(seconds)
            bare.append(define_and_start(cloud, server))
            delete(api, server)
        spread = f"median of {REPEATS}, {min(ours):.2f}–{max(ours):.2f}"
        yield Row("create to ACTIVE", median(ours), "s", note=spread)
        spread = f"median of {REPEATS}, {min(bare):.2f}–{max(bare):.2f}"
        yield Row("libvirt's own define and start", median(bare), "s", note=spread)
        ratios = [one / other for one, other in zip(ours, bare, strict=True)]
        note = f"{min(ratios):.2f}–{max(ratios):.2f} in pairs"
        yield Row("create to ACTIVE over define and start", median(ours) / median(bare), "x", bar=BAR, note=note)


def server_request(api: Api) -> dict[str, Any]:
    image = next(one["id"] for one in api.get("image", "/images")["images"] if one["name"] == "cirros")
    flavor = next(one["id"] for one in api.get("compute", "/flavors")["flavors"] if one["name"] == "m1.tiny")
    networks = api.get("network", "/networks")["networks"]
    network = next(one["id"] for one in networks if not one["router:external"])
    return {"name": "bench", "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}]}


def create(api: Api, request: dict[str, Any], *, keep: bool = False) -> tuple[str, float]:
    """The server's id and the seconds from the request to the first answer that says ACTIVE."""
    began = time.monotonic()
    server = api.ask("POST", "compute", "/servers", {"server": request})["server"]["id"]
    while True:
        found = api.get("compute", f"/servers/{server}")["server"]
        if found["status"] == "ACTIVE":
            break
        if found["status"] == "ERROR":
            raise RuntimeError(f"the server failed: {found.get('fault')}")
        time.sleep(0.02)
    seconds = time.monotonic() - began
    if not keep:
        delete(api, server)
    return server, seconds


def delete(api: Api, server: str) -> None:
    api.ask("DELETE", "compute", f"/servers/{server}")
    while any(one["id"] == server for one in api.get("compute", "/servers?name=bench")["servers"]):
        time.sleep(0.05)


def define_and_start(cloud: Cloud, server: str) -> float:
    """Seconds that libvirt itself takes for a twin of the server's domain. The twin and its disks are removed."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(cloud.directory / "unkai.conf")
    connection = libvirt.open(parser["libvirt"]["connection_uri"])
    with contextlib.closing(connection), contextlib.ExitStack() as undo:
        original = connection.lookupByUUIDString(server)
        text = twin(original.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), undo)
        began = time.monotonic()
        domain = connection.defineXML(text)
        undo.callback(domain.undefineFlags, libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        domain.create()
        seconds = time.monotonic() - began
        undo.callback(domain.destroy)
        return seconds


def twin(text: str, undo: contextlib.ExitStack) -> str:
    """The same domain under other names, with disks and taps of its own (made here, removed by `undo`)."""
    root = ElementTree.fromstring(text)
    identity = str(uuid.uuid4())
    root.find("name").text = f"bench-{identity[:8]}"  # type: ignore[union-attr]
    root.find("uuid").text = identity  # type: ignore[union-attr]
    for entry in root.iterfind("./sysinfo/system/entry[@name='uuid']"):
        entry.text = identity
    for disk in root.iterfind("./devices/disk"):
        source = disk.find("source")
        if source is not None and source.get("file"):
            source.set("file", str(_copy(Path(source.attrib["file"]), identity, undo)))
    for number, interface in enumerate(root.iterfind("./devices/interface")):
        _own_interface(interface, identity, number, undo)
    for device in ("serial", "console", "channel"):
        for log in root.iterfind(f"./devices/{device}/log"):
            log.set("file", f"{log.attrib['file']}.{identity[:8]}")
            undo.callback(Path(log.attrib["file"]).unlink, missing_ok=True)
        for source in root.iterfind(f"./devices/{device}/source[@path]"):
            source.set("path", f"{source.attrib['path']}.{identity[:8]}")
            undo.callback(Path(source.attrib["path"]).unlink, missing_ok=True)
    for graphics in root.iterfind("./devices/graphics/listen[@socket]"):
        del graphics.attrib["socket"]
    return ElementTree.tostring(root, encoding="unicode")


def _copy(disk: Path, identity: str, undo: contextlib.ExitStack) -> Path:
    """A disk like this one, beside it: an empty overlay of the same base image, or a copy of what has none."""
    copy = disk.with_name(f"{disk.name}.{identity[:8]}")
    undo.callback(copy.unlink, missing_ok=True)
    found = subprocess.run(
        ["qemu-img", "info", "--force-share", "--output=json", disk], capture_output=True, text=True, check=True
    )
    info = json.loads(found.stdout)
    base = info.get("full-backing-filename")
    if base is None:
        shutil.copyfile(disk, copy)
    else:
        command = ["qemu-img", "create", "-q", "-f", info["format"], "-b", base, "-F", info["backing-filename-format"]]
        subprocess.run([*command, copy, str(info["virtual-size"])], check=True, capture_output=True)
    return copy


def _own_interface(interface: ElementTree.Element, identity: str, number: int, undo: contextlib.ExitStack) -> None:
    mac = interface.find("mac")
    if mac is not None:
        mac.set("address", f"52:54:00:{identity[0:2]}:{identity[2:4]}:{number:02x}")
    for parameters in interface.iterfind("./virtualport/parameters[@interfaceid]"):
        parameters.set("interfaceid", str(uuid.uuid4()))
    target = interface.find("target")
    if target is None:
        return
    if target.get("managed") == "no":  # the tap is made by whoever defines the domain
        name = f"bench{identity[:6]}{number}"
        subprocess.run(["ip", "tuntap", "add", name, "mode", "tap"], check=True, capture_output=True)
        undo.callback(subprocess.run, ["ip", "link", "delete", name], check=False, capture_output=True)
        target.set("dev", name)
    else:
        interface.remove(target)
