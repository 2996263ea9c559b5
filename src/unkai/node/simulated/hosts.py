"""What simulated machines look like: a few generations of real servers, mixed as in an aged data centre."""

import random
import uuid
from dataclasses import dataclass

import os_traits

from unkai.contracts.reports import NumaCell
from unkai.node.traits import DRIVER, cpu_traits

__all__ = ["Machine", "fleet", "machine"]

_NAMESPACE = uuid.UUID("7d1c9a52-6c0e-4a8e-9a2f-4f5f0f4a3b11")
_COMMON = "abm aes avx avx2 bmi1 bmi2 f16c fma mmx pclmulqdq pdpe1gb sse sse2 sse3 sse4.1 sse4.2 ssse3"
_INTEL = "pcid spec-ctrl ssbd vmx"
_AVX512 = "avx512f avx512bw avx512cd avx512dq avx512vl"
_ICELAKE = f"{_AVX512} avx512ifma avx512vbmi avx512vbmi2 avx512bitalg avx512vnni avx512-vpopcntdq gfni sha-ni vaes"


@dataclass(frozen=True, slots=True)
class Generation:
    """`share` is how much of a mixed fleet is of this kind. `disk_gb` is what instances_path has."""

    vendor: str
    model: str
    sockets: int
    cores: int
    threads: int
    memory_gb: int
    disk_gb: int
    flags: str
    share: int


GENERATIONS = (
    Generation("Intel", "Broadwell-IBRS", 2, 14, 2, 256, 1_800, f"{_COMMON} {_INTEL}", 2),
    Generation("Intel", "Cascadelake-Server", 2, 20, 2, 384, 3_500, f"{_COMMON} {_INTEL} {_AVX512} avx512vnni", 4),
    Generation("Intel", "Icelake-Server", 2, 32, 2, 512, 7_000, f"{_COMMON} {_INTEL} {_ICELAKE}", 3),
    Generation("AMD", "EPYC-Rome", 2, 32, 2, 512, 3_500, f"{_COMMON} sha-ni sse4a svm ibpb stibp amd-ssbd", 2),
    Generation("AMD", "EPYC-Milan", 2, 64, 2, 1024, 7_000, f"{_COMMON} sha-ni sse4a svm ibpb stibp vaes pcid", 3),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """One simulated host. Its ids follow from its name, so that it is the same host in the next process."""

    name: str
    generation: Generation
    address: str

    @property
    def host_id(self) -> str:
        return str(uuid.uuid5(_NAMESPACE, self.name))

    @property
    def vcpus(self) -> int:
        kind = self.generation
        return kind.sockets * kind.cores * kind.threads

    @property
    def memory_mb(self) -> int:
        # Firmware and kernel keep a little for themselves, as on real machines.
        return self.generation.memory_gb * 1024 - 512

    @property
    def cpu_info(self) -> dict[str, object]:
        kind = self.generation
        return {
            "arch": "x86_64",
            "vendor": kind.vendor,
            "model": kind.model,
            "features": sorted(kind.flags.split()),
            "topology": {
                "cells": kind.sockets,
                "sockets": 1,
                "cores": kind.cores,
                "threads": kind.threads,
            },
        }

    @property
    def traits(self) -> list[str]:
        buses = {f"COMPUTE_STORAGE_BUS_{bus}" for bus in ("IDE", "SATA", "SCSI", "USB", "VIRTIO")}
        own = {os_traits.COMPUTE_ARCH_X86_64, os_traits.COMPUTE_FIRMWARE_BIOS, os_traits.HW_CPU_HYPERTHREADING}
        return sorted(DRIVER | buses | own | cpu_traits(self.generation.flags.split()))

    @property
    def cells(self) -> list[NumaCell]:
        kind = self.generation
        size = kind.cores * kind.threads
        return [
            NumaCell(
                id=cell, cpus=list(range(cell * size, (cell + 1) * size)), memory_mb=self.memory_mb // kind.sockets
            )
            for cell in range(kind.sockets)
        ]


def machine(name: str, index: int = 0) -> Machine:
    """The machine of this name. Its generation depends on the name only."""
    weights = [kind.share for kind in GENERATIONS]
    chosen = random.Random(name).choices(GENERATIONS, weights)[0]  # noqa: S311  nothing secret, and repeatable
    return Machine(name, chosen, f"198.18.{index // 250 % 256}.{index % 250 + 1}")


def fleet(count: int, prefix: str = "sim") -> list[Machine]:
    """`count` machines named sim-0001 and so on."""
    width = max(4, len(str(count)))
    return [machine(f"{prefix}-{index + 1:0{width}}", index) for index in range(count)]
