"""Network cards, on taps that were made beforehand."""

from collections.abc import Sequence

from unkai.contracts.guest import Interface
from unkai.node.libvirt.host import Host
from unkai.node.libvirt.xml import Element, add
from unkai.node.metadata.network_data import tap_name

__all__ = ["add_interfaces"]


def add_interfaces(devices: Element, cards: Sequence[Interface], host: Host) -> None:
    for card in cards:
        interface = add(devices, "interface", type="ethernet")
        add(interface, "mac", address=card.mac)
        add(interface, "target", dev=tap_name(card.port_id), managed="no")
        add(interface, "model", type=card.model)
        if card.model == "virtio":
            _add_driver(interface, host)
        add(interface, "mtu", size=card.mtu)


def _add_driver(interface: Element, host: Host) -> None:
    driver = add(interface, "driver", name="qemu")
    if host.userspace:
        # Frames must enter the userspace datapath with complete checksums, one segment each; otherwise connection
        # tracking drops TCP while ping works.
        add(driver, "host", csum="off", gso="off", tso4="off", tso6="off", ecn="off", ufo="off")
        add(driver, "guest", csum="off", tso4="off", tso6="off", ecn="off", ufo="off")
