"""What the embedded daemons are told: command lines, layouts and refusals, without starting any of them."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from unkai.cli.embedded import libvirt, ovn
from unkai.cli.embedded.external import External
from unkai.cli.embedded.tools import HostError, answers, run
from unkai.kernel.children import Supervisor


@pytest.fixture
def nowhere() -> Iterator[Path]:
    """A folder that is not there yet. Sockets are bound in it: pytest's own folders have names too long for that."""
    with tempfile.TemporaryDirectory(prefix="unkai-") as folder:
        yield Path(folder) / "nowhere"


def options(tmp_path: Path, nowhere: Path, **more: object) -> ovn.Options:
    return ovn.Options(tmp_path / "ovn", "host1", system_ovs=nowhere, system_ovn=nowhere, **more)  # type: ignore[arg-type]


def test_ovn_daemons_and_their_order(tmp_path: Path, nowhere: Path) -> None:
    found = ovn.specifications(options(tmp_path, nowhere))
    assert [child.name for child in found] == ["nb-db", "sb-db", "northd", "conf-db", "vswitchd", "controller"]


def test_everything_of_ovn_stays_in_its_folder(tmp_path: Path, nowhere: Path) -> None:
    for child in ovn.specifications(options(tmp_path, nowhere)):
        paths = [part for part in child.argv[1:] if "/" in part]
        assert len(paths) >= 3
        assert all(str(tmp_path) in part for part in paths), paths
        assert child.env == {"OVS_RUNDIR": f"{tmp_path}/ovn/run", "OVN_RUNDIR": f"{tmp_path}/ovn/run"}
        assert not any("tcp:" in part or "ssl:" in part for part in child.argv)


def test_a_system_open_vswitch_is_used(tmp_path: Path, nowhere: Path) -> None:
    nowhere.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(nowhere / "db.sock"))
        server.listen()
        found = ovn.specifications(options(tmp_path, nowhere))
        assert [child.name for child in found] == ["nb-db", "sb-db", "northd", "controller"]
        assert f"unix:{nowhere}/db.sock" in found[-1].argv
        with socket.socket(socket.AF_UNIX) as controller:
            controller.bind(str(nowhere / "ovn-controller.7.ctl"))
            controller.listen()
            found = ovn.specifications(options(tmp_path, nowhere))
            assert [child.name for child in found] == ["nb-db", "sb-db", "northd"]


def test_a_dead_socket_is_no_system_daemon(tmp_path: Path, nowhere: Path) -> None:
    nowhere.mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(nowhere / "db.sock"))
    server.close()
    assert len(ovn.specifications(options(tmp_path, nowhere))) == 6
    assert not answers(nowhere / "absent")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"host": 'a" other="b'}, "cannot be a name in Open vSwitch"),
        ({"physical_network": "public:br-x,other"}, "cannot be a name in Open vSwitch"),
        ({"integration_bridge": "br int"}, "cannot be a name in Open vSwitch"),
        ({"directory": Path("/" + "d" * 100)}, "a unix socket's path has at most 107 bytes"),
        ({"external": External(bridge="br-ex ;")}, "cannot be the name of a bridge"),
    ],
)
def test_ovn_refuses_before_anything_is_made(
    tmp_path: Path, nowhere: Path, change: dict[str, object], reason: str
) -> None:
    wanted = {"directory": tmp_path / "ovn", "host": "host1", "system_ovs": nowhere, "system_ovn": nowhere} | change
    with pytest.raises(HostError, match=reason):
        ovn.start(ovn.Options(**wanted), Supervisor())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_stopping_what_never_ran_touches_nothing(
    tmp_path: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_arguments: object) -> None:
        raise AssertionError("bridges of these names may be another cloud's")

    monkeypatch.setattr(ovn, "run", forbidden)
    monkeypatch.setattr(ovn.external, "run", forbidden)
    ovn.stop(options(tmp_path, nowhere))
    libvirt.stop(libvirt.Options(tmp_path / "libvirt", system=nowhere))
    assert {row.state for row in ovn.status(options(tmp_path, nowhere))} == {"stopped"}
    assert list(tmp_path.iterdir()) == []


def test_libvirt_layouts(tmp_path: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = libvirt.Options(tmp_path / "libvirt", {"OVS_RUNDIR": "/x"}, system=nowhere)
    monkeypatch.setattr(libvirt, "_can_mount", lambda: True)
    private = libvirt.specifications(settings)
    assert [child.name for child in private] == ["virtlogd", "libvirtd"]
    assert all(child.argv[0] == "unshare" for child in private)
    assert private[1].env == {"OVS_RUNDIR": "/x"}
    assert private[0].ready == tmp_path / "libvirt/run/virtlogd-sock"

    monkeypatch.setattr(libvirt, "_can_mount", lambda: False)
    shared = libvirt.specifications(settings)
    assert not any("unshare" in child.argv for child in shared)
    assert shared[0].ready == Path("/run/libvirt/virtlogd-sock")
    for children in private, shared:
        assert children[1].ready == tmp_path / "libvirt/run/libvirt-sock"
        assert f"--config={tmp_path}/libvirt/etc/libvirtd.conf" in children[1].argv
    expected = f"qemu+unix:///system?socket={tmp_path}/libvirt/run/libvirt-sock"
    assert libvirt.connection_uri(settings) == expected


def test_a_system_libvirt_is_used(tmp_path: Path, nowhere: Path) -> None:
    nowhere.mkdir()
    settings = libvirt.Options(tmp_path / "libvirt", system=nowhere)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(nowhere / "virtqemud-sock"))
        server.listen()
        assert libvirt.specifications(settings) == []
        assert libvirt.connection_uri(settings) == "qemu:///system"
    assert len(libvirt.specifications(settings)) == 2


def test_a_layout_once_chosen_stays(tmp_path: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = libvirt.Options(tmp_path / "libvirt", system=nowhere)
    settings.directory.mkdir()
    (settings.directory / "layout").write_text("shared\n")
    monkeypatch.setattr(libvirt, "_can_mount", lambda: True)
    assert "unshare" not in libvirt.specifications(settings)[0].argv
    (settings.directory / "layout").write_text("private\n")
    monkeypatch.setattr(libvirt, "_can_mount", lambda: False)
    with pytest.raises(HostError, match="which this machine does not allow"):
        libvirt.specifications(settings)


def test_another_ones_qemu_conf_is_kept(tmp_path: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {name: str(tmp_path / "machine" / name) for name in ("etc", "run", "lib", "log", "cache")}
    monkeypatch.setattr(libvirt, "_FOLDERS", folders)
    settings = libvirt.Options(tmp_path / "libvirt", user="somebody", system=nowhere)
    libvirt._make_folders(settings, "shared")
    libvirt._configure(settings, "shared")
    file = Path(folders["etc"], "qemu.conf")
    assert 'user = "somebody"' in file.read_text()
    assert "namespaces = [ ]" in file.read_text()
    file.write_text('user = "operator"\n')
    libvirt._configure(settings, "shared")
    assert file.read_text() == 'user = "operator"\n'


@pytest.mark.root  # makes /run/libvirt and its like
def test_the_hosts_uuid_is_its_own_and_stays(tmp_path: Path, nowhere: Path) -> None:
    def written(name: str) -> str:
        settings = libvirt.Options(tmp_path / name, system=nowhere)
        libvirt._make_folders(settings, "private")
        libvirt._configure(settings, "private")
        return (tmp_path / name / "etc" / "libvirtd.conf").read_text()

    first = written("one")
    assert first == written("one")
    assert first != written("two")
    assert "listen_tcp = 0" in first
    assert 'unix_sock_rw_perms = "0700"' in first


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["no-such-tool"], "no-such-tool is not installed"),
        (["sh", "-c", "echo reason >&2; exit 3"], "reason"),
        (["false"], "exit status 1"),
        (["sleep", "5"], "did not finish in 0.2 s"),
    ],
)
def test_tools_that_fail_say_why(command: list[str], reason: str) -> None:
    with pytest.raises(HostError, match=reason):
        run(command, timeout=0.2)


def test_tools_give_what_they_print() -> None:
    assert run(["cat"], stdin="ä\n") == "ä\n"
