"""Which segment a network lives on: a tunnel id, a VLAN or a whole physical network, and the MTU it has there."""

import msgspec

from unkai.kernel.settings import Settings
from unkai.kernel.store import Tx
from unkai.network.errors import (
    FlatNetworkInUse,
    InvalidInput,
    NoNetworkAvailable,
    TunnelIdInUse,
    VlanIdInUse,
)
from unkai.network.settings import FlatOptions, GeneveOptions, Ml2Options, NetworkOptions, VlanOptions
from unkai.network.store import common, networks

_IPV4_HEADER = 20
TYPES = ("flat", "geneve", "local", "vlan")


class Segment(msgspec.Struct, frozen=True):
    network_type: str
    physical_network: str | None
    segmentation_id: int | None

    @property
    def key(self) -> str | None:
        """What must be unique among networks."""
        if self.network_type == "local":
            return None
        parts = [self.network_type, self.physical_network, self.segmentation_id]
        return ":".join(str(part) for part in parts if part is not None)


def choose(tx: Tx, settings: Settings, asked: Segment | None) -> Segment:
    """The segment an administrator asked for, or a free one of [ml2] tenant_network_types.

    Raises InvalidInput, FlatNetworkInUse, VlanIdInUse, TunnelIdInUse, NoNetworkAvailable.
    """
    common.hold(tx, "segments")
    if asked is not None:
        return _asked(tx, settings, asked)
    for network_type in settings[Ml2Options].tenant_network_types:
        found = _free(tx, settings, network_type)
        if found is not None:
            return found
    raise NoNetworkAvailable()


def largest_mtu(settings: Settings, segment: Segment) -> int:
    """Bytes that a frame's payload may have on a segment."""
    physical = settings[NetworkOptions].global_physnet_mtu
    if segment.network_type != "geneve":
        return physical
    path = settings[Ml2Options].path_mtu
    underlay = min(physical, path) if path else physical
    return underlay - settings[GeneveOptions].max_header_size - _IPV4_HEADER


def _asked(tx: Tx, settings: Settings, asked: Segment) -> Segment:
    kind, physical, number = asked.network_type, asked.physical_network, asked.segmentation_id
    if kind == "flat":
        return _flat(tx, settings, asked)
    if kind == "vlan":
        return _vlan(tx, settings, asked)
    if physical is not None:
        raise InvalidInput(reason=f"provider:physical_network specified for {kind} network")
    if kind == "local":
        if number is not None:
            raise InvalidInput(reason="provider:segmentation_id specified for local network")
        return asked
    if kind != "geneve":
        raise InvalidInput(reason=f"Invalid provider:network_type: {kind}")
    if number is None:
        found = _free(tx, settings, "geneve")
        if found is None:
            raise NoNetworkAvailable()
        return found
    if not 1 <= number < 2**24:
        raise InvalidInput(reason=f"provider:segmentation_id out of range: {number}")
    if networks.on_segment(tx, str(asked.key)) is not None:
        raise TunnelIdInUse(tunnel_id=number)
    return asked


def _flat(tx: Tx, settings: Settings, asked: Segment) -> Segment:
    if asked.physical_network is None:
        raise InvalidInput(reason="physical_network required for flat provider network")
    if asked.segmentation_id is not None:
        raise InvalidInput(reason="segmentation_id specified for flat provider network")
    known = settings[FlatOptions].flat_networks
    if "*" not in known and asked.physical_network not in known:
        raise InvalidInput(reason=f"physical_network '{asked.physical_network}' unknown for flat provider network")
    if networks.on_segment(tx, str(asked.key)) is not None:
        raise FlatNetworkInUse(physical_network=asked.physical_network)
    return asked


def _vlan(tx: Tx, settings: Settings, asked: Segment) -> Segment:
    ranges = vlan_ranges(settings)
    if asked.physical_network is None:
        if asked.segmentation_id is not None:
            raise InvalidInput(reason="segmentation_id requires physical_network for VLAN provider network")
        found = _free(tx, settings, "vlan")
        if found is None:
            raise NoNetworkAvailable()
        return found
    if asked.physical_network not in ranges:
        raise InvalidInput(reason=f"physical_network '{asked.physical_network}' unknown for VLAN provider network")
    if asked.segmentation_id is None:
        found = _free_vlan(tx, asked.physical_network, ranges[asked.physical_network])
        if found is None:
            raise NoNetworkAvailable()
        return found
    if not 1 <= asked.segmentation_id <= 4094:
        raise InvalidInput(reason=f"segmentation_id out of range (1 through 4094): {asked.segmentation_id}")
    if networks.on_segment(tx, str(asked.key)) is not None:
        raise VlanIdInUse(vlan_id=asked.segmentation_id, physical_network=asked.physical_network)
    return asked


def vlan_ranges(settings: Settings) -> dict[str, list[tuple[int, int]]]:
    """Physical networks that carry VLANs, with the ids that projects may be given there."""
    found: dict[str, list[tuple[int, int]]] = {}
    for text in settings[VlanOptions].network_vlan_ranges:
        name, *limits = text.split(":")
        ranges = found.setdefault(name, [])
        if len(limits) == 2:
            ranges.append((int(limits[0]), int(limits[1])))
    return found


def _free(tx: Tx, settings: Settings, network_type: str) -> Segment | None:
    if network_type == "local":
        return Segment("local", None, None)
    if network_type == "geneve":
        for text in settings[GeneveOptions].vni_ranges:
            first, _, last = text.partition(":")
            number = networks.free_tunnel_id(tx, int(first), int(last or first))
            if number is not None:
                return Segment("geneve", None, number)
    if network_type == "vlan":
        for physical, ranges in vlan_ranges(settings).items():
            found = _free_vlan(tx, physical, ranges)
            if found is not None:
                return found
    return None


def _free_vlan(tx: Tx, physical: str, ranges: list[tuple[int, int]]) -> Segment | None:
    for first, last in ranges:
        taken = networks.segments_taken(tx, "vlan", physical, first, last)
        free = next((number for number in range(first, last + 1) if number not in taken), None)
        if free is not None:
            return Segment("vlan", physical, free)
    return None
