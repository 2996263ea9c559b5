"""The weighers by their upstream names, and the ones in force."""

from collections.abc import Sequence
from importlib import import_module

from unkai.kernel.settings import Settings, SettingsError
from unkai.scheduler.settings import FilterScheduler
from unkai.scheduler.weighers.affinity import ServerGroupSoftAffinityWeigher, ServerGroupSoftAntiAffinityWeigher
from unkai.scheduler.weighers.base import Weigher, Weights, normalise
from unkai.scheduler.weighers.cpu import CPUWeigher
from unkai.scheduler.weighers.disk import DiskWeigher
from unkai.scheduler.weighers.hypervisor_version import HypervisorVersionWeigher
from unkai.scheduler.weighers.num_instances import NumInstancesWeigher
from unkai.scheduler.weighers.ram import RAMWeigher

__all__ = ["BUILT_IN", "Weigher", "Weights", "enabled", "normalise"]

_ALL = "nova.scheduler.weights.all_weighers"
_UPSTREAM = "nova.scheduler.weights."

BUILT_IN: tuple[type[Weigher], ...] = (
    RAMWeigher,
    CPUWeigher,
    DiskWeigher,
    NumInstancesWeigher,
    HypervisorVersionWeigher,
    ServerGroupSoftAffinityWeigher,
    ServerGroupSoftAntiAffinityWeigher,
)


def enabled(settings: Settings) -> Sequence[Weigher]:
    """The weighers in force. Raises SettingsError for one that does not exist."""
    kinds: dict[str, type[Weigher]] = {}
    for path in settings[FilterScheduler].weight_classes:
        for kind in _find(path):
            kinds[kind.name] = kind
    return [kind(settings) for kind in kinds.values()]


def _find(path: str) -> Sequence[type[Weigher]]:
    if path == _ALL:
        return BUILT_IN
    if path.startswith(_UPSTREAM):
        # A module (nova.scheduler.weights.ram) or a class in it (nova.scheduler.weights.ram.RAMWeigher).
        module, _, name = path.removeprefix(_UPSTREAM).partition(".")
        found = [kind for kind in BUILT_IN if kind.module == module and name in ("", kind.name)]
        if found:
            return found
        raise SettingsError(f"[filter_scheduler] weight_classes: there is no weigher {path}")
    where, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(where), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"[filter_scheduler] weight_classes: {path} cannot be loaded: {error}") from error
    if not isinstance(kind, type) or not issubclass(kind, Weigher):
        raise SettingsError(f"[filter_scheduler] weight_classes: {path} is no weigher")
    return [kind]
