"""Children with real processes: found again, never started twice, ended, restarted."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unkai.kernel import children
from unkai.kernel.children import Backoff, Child, ChildError, Supervisor

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
DEAF = (
    sys.executable,
    "-c",
    "from signal import *; import time; signal(SIGTERM, SIG_IGN); print('deaf', flush=True); time.sleep(600)",
)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    made: list[Child] = []

    def child(name: str = "one", argv: tuple[str, ...] = SLEEPER, **more: object) -> Child:
        one = Child(name, argv, tmp_path / "run", **more)  # type: ignore[arg-type]
        made.append(one)
        return one

    yield child
    for one in made:
        children.stop(one)


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_start_leaves_a_record_and_leads_its_own_session(make: Callable[..., Child]) -> None:
    child = make()
    process = children.start(child)
    assert json.loads(child.record.read_text()) == {
        "name": "one",
        "pid": process.pid,
        "started": process.started,
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    }
    assert os.getsid(process.pid) == process.pid
    until(lambda: "up" in child.log.read_text())
    row = children.status(child)
    assert (row.name, row.state, row.pid) == ("one", "running", process.pid)
    assert abs(row.since - time.time()) < 30
    assert row.memory > 1_000_000


def test_second_start_adopts(make: Callable[..., Child]) -> None:
    child = make()
    assert children.start(child) == children.start(child) == children.adopt(child)


def test_many_starters_make_one_child(make: Callable[..., Child]) -> None:
    child = make()
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(children.start(child).pid)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_stop_ends_and_forgets(make: Callable[..., Child]) -> None:
    child = make()
    process = children.start(child)
    assert children.stop(child) is True
    assert not Path(f"/proc/{process.pid}").exists()  # reaped, not a zombie
    assert not child.record.exists()
    assert children.stop(child) is False
    assert children.status(child).state == "stopped"


def test_stop_kills_what_ignores_the_term_signal(make: Callable[..., Child]) -> None:
    child = make(argv=DEAF, stop_timeout=0.2)
    process = children.start(child)
    until(lambda: "deaf" in child.log.read_text())
    assert children.stop(child) is True
    assert not children.alive(process)


def test_a_dead_child_is_started_anew(make: Callable[..., Child]) -> None:
    child = make()
    first = children.start(child)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not children.alive(first))
    assert children.status(child).state == "dead"
    assert children.start(child).pid != first.pid


def test_a_process_that_got_the_pid_later_is_not_the_child(make: Callable[..., Child]) -> None:
    child = make()
    child.directory.mkdir()
    stranger = subprocess.Popen(SLEEPER)
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        child.record.write_text(json.dumps({"name": "one", "pid": stranger.pid, "started": 1, "boot": boot}))
        assert children.adopt(child) is None
        assert children.stop(child) is False
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_record_of_another_boot_is_not_believed(make: Callable[..., Child]) -> None:
    child = make()
    process = children.start(child)
    assert not children.alive(children.Process("one", process.pid, process.started, "another-boot"))


@pytest.mark.parametrize("record", ["", "{", "[]", "null", '{"pid": "x"}', '{"pid": 1}', "\x00\x01"])
def test_a_broken_record_does_not_hide_the_child(make: Callable[..., Child], record: str) -> None:
    child = make()
    process = children.start(child)
    child.record.write_text(record)
    assert children.adopt(child) == process
    assert children.start(child) == process
    assert json.loads(child.record.read_text())["pid"] == process.pid


def test_names_that_begin_alike_are_different_children(make: Callable[..., Child]) -> None:
    longer = make("one-more")
    children.start(longer)
    longer.record.unlink()
    assert children.adopt(make("one")) is None


def test_a_child_outlives_its_starter_and_is_adopted(make: Callable[..., Child], tmp_path: Path) -> None:
    child = make()
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from unkai.kernel import children
        children.start(children.Child("one", {SLEEPER!r}, Path({str(child.directory)!r})))
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    starter = subprocess.run([sys.executable, "-c", script], check=False)
    assert starter.returncode == -signal.SIGKILL
    process = children.adopt(child)
    assert process is not None
    assert children.start(child) == process
    assert children.stop(child) is True
    until(lambda: not children.alive(process))


def test_a_starter_killed_before_the_record_loses_nothing(make: Callable[..., Child]) -> None:
    child = make()
    process = children.start(child)
    child.record.unlink()  # what the disk looks like when the starter died between start and record
    assert children.start(child) == process


def test_a_grandchild_with_the_same_environment_is_not_taken_for_the_child(
    make: Callable[..., Child],
) -> None:
    parent = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    child = make(argv=(sys.executable, "-c", parent))
    process = children.start(child)
    until(lambda: child.log.read_text().strip())
    grandchild = int(child.log.read_text())
    try:
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not children.alive(process))
        child.record.unlink()
        assert children.adopt(child) is None
    finally:
        os.kill(grandchild, signal.SIGKILL)


def test_the_callers_environment_stays_out(make: Callable[..., Child], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "hush")
    process = children.start(make(env={"OVS_RUNDIR": "/x"}))
    until(lambda: b"OVS_RUNDIR=/x" in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"))
    names = {entry.partition(b"=")[0] for entry in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")}
    assert names - {b""} == {b"PATH", b"LANG", b"OVS_RUNDIR", b"UNKAI_CHILD"}


def test_failure_tells_name_and_end_of_the_log(make: Callable[..., Child], tmp_path: Path) -> None:
    argv = (sys.executable, "-c", "import sys; sys.exit('no such database')")
    child = make("north", argv=argv, ready=tmp_path / "never.sock")
    with pytest.raises(ChildError, match="north ended at once: no such database"):
        children.start(child)
    assert not child.record.exists()


def test_a_child_that_never_gets_ready_is_ended(make: Callable[..., Child], tmp_path: Path) -> None:
    child = make(ready=tmp_path / "never.sock", ready_timeout=0.3)
    with pytest.raises(ChildError, match=r"one was not ready after 0.3 s: up"):
        children.start(child)
    assert children.adopt(child) is None


def test_a_running_child_that_does_not_answer_is_left_alone(make: Callable[..., Child], tmp_path: Path) -> None:
    children.start(make())
    with pytest.raises(ChildError):
        children.start(make(ready=tmp_path / "never.sock", ready_timeout=0.1))
    assert children.adopt(make()) is not None


def test_ready_means_that_the_socket_accepts(make: Callable[..., Child], tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))  # a file left by a dead server: it exists and refuses
    stale.close()
    server = (
        "import os, socket, sys, time; time.sleep(0.3); os.unlink(sys.argv[1]);"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); time.sleep(600)"
    )
    children.start(make(argv=(sys.executable, "-c", server, str(path)), ready=path))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_program_that_is_not_there(make: Callable[..., Child]) -> None:
    with pytest.raises(FileNotFoundError):
        children.start(make(argv=("/nonexistent/ovsdb-server",)))


def test_an_unknown_user(make: Callable[..., Child]) -> None:
    with pytest.raises(KeyError):
        children.start(make(user="no-such-user"))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
def test_user_group_umask_and_open_files(make: Callable[..., Child]) -> None:
    show = (
        "import os, resource, time;"
        "print(os.getuid(), os.getgid(), os.getgroups(), oct(os.umask(0)), flush=True);"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], flush=True); time.sleep(600)"
    )
    child = make(argv=(sys.executable, "-c", show), user="nobody", umask=0o027, open_files=512)
    children.start(child)
    until(lambda: len(child.log.read_text().splitlines()) == 2)
    assert child.log.read_text().splitlines() == ["65534 65534 [65534] 0o27", "512"]


def test_a_big_log_is_put_aside(make: Callable[..., Child]) -> None:
    child = make()
    child.directory.mkdir()
    with open(child.log, "wb") as log:
        log.truncate(11 * 1024 * 1024)
    children.start(child)
    assert child.log.stat().st_size < 1000
    assert child.log.with_name("one.log.1").stat().st_size == 11 * 1024 * 1024


def test_backoff_doubles_to_its_longest() -> None:
    pauses = Backoff(first=0.5, longest=5)
    assert [pauses.pause(n) for n in (0, 1, 2, 3, 4, 1000)] == [0.5, 1, 2, 4, 5, 5]


def test_the_supervisor_restarts_and_calls_after(make: Callable[..., Child]) -> None:
    child = make()
    calls: list[int] = []
    supervisor = Supervisor(Backoff(first=0.01))
    first = supervisor.run(child, after=lambda: calls.append(1))
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: len(calls) == 2)
    (row,) = supervisor.status()
    assert row.state == "running"
    assert row.pid != first.pid
    assert not Path(f"/proc/{first.pid}").exists()
    supervisor.stop()
    assert children.adopt(child) is None


def test_what_follows_a_restart_is_tried_until_it_works(make: Callable[..., Child]) -> None:
    child = make()
    outcomes = iter([None, OSError("no bridge yet"), OSError("no bridge yet"), None])
    calls: list[int] = []

    def after() -> None:
        calls.append(1)
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    supervisor = Supervisor(Backoff(first=0.01))
    first = supervisor.run(child, after)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: len(calls) == 4)
    second = children.adopt(child)
    assert second is not None
    time.sleep(0.1)
    assert len(calls) == 4
    assert children.adopt(child) == second  # the failures of what follows never cost the child its life
    supervisor.stop()


def test_the_supervisor_also_watches_what_it_adopted(make: Callable[..., Child]) -> None:
    child = make()
    first = children.start(child)
    children._own.pop(first.pid)  # as if another process had started it
    supervisor = Supervisor(Backoff(first=0.01))
    assert supervisor.run(child) == first
    os.kill(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    until(lambda: (found := children.adopt(child)) is not None and found != first)
    supervisor.stop()


def test_a_released_supervisor_leaves_the_children(make: Callable[..., Child]) -> None:
    child = make()
    supervisor = Supervisor()
    process = supervisor.run(child)
    supervisor.release()
    assert children.adopt(child) == process


def test_one_child_is_not_watched_twice(make: Callable[..., Child]) -> None:
    supervisor = Supervisor()
    supervisor.run(make())
    with pytest.raises(ValueError, match="watched already"):
        supervisor.run(make())
    supervisor.stop()


def test_a_child_that_keeps_dying_does_not_spin(make: Callable[..., Child], tmp_path: Path) -> None:
    counter = tmp_path / "count"
    script = f"open({str(counter)!r}, 'a').write('x'); import time; time.sleep(0.1)"
    child = make(argv=(sys.executable, "-c", script))
    supervisor = Supervisor(Backoff(first=0.3, longest=10))
    supervisor.run(child)
    time.sleep(2)
    supervisor.stop()
    assert 2 <= len(counter.read_text()) <= 4


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of processes needs root")
def test_a_container_with_the_same_directory_is_another_world(make: Callable[..., Child]) -> None:
    child = make()
    # `env` gives the mark to what lives in the other world only, not to unshare, which stays in this one.
    inside = ["env", f"UNKAI_CHILD={child.mark}", "setsid", "--wait", "sleep", "600"]
    there = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *inside])
    try:
        until(lambda: any(child.mark.encode() in environment(pid) for pid in session_leaders()))
        assert children.adopt(child) is None
    finally:
        there.kill()
        there.wait()


def session_leaders() -> list[int]:
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and leads(int(p.name))]


def leads(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
