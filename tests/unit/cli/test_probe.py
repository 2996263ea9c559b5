"""virt_type=auto: the probe guest itself, and what is made of emulators that fail in every way."""

import json
import stat
from pathlib import Path

import pytest

from unkai.cli.embedded import probe
from unkai.cli.embedded.tools import HostError


def emulator(folder: Path, tcg: str, kvm: str) -> str:
    """A stand-in for QEMU: `tcg` and `kvm` are shell lines run for that accelerator; runs are counted."""
    path = folder / "emulator"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in\n*--version*) echo stand-in 1.0 && exit ;;\nesac\necho run >>{folder}/runs\n'
        f'case "$*" in\n*accel=kvm*) {kvm} ;;\n*) {tcg} ;;\nesac\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


GOOD = "printf 'unkai probe\\r\\n'; exit 85"


@pytest.fixture
def kvm_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr(probe, "_DEVICE", device)
    return device


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


def test_the_boot_sector_is_one() -> None:
    sector = probe.boot_sector()
    assert len(sector) == 512
    assert sector[-2:] == b"\x55\xaa"
    text = sector.index(b"unkai probe\r\n\0")
    assert sector[sector.index(b"\xbe") + 1 :][:2] == (0x7C00 + text).to_bytes(2, "little")


def test_hardware_that_works(tmp_path: Path, kvm_device: Path) -> None:
    verdict = probe.verdict(tmp_path / "state", emulator=emulator(tmp_path, tcg="exit 1", kvm=GOOD))
    assert verdict == probe.Verdict("kvm", "a probe guest ran on /dev/kvm")
    assert runs(tmp_path) == 1


@pytest.mark.parametrize(
    ("kvm", "reason"),
    [
        ("echo 'failed to set MSR 0x10a' >&2; kill -ABRT $$", r"signal 6\): failed to set MSR 0x10a"),
        ("echo 'Could not access KVM: Permission denied' >&2; exit 1", r"exit status 1\): Could not access KVM"),
        ("exit 85", r"exit status 85\): no message"),  # the status without the greeting
        ("echo unkai probe; exit 0", r"exit status 0\)"),  # the greeting without the status
        ("sleep 60", "did not finish in 0.5 s"),
    ],
)
def test_hardware_that_only_seems_to(
    tmp_path: Path, kvm_device: Path, monkeypatch: pytest.MonkeyPatch, kvm: str, reason: str
) -> None:
    monkeypatch.setattr(probe, "_PATIENCE", 0.5)
    verdict = probe.verdict(tmp_path / "state", emulator=emulator(tmp_path, tcg=GOOD, kvm=kvm))
    assert verdict.virt_type == "qemu"
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(verdict.reason)


def test_no_device_needs_no_try(tmp_path: Path, kvm_device: Path) -> None:
    kvm_device.unlink()
    verdict = probe.verdict(tmp_path / "state", emulator=emulator(tmp_path, tcg=GOOD, kvm="exit 3"))
    assert verdict == probe.Verdict("qemu", "guests are emulated: there is no /dev/kvm")
    assert runs(tmp_path) == 1


def test_not_even_emulated(tmp_path: Path, kvm_device: Path) -> None:
    with pytest.raises(HostError, match=r"not even emulated ones: .*no bios"):
        probe.verdict(tmp_path / "state", emulator=emulator(tmp_path, tcg="echo no bios >&2; exit 1", kvm="exit 1"))
    assert not (tmp_path / "state").exists()


def test_no_emulator_at_all(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="not installed"):
        probe.verdict(tmp_path, emulator="no-such-emulator")


def test_the_verdict_is_kept_until_the_machine_changes(tmp_path: Path, kvm_device: Path) -> None:
    program = emulator(tmp_path, tcg=GOOD, kvm=GOOD)
    first = probe.verdict(tmp_path / "state", emulator=program)
    assert probe.verdict(tmp_path / "state", emulator=program) == first
    assert runs(tmp_path) == 1
    kvm_device.chmod(0o640)
    probe.verdict(tmp_path / "state", emulator=program)
    assert runs(tmp_path) == 2
    kvm_device.unlink()
    assert probe.verdict(tmp_path / "state", emulator=program).virt_type == "qemu"


@pytest.mark.parametrize("kept", ["", "{", "[]", "{}", '{"machine": "another", "virt_type": "kvm", "reason": ""}'])
def test_what_is_kept_may_be_broken(tmp_path: Path, kvm_device: Path, kept: str) -> None:
    (tmp_path / "virt-type.json").write_text(kept)
    verdict = probe.verdict(tmp_path, emulator=emulator(tmp_path, tcg=GOOD, kvm="exit 1"))
    assert verdict.virt_type == "qemu"
    assert json.loads((tmp_path / "virt-type.json").read_text())["virt_type"] == "qemu"


@pytest.mark.libvirt
def test_the_real_emulator_runs_it() -> None:
    assert probe._boot("tcg", "max", None, "qemu-system-x86_64") == ""
