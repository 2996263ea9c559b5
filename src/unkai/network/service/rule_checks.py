"""What makes sense in a security group rule, as upstream judges it."""

from ipaddress import ip_network

import msgspec

from unkai.network.errors import (
    SecurityGroupEthertypeConflictWithProtocol,
    SecurityGroupInvalidIcmpValue,
    SecurityGroupInvalidPortRange,
    SecurityGroupInvalidPortValue,
    SecurityGroupInvalidProtocolForPort,
    SecurityGroupMissingIcmpType,
    SecurityGroupProtocolRequiredWithPorts,
    SecurityGroupRemoteGroupAndRemoteIpPrefix,
    SecurityGroupRuleInvalidProtocol,
    SecurityGroupRuleParameterConflict,
)
from unkai.network.model import Direction, EtherType
from unkai.network.protocols import PROTOCOLS, WITH_PORTS, number_of

_ICMP, _ICMPV6 = 1, 58
_ONLY_IPV6 = {41, 43, 44, 58, 59, 60}
# Names that upstream keeps as one: what was stored under an old name is found under the new one.
_CANONICAL = {"icmpv6": "ipv6-icmp"}


class NewRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule lets matching packets pass; None matches everything."""

    security_group_id: str
    direction: Direction
    project_id: str = ""
    ethertype: EtherType = "IPv4"
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    description: str = ""


def normalized(prefix: str | None) -> str | None:
    """The CIDR that a remote_ip_prefix means: without host bits, with its length."""
    return None if prefix is None else str(ip_network(prefix, strict=False))


def normal(new: NewRule) -> NewRule:
    """The rule as it is stored. Raises the SecurityGroup... errors of what is wrong with it."""
    protocol = _protocol(new.protocol)
    if protocol == "icmp" and new.ethertype == "IPv6":
        protocol = "ipv6-icmp"  # as upstream: the same word means the family's own ICMP
    number = number_of(protocol)
    if number in _ONLY_IPV6 and new.ethertype == "IPv4":
        raise SecurityGroupEthertypeConflictWithProtocol(ethertype=new.ethertype, protocol=new.protocol)
    _ports(new, number)
    if new.remote_ip_prefix is not None:
        if new.remote_group_id is not None:
            raise SecurityGroupRemoteGroupAndRemoteIpPrefix()
        version = ip_network(new.remote_ip_prefix, strict=False).version
        if new.ethertype != f"IPv{version}":
            raise SecurityGroupRuleParameterConflict(ethertype=new.ethertype, cidr=new.remote_ip_prefix)
    return msgspec.structs.replace(new, protocol=protocol)


def _protocol(text: str | None) -> str | None:
    if text is None or text.lower() == "any":
        return None
    word = text.lower()
    if word in PROTOCOLS:
        return _CANONICAL.get(word, word)
    if word.isascii() and word.isdigit() and int(word) <= 255:
        return str(int(word))
    raise SecurityGroupRuleInvalidProtocol(protocol=text, values=sorted(PROTOCOLS))


def _ports(new: NewRule, number: int | None) -> None:
    low, high = new.port_range_min, new.port_range_max
    if low is None and high is None:
        return
    if number is None:
        raise SecurityGroupProtocolRequiredWithPorts()
    if number in (_ICMP, _ICMPV6):
        _icmp(low, high)
        return
    if number not in WITH_PORTS.values():
        raise SecurityGroupInvalidProtocolForPort(protocol=new.protocol)
    for port in low, high:
        if port is not None and not 0 < port < 65536:
            raise SecurityGroupInvalidPortValue(port=port)
    if low is None or high is None or low > high:
        raise SecurityGroupInvalidPortRange()


def _icmp(kind: int | None, code: int | None) -> None:
    for field, attribute, value in (("type", "port_range_min", kind), ("code", "port_range_max", code)):
        if value is not None and not 0 <= value <= 255:
            raise SecurityGroupInvalidIcmpValue(field=field, attribute=attribute, value=value)
    if kind is None and code is not None:
        raise SecurityGroupMissingIcmpType(value=code)
