"""ImagePropertiesFilter (SCHED-014, SCHED-017)."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import Fleet, HostState, Mask
from unkai.scheduler.model import PlaceRequest, Why
from unkai.scheduler.settings import FilterScheduler

# Upstream's names of one property: today's first, then what old images carry.
_ARCHITECTURE = ("hw_architecture", "architecture")
_HYPERVISOR = ("img_hv_type", "hypervisor_type")
_MODE = ("hw_vm_mode", "vm_mode")
_VERSION = ("img_hv_requested_version", "hypervisor_version_requires")

_ARCHITECTURES = {"amd64": "x86_64", "i386": "i686", "i486": "i686", "i586": "i686", "arm64": "aarch64"}
_HYPERVISORS = {"xapi": "xen"}
_MODES = {"pv": "xen", "hv": "hvm", "baremetal": "hvm"}
_CONDITION = re.compile(r"\s*(<=|>=|==|!=|<|>|=)?\s*([0-9][0-9.]*)\s*")


class ImagePropertiesFilter(Filter):
    """Refuses hosts that cannot run the image's architecture, hypervisor type, machine mode or hypervisor version."""

    name = "ImagePropertiesFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return any(self._wanted(request.image_properties)) or _first(request.image_properties, _VERSION) is not None

    def mask(self, fleet: Fleet, request: PlaceRequest) -> Mask:
        kinds, first = np.unique(fleet.kind, return_index=True)
        passes = np.zeros(len(kinds), np.bool_)
        passes[kinds] = [self.refuse(fleet.states[position], request) is None for position in first]
        return np.asarray(passes[fleet.kind], np.bool_)

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        wanted = self._wanted(request.image_properties)
        if any(wanted) and not any(_matches(wanted, offered) for offered in host.facts.supported):
            names = " ".join(text for text in wanted if text)
            offers = ", ".join(sorted({"/".join(offered) for offered in host.facts.supported})[:8])
            return Why(f"support for {names}", offers or "nothing reported")
        version = _first(request.image_properties, _VERSION)
        if version is not None and not version_satisfies(host.hypervisor_version, version):
            return Why(f"hypervisor version {version}", dotted(host.hypervisor_version))
        return None

    def _wanted(self, properties: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
        architecture = _first(properties, _ARCHITECTURE)
        if architecture is None:
            architecture = self.settings[FilterScheduler].image_properties_default_architecture
        return (
            _canonical(architecture, _ARCHITECTURES),
            _canonical(_first(properties, _HYPERVISOR), _HYPERVISORS),
            _canonical(_first(properties, _MODE), _MODES),
        )


def _first(properties: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        if properties.get(name):
            return str(properties[name])
    return None


def _canonical(text: str | None, aliases: Mapping[str, str]) -> str | None:
    if text is None:
        return None
    word = text.strip().lower()
    return aliases.get(word, word)


def _matches(wanted: tuple[str | None, ...], offered: tuple[str, ...]) -> bool:
    return all(want is None or want == have.lower() for want, have in zip(wanted, offered, strict=True))


def dotted(version: int) -> str:
    """7002000 as 7.2.0: libvirt's and QEMU's way to number versions."""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def version_satisfies(version: int, conditions: str) -> bool:
    """Whether a version meets conditions such as ">=6.0,<8.1". What cannot be read is not met."""
    have = [version // 1_000_000, version // 1000 % 1000, version % 1000]
    for text in conditions.split(","):
        match = _CONDITION.fullmatch(text)
        if match is None:
            return False
        want = [int(part) for part in match[2].split(".") if part][:3]
        want += [0] * (3 - len(want))
        met = {
            "<": have < want,
            "<=": have <= want,
            ">": have > want,
            ">=": have >= want,
            "!=": have != want,
        }.get(match[1] or "==", have == want)
        if not met:
            return False
    return True
