"""Security groups as port groups with access rules.

Every port with port security is also in the group DROP, which drops all IP; a rule of a security group lets its
packets pass, with their answers. DHCP requests pass always, neighbour discovery is never touched by OVN's rules.
"""

from unkai.network.model import SecurityGroup, SecurityGroupRule
from unkai.network.ovn.model import DROP, Acl, Group
from unkai.network.protocols import number_of

_DROP_PRIORITY, _ALLOW_PRIORITY = 1001, 1002
_WITH_PORTS = {6: "tcp", 17: "udp", 132: "sctp"}
_ICMP = {1: "icmp4", 58: "icmp6"}


def name(group_id: str) -> str:
    """The port group's name; OVN derives the names of its address sets from it, which allow no dashes."""
    return "neutron_pg_drop" if group_id == DROP else f"pg_{group_id.replace('-', '_')}"


def drop_group() -> Group:
    me = f"@{name(DROP)}"
    return Group(
        id=DROP,
        acls=_sorted(
            Acl("from-lport", _DROP_PRIORITY, f"inport == {me} && ip", "drop"),
            Acl(
                "from-lport",
                _ALLOW_PRIORITY,
                f"inport == {me} && ip4 && udp && udp.src == 68 && udp.dst == 67",
                "allow",
            ),
            Acl(
                "from-lport",
                _ALLOW_PRIORITY,
                f"inport == {me} && ip6 && udp && udp.src == 546 && udp.dst == 547",
                "allow",
            ),
            Acl("to-lport", _DROP_PRIORITY, f"outport == {me} && ip", "drop"),
        ),
    )


def _sorted(*acls: Acl) -> tuple[Acl, ...]:
    return tuple(sorted(acls))


def group(row: SecurityGroup) -> Group:
    made = [acl(rule, row.stateful) for rule in row.security_group_rules]
    return Group(id=row.id, acls=tuple(sorted(one for one in made if one is not None)))


def acl(rule: SecurityGroupRule, stateful: bool = True) -> Acl | None:
    """None for what OVN cannot match (ports of UDP-Lite and DCCP): it stays closed rather than open too wide."""
    protocol = _protocol(rule)
    if protocol is None:
        return None
    out = rule.direction == "egress"
    mine = f"{'inport' if out else 'outport'} == @{name(rule.security_group_id)}"
    family, side = ("ip4" if rule.ethertype == "IPv4" else "ip6"), ("dst" if out else "src")
    parts = [mine, family]
    if rule.remote_group_id is not None:
        parts.append(f"{family}.{side} == ${name(rule.remote_group_id)}_{family}")
    elif rule.normalized_cidr is not None and not rule.normalized_cidr.endswith("/0"):
        parts.append(f"{family}.{side} == {rule.normalized_cidr}")
    return Acl(
        "from-lport" if out else "to-lport",
        _ALLOW_PRIORITY,
        " && ".join(parts + protocol),
        "allow-related" if stateful else "allow-stateless",
        rule.id,
    )


def _protocol(rule: SecurityGroupRule) -> list[str] | None:
    """The conditions on protocol and ports."""
    number = number_of(rule.protocol)
    low, high = rule.port_range_min, rule.port_range_max
    if number is None or (number == 0 and rule.protocol in ("ip", "0")):
        return []
    if number in _ICMP:
        word = _ICMP[number]
        found = [word]
        if low is not None:
            found.append(f"{word}.type == {low}")
        if high is not None:
            found.append(f"{word}.code == {high}")
        return found
    if number in _WITH_PORTS:
        word = _WITH_PORTS[number]
        if low is None or (low == 1 and high == 65535):
            return [word]
        if low == high:
            return [word, f"{word}.dst == {low}"]
        return [word, f"{word}.dst >= {low}", f"{word}.dst <= {high}"]
    return None if low is not None else [f"ip.proto == {number}"]
