"""The machine's end of the external network: the address of its bridge, and the fence around it.

The bridge (br-ex) carries the gateway address of the external network, so that
floating IPs answer to the machine itself. The fence is one nftables table of ours,
replaced as a whole:

- nothing is forwarded between the bridge and the machine's other interfaces, even
  if the machine forwards packets for other reasons (`outbound` opens guests -> world
  with masquerading);
- guests reach no service of the machine but `open_ports`; answers to connections
  the machine made and ICMP pass;
- link-local destinations are dropped first of all: on a cloud machine
  169.254.169.254 is the machine's own metadata, with the machine's own rights;
- with the userspace datapath the kernel also sees each frame of a guest's tap,
  beside Open vSwitch: whatever arrives on a link of `GUEST_LINK_GROUP` is dropped
  before it reaches the machine's own stack. Who makes a tap puts it into that group
  before the guest runs.
"""

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path

from unkai.cli.embedded.tools import HostError, run

__all__ = ["GUEST_LINK_GROUP", "External", "apply", "fence", "remove", "verify"]

# Any number that nobody else uses (`ip link show group N`); it only has to be the same here and where taps are made.
GUEST_LINK_GROUP = 21323

_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")


@dataclass(frozen=True, slots=True)
class External:
    """`addresses` are the gateway's, with prefix length ("172.24.4.1/24"). `open_ports` are TCP ports of the
    machine that guests may reach. `outbound` lets guests reach what the machine reaches, masqueraded."""

    bridge: str = "br-ex"
    addresses: tuple[str, ...] = ("172.24.4.1/24",)
    open_ports: tuple[int, ...] = ()
    outbound: bool = False

    @property
    def interfaces(self) -> list[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
        return [ipaddress.ip_interface(address) for address in self.addresses]

    @property
    def table(self) -> str:
        return "unkai_" + re.sub(r"[^A-Za-z0-9_]", "_", self.bridge)


def verify(external: External) -> None:
    """Refuse before anything changes: a bad name or address, or a network the machine already uses.

    Raises HostError.
    """
    if not _INTERFACE.fullmatch(external.bridge):
        raise HostError(f"{external.bridge!r} cannot be the name of a bridge")
    if not all(0 < port < 65536 for port in external.open_ports):
        raise HostError(f"not TCP ports: {external.open_ports}")
    try:
        wanted = [interface.network for interface in external.interfaces]
    except ValueError as error:
        raise HostError(f"the external network's gateway address: {error}") from None
    for link in json.loads(run(["ip", "-json", "address", "show"])):
        if link["ifname"] == external.bridge:
            continue
        for held in link.get("addr_info", []):
            taken = ipaddress.ip_network(f"{held['local']}/{held['prefixlen']}", strict=False)
            for network in wanted:
                if network.version == taken.version and network.overlaps(taken):
                    raise HostError(
                        f"the external network {network} overlaps {taken}, which {link['ifname']} of this machine "
                        "has: choose another range for it"
                    )


def apply(external: External, *, userspace: bool) -> None:
    """Put address, fence and link in order; safe to repeat. The bridge must exist.

    The fence comes first: the bridge never is up without it. Raises HostError.
    """
    run(["nft", "-f", "-"], stdin=fence(external))
    bridge = external.bridge
    if userspace:
        # A bridge of the userspace datapath is a tap: frames with partial checksums would enter OVN as they are
        # and be dropped as invalid by its connection tracking, while ping goes on working.
        run(["ethtool", "--offload", bridge, "tx", "off"])
    for interface in external.interfaces:
        nodad = ["nodad"] if interface.version == 6 else []
        run(["ip", "address", "replace", str(interface), "dev", bridge, *nodad])
    run(["ip", "link", "set", bridge, "up"])
    if external.outbound:
        for family in {f"ipv{interface.version}" for interface in external.interfaces}:
            switch = "ip_forward" if family == "ipv4" else "conf/all/forwarding"
            Path(f"/proc/sys/net/{family}/{switch}").write_text("1")


def remove(external: External) -> None:
    """Take the fence away. Safe to repeat; the address goes with the bridge."""
    lines = [
        f"table {family} {external.table} {{}}\ndelete table {family} {external.table}" for family in ("inet", "arp")
    ]
    run(["nft", "-f", "-"], stdin="\n".join(lines) + "\n")


def fence(external: External) -> str:
    """The nftables script: both tables are emptied and filled again in one transaction."""
    bridge, table = f'"{external.bridge}"', external.table
    ports = ", ".join(str(port) for port in external.open_ports)
    may_enter = f"\n    tcp dport {{ {ports} }} accept" if ports else ""
    may_leave, masquerade = "", ""
    if external.outbound:
        may_leave = f"\n    iifname {bridge} accept\n    oifname {bridge} ct state established,related accept"
        rules = "".join(
            f"\n    {'ip' if net.version == 4 else 'ip6'} saddr {net} oifname != {bridge} masquerade"
            for net in (interface.network for interface in external.interfaces)
        )
        masquerade = (
            f"\n  chain leaving {{\n    type nat hook postrouting priority srcnat; policy accept;{rules}\n  }}"
        )
    return f"""\
table inet {table} {{}}
delete table inet {table}
table inet {table} {{
  chain arriving {{
    type filter hook prerouting priority raw; policy accept;
    meta iifgroup {GUEST_LINK_GROUP} drop
    iifname {bridge} ip daddr 169.254.0.0/16 counter drop
    iifname {bridge} ip6 daddr {{ fe80::a9fe:a9fe, fd00:ec2::254 }} counter drop
  }}
  chain entering {{
    type filter hook input priority filter; policy accept;
    iifname != {bridge} accept
    ct state established,related accept
    icmp type echo-request accept
    icmpv6 type {{ echo-request, nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} accept{may_enter}
    counter drop
  }}
  chain passing {{
    type filter hook forward priority filter; policy accept;
    iifname {bridge} oifname {bridge} accept{may_leave}
    iifname {bridge} counter drop
    oifname {bridge} counter drop
  }}{masquerade}
}}
table arp {table} {{}}
delete table arp {table}
table arp {table} {{
  chain arriving {{
    type filter hook input priority filter; policy accept;
    meta iifgroup {GUEST_LINK_GROUP} drop
  }}
}}
"""
