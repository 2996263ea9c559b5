"""OVN of the embedded cloud: the central databases, northd, and this machine as the one chassis.

Six children (`unkai.kernel.children`), unix sockets only, everything under
`Options.directory`:

    nb/nb.sock   the north-bound database, for the control plane's group
    run/         every other socket and pid file (OVS_RUNDIR), for root only
    db/          nb.db, sb.db, conf.db
    children/    records, locks and logs

Nothing under /etc/openvswitch, /run/openvswitch or /run/ovn is touched. If the
machine runs its own Open vSwitch, that one is used (two daemons would fight over
the kernel's datapath): bridges and settings made in it carry a mark and are taken
away by `stop`. A system ovn-controller that serves another OVN is refused.

The datapath is the kernel's where it has the openvswitch module, else the userspace
one (`netdev`), whose bridges are taps of ovs-vswitchd; address and offloads of the
external bridge are put back after every restart of it. How ports get in:

- libvirt's `<virtualport type='openvswitch'>` calls ovs-vsctl with its default socket;
  `Endpoints.environment` in libvirtd's environment leads it to ours. Right for the
  kernel's datapath and for a libvirtd that we start ourselves.
- A tap made beforehand (`<interface type='ethernet'>`, `managed='no'`) and plugged
  through `Endpoints.ovs` works with every libvirtd, and is what the userspace
  datapath wants: only so can the tap join `external.GUEST_LINK_GROUP` before the
  guest runs, without which the guest reaches the machine beside OVN.
"""

import contextlib
import json
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from unkai.cli.embedded import external
from unkai.cli.embedded.external import External
from unkai.cli.embedded.tools import HostError, answers, run
from unkai.kernel import children
from unkai.kernel.children import Child, Status, Supervisor

__all__ = ["Endpoints", "Options", "specifications", "start", "status", "stop"]

_SCHEMAS = {
    "nb": "ovn/ovn-nb.ovsschema",
    "sb": "ovn/ovn-sb.ovsschema",
    "conf": "openvswitch/vswitch.ovsschema",
}
_SOCKET_LIMIT = 107  # bytes of sun_path, without the final zero
_MARK = "unkai-state"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Options:
    """`directory` is OVN's own (made if missing). `host` becomes the chassis' name and hostname. `group` may use
    the north-bound socket (None: root only)."""

    directory: Path
    host: str
    group: str | None = "unkai"
    external: External = field(default_factory=External)
    physical_network: str = "public"
    integration_bridge: str = "br-int"
    encapsulation_address: str = "127.0.0.1"
    datapath: Literal["auto", "system", "netdev"] = "auto"
    system_ovs: Path = Path("/run/openvswitch")
    system_ovn: Path = Path("/run/ovn")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where things are: OVSDB connection strings ("unix:PATH"), the datapath ("system" is the kernel's), and
    what a program needs in its environment so that its `ovs-vsctl` finds the Open vSwitch in use."""

    northbound: str
    southbound: str
    ovs: str
    datapath: Literal["system", "netdev"]
    integration_bridge: str
    external_bridge: str
    environment: dict[str, str]


def start(options: Options, supervisor: Supervisor) -> Endpoints:
    """Bring OVN up, or adopt what runs, and wait until it works. Safe to repeat.

    Raises HostError when the machine cannot, children.ChildError when a daemon
    does not come up. Nothing is started before the checks have passed.
    """
    _verify(options)
    sockets = _sockets(options)
    datapath = _datapath(options)
    _make_directories(options)
    daemons = {child.name: child for child in specifications(options)}
    for name in "nb", "sb", "conf":
        child = daemons.get(f"{name}-db")
        if child is not None:
            if children.adopt(child) is None:
                _prepare_database(options, name)
            supervisor.run(child)
    run(["ovn-nbctl", "--no-leader-only", f"--db={sockets.northbound}", "init"])
    run(["ovn-sbctl", "--no-leader-only", f"--db={sockets.southbound}", "init"])
    supervisor.run(daemons["northd"])

    def after_switch() -> None:
        _await_switch(sockets)
        external.apply(options.external, userspace=datapath == "netdev")

    if sockets.system:
        _configure(options, sockets, datapath)
        after_switch()
    else:
        # Configured before ovs-vswitchd runs: it must not come up with bridges of yesterday's datapath.
        _vsctl(sockets, "--no-wait", "init")
        _configure(options, sockets, datapath, "--no-wait")
        supervisor.run(daemons["vswitchd"], after=after_switch)
    if "controller" in daemons:
        if children.adopt(daemons["controller"]) is None:
            for left in (options.directory / "run").glob("ovn-controller.*.ctl"):
                left.unlink(missing_ok=True)  # named by pid: nobody would overwrite it
        supervisor.run(daemons["controller"])
    return Endpoints(
        northbound=sockets.northbound,
        southbound=sockets.southbound,
        ovs=sockets.ovs,
        datapath=datapath,
        integration_bridge=options.integration_bridge,
        external_bridge=options.external.bridge,
        environment={"OVS_RUNDIR": sockets.rundir},
    )


def stop(options: Options) -> None:
    """End OVN, with bridges, datapath and fence; databases and logs stay. Whoever supervises must have let go.

    Of a cloud that does not run here nothing is touched: bridges of these names may be another's.
    """
    sockets = _sockets(options)
    daemons = {child.name: child for child in specifications(options)}
    for name in "controller", "northd":
        if name in daemons:
            children.stop(daemons[name])
    if sockets.system:
        here = _withdraw(options, sockets)
    else:
        state = children.status(daemons["vswitchd"]).state
        here = state != "stopped"
        if state == "running":
            # The kernel's datapath outlives its daemon; only an orderly exit takes it along. A daemon that does
            # not listen any more is ended by signals below.
            with contextlib.suppress(HostError):
                target = f"--target={_control(options, 'vswitchd')}"
                run(["ovs-appctl", target, "--timeout=10", "exit", "--cleanup"])
    for name in "vswitchd", "conf-db", "sb-db", "nb-db":
        if name in daemons:
            children.stop(daemons[name])
    if here:
        external.remove(options.external)
        if not sockets.system:
            _remove_links(options)


def status(options: Options) -> list[Status]:
    """One row for each daemon that is ours."""
    return [children.status(child) for child in specifications(options)]


def specifications(options: Options) -> list[Child]:
    """The daemons that are (to be) ours, in the order of their start."""
    sockets = _sockets(options)
    databases = options.directory / "db"
    north = _daemon(options, "nb-db", "ovsdb-server", f"--remote=p{sockets.northbound}", f"{databases / 'nb.db'}")
    south = _daemon(options, "sb-db", "ovsdb-server", f"--remote=p{sockets.southbound}", f"{databases / 'sb.db'}")
    translator = (f"--ovnnb-db={sockets.northbound}", f"--ovnsb-db={sockets.southbound}")
    northd = _daemon(options, "northd", "ovn-northd", *translator)
    configuration = _daemon(options, "conf-db", "ovsdb-server", f"--remote=p{sockets.ovs}", f"{databases / 'conf.db'}")
    switch = _daemon(options, "vswitchd", "ovs-vswitchd", sockets.ovs)
    controller = _daemon(options, "controller", "ovn-controller", sockets.ovs)
    if not sockets.system:
        return [north, south, northd, configuration, switch, controller]
    if any(answers(path) for path in options.system_ovn.glob("ovn-controller.*.ctl")):
        return [north, south, northd]
    return [north, south, northd, controller]


def _daemon(options: Options, name: str, program: str, *arguments: str) -> Child:
    folder = options.directory.absolute() / "children"
    rundir = options.directory.absolute() / "run"
    # ovn-controller alone cannot be told where to put its control socket.
    fixed = program != "ovn-controller"
    control = _control(options, name) if fixed else rundir / "ovn-controller.{pid}.ctl"
    return Child(
        name,
        (
            program,
            *arguments,
            f"--pidfile={rundir / f'{program}.pid' if not fixed else rundir / f'{name}.pid'}",
            *([f"--unixctl={control}"] if fixed else []),
            # The same file as the child's own output, which has what is said before the options take effect.
            f"--log-file={folder / f'{name}.log'}",
            "--verbose=console:off",
            "--verbose=syslog:off",
            "--verbose=file:info",
        ),
        folder,
        env={"OVS_RUNDIR": str(rundir), "OVN_RUNDIR": str(rundir)},
        umask=0o007,  # or the group could not connect to the north-bound socket
        ready=control,
        open_files=65536,
    )


# ---- what is where --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sockets:
    northbound: str
    southbound: str
    ovs: str
    rundir: str
    system: bool


def _sockets(options: Options) -> _Sockets:
    root = options.directory.absolute()
    # Ours stays ours: a system Open vSwitch that came up after our own does not change what `stop` has to end.
    ours = children.adopt(Child("vswitchd", (), root / "children")) is not None
    system = not ours and answers(options.system_ovs / "db.sock")
    rundir = options.system_ovs if system else root / "run"
    return _Sockets(
        northbound=f"unix:{root / 'nb' / 'nb.sock'}",
        southbound=f"unix:{root / 'run' / 'sb.sock'}",
        ovs=f"unix:{rundir / 'db.sock'}",
        rundir=str(rundir),
        system=system,
    )


def _control(options: Options, name: str) -> Path:
    return options.directory.absolute() / "run" / f"{name}.ctl"


def _datapath(options: Options) -> Literal["system", "netdev"]:
    """The kernel's datapath if one can really be made: the module may be there without the right to use it."""
    if options.datapath != "auto":
        return options.datapath
    # Asking for the netlink family also makes the kernel load its module where there is one.
    try:
        run(["ovs-dpctl", "add-dp", "unkai-probe"])
        run(["ovs-dpctl", "del-dp", "unkai-probe"])
    except HostError:
        return "netdev"
    return "system"


# ---- checks ---------------------------------------------------------------------------------------


def _verify(options: Options) -> None:
    external.verify(options.external)
    for name in options.host, options.physical_network, options.integration_bridge:
        if not _NAME.fullmatch(name):
            raise HostError(f"{name!r} cannot be a name in Open vSwitch: letters, digits, dots, dashes, underscores")
    longest = max(len(str(_control(options, "controller"))), len(str(options.directory.absolute() / "nb/nb.sock")))
    if longest > _SOCKET_LIMIT:
        raise HostError(f"{options.directory} is too long: a unix socket's path has at most {_SOCKET_LIMIT} bytes")
    sockets = _sockets(options)
    if not sockets.system:
        stranger = _strange_switch(options)
        if stranger:
            raise HostError(
                f"another Open vSwitch runs on this machine (process {stranger}), perhaps another embedded cloud's: "
                "two would fight over bridges and datapath. Stop it first"
            )
        return
    remote = _system_setting(sockets, "ovn-remote")
    if remote not in ("", sockets.southbound):
        raise HostError(
            f"this machine's Open vSwitch is a chassis of another OVN ({remote}), from which the embedded cloud "
            "would take it away. Remove external_ids:ovn-remote from it, or stop it, to go on"
        )


def _strange_switch(options: Options) -> int:
    """The pid of an ovs-vswitchd in this network that is neither ours nor the system's, or 0."""
    ours = children.adopt(Child("vswitchd", (), options.directory.absolute() / "children"))
    network = Path("/proc/thread-self/ns/net").stat().st_ino
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or (ours is not None and int(entry.name) == ours.pid):
            continue
        with contextlib.suppress(OSError):
            name = (entry / "comm").read_text().strip()
            if name == "ovs-vswitchd" and (entry / "ns/net").stat().st_ino == network:
                return int(entry.name)
    return 0


def _system_setting(sockets: _Sockets, key: str) -> str:
    return _vsctl(sockets, "--if-exists", "get", "Open_vSwitch", ".", f"external_ids:{key}").strip().strip('"')


# ---- making it so ---------------------------------------------------------------------------------


def _make_directories(options: Options) -> None:
    options.directory.mkdir(parents=True, exist_ok=True)
    options.directory.chmod(0o711)
    for name in "nb", "run", "db", "children":
        (options.directory / name).mkdir(exist_ok=True)
        (options.directory / name).chmod(0o700)
    if options.group is None:
        return
    try:
        shutil.chown(options.directory / "nb", group=options.group)
    except LookupError:
        raise HostError(f"the group {options.group} of the control plane does not exist") from None
    # Set-group-id: the socket gets the group however often the database server makes it anew.
    (options.directory / "nb").chmod(0o2750)


def _prepare_database(options: Options, name: str) -> None:
    path = options.directory / "db" / f"{name}.db"
    schema = _schema(_SCHEMAS[name])
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        run(["ovsdb-tool", "create", str(fresh), str(schema)])
        fresh.replace(path)
    elif run(["ovsdb-tool", "needs-conversion", str(path), str(schema)]).strip() == "yes":
        run(["ovsdb-tool", "convert", str(path), str(schema)])


def _schema(name: str) -> Path:
    for root in "/usr/share", "/usr/local/share":
        path = Path(root, name)
        if path.exists():
            return path
    raise HostError(f"/usr/share/{name} is missing: are ovn-central, ovn-host and openvswitch-switch installed?")


def _vsctl(sockets: _Sockets, *arguments: str) -> str:
    return run(["ovs-vsctl", f"--db={sockets.ovs}", "--timeout=20", *arguments])


def _configure(options: Options, sockets: _Sockets, datapath: str, *flags: str) -> None:
    """Chassis settings and the two bridges, in one transaction."""
    settings = {
        "system-id": options.host,
        "hostname": options.host,
        "ovn-remote": sockets.southbound,
        "ovn-encap-type": "geneve",
        "ovn-encap-ip": options.encapsulation_address,
        "ovn-bridge": options.integration_bridge,
        "ovn-bridge-datapath-type": datapath,
        "ovn-bridge-mappings": f"{options.physical_network}:{options.external.bridge}",
        "ovn-cms-options": "enable-chassis-as-gw",
        # One chassis needs nearly everything anyway; monitor conditions would only delay it.
        "ovn-monitor-all": "true",
    }
    if sockets.system and _system_setting(sockets, "system-id"):
        del settings["system-id"]  # the machine's identity is not ours to change; `hostname` finds the chassis too
    mine = f'external_ids:{_MARK}="{options.directory.absolute()}"'
    command = ["set", "Open_vSwitch", "."]
    command += [f'external_ids:{key}="{value}"' for key, value in settings.items()]
    for bridge in options.integration_bridge, options.external.bridge:
        command += ["--", "--may-exist", "add-br", bridge]
        command += ["--", "set", "Bridge", bridge, f"datapath_type={datapath}", mine]
    command += ["--", "set", "Bridge", options.integration_bridge, "fail_mode=secure"]
    command += ["other_config:disable-in-band=true"]
    _vsctl(sockets, *flags, *command)


def _await_switch(sockets: _Sockets) -> None:
    """Return when ovs-vswitchd has taken up the whole configuration, bridges included."""
    # ovs-vsctl waits for that after any change; so it must be a change each time.
    _vsctl(sockets, "set", "Open_vSwitch", ".", f"external_ids:unkai-awaited={time.time_ns()}")


def _remove_links(options: Options) -> None:
    """The userspace datapath makes its taps persistent: bridges keep their addresses while it restarts, and stay
    behind when it ends."""
    present = {link["ifname"] for link in json.loads(run(["ip", "-json", "link", "show"]))}
    for name in (options.integration_bridge, options.external.bridge, "ovs-netdev"):
        if name in present:
            run(["ip", "link", "delete", name])


def _withdraw(options: Options, sockets: _Sockets) -> bool:
    """Take out of the system's Open vSwitch what `_configure` put in; what others made stays. False: nothing."""
    if _system_setting(sockets, "ovn-remote") != sockets.southbound:
        return False
    mine = f'external_ids:{_MARK}="{options.directory.absolute()}"'
    command: list[str] = []
    for bridge in _vsctl(sockets, "--bare", "--columns=name", "find", "Bridge", mine).split():
        command += ["del-br", bridge, "--"]
    keys = ["ovn-remote", "ovn-encap-type", "ovn-encap-ip", "ovn-bridge", "ovn-bridge-datapath-type"]
    keys += ["ovn-bridge-mappings", "ovn-cms-options", "ovn-monitor-all", "unkai-awaited"]
    _vsctl(sockets, *command, "remove", "Open_vSwitch", ".", "external_ids", *keys)
    return True
