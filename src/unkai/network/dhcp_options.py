"""DHCP options of single ports: which ones OVN knows, and what their values may be.

The values end up in OVN's own language. So each is of a type, and is written anew from what was understood: a value
that does not fit its type would otherwise be a way to say something else to OVN.
"""

import json
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from unkai.network.model import DhcpOption

Format = Callable[[str], str]


def _ip4(text: str) -> str:
    return str(IPv4Address(text.strip()))


def _ips4(text: str) -> str:
    return as_set([_ip4(part) for part in text.strip("{} ").split(",")])


def _ip6(text: str) -> str:
    if "%" in text:
        raise ValueError(f"'{text}' is not an address")
    return str(IPv6Address(text.strip()))


def _ips6(text: str) -> str:
    return as_set([_ip6(part) for part in text.strip("{} ").split(",")])


def _number(text: str) -> str:
    if not text.isascii() or not text.isdigit() or int(text) > 2**32 - 1:
        raise ValueError(f"'{text}' is not a number")
    return str(int(text))


def _text(text: str) -> str:
    return json.dumps(text)


def _routes(text: str) -> str:
    """Pairs of destination and next hop, all separated by commas."""
    parts = text.strip("{} ").split(",")
    if len(parts) % 2:
        raise ValueError(f"'{text}' is not a list of destinations and next hops")
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return as_set([f"{IPv4Network(where.strip())},{_ip4(hop)}" for where, hop in pairs])


def as_set(values: list[str]) -> str:
    """OVN's notation of one or several values."""
    return values[0] if len(values) == 1 and "," not in values[0] else "{" + ", ".join(values) + "}"


# OVN's name and the form of the value, by the option's number and by its names.
_FOUR: dict[str, tuple[str, Format]] = {
    "1": ("netmask", _ip4),
    "3": ("router", _ip4),
    "6": ("dns_server", _ips4),
    "7": ("log_server", _ips4),
    "9": ("lpr_server", _ips4),
    "15": ("domain_name", _text),
    "16": ("swap_server", _ip4),
    "19": ("ip_forward_enable", _number),
    "23": ("default_ttl", _number),
    "26": ("mtu", _number),
    "41": ("nis_server", _ips4),
    "42": ("ntp_server", _ips4),
    "51": ("lease_time", _number),
    "58": ("T1", _number),
    "59": ("T2", _number),
    "66": ("tftp_server", _text),
    "67": ("bootfile_name", _text),
    "121": ("classless_static_route", _routes),
    "150": ("tftp_server_address", _ips4),
    "210": ("path_prefix", _text),
    "252": ("wpad", _text),
}
_SIX: dict[str, tuple[str, Format]] = {"23": ("dns_server", _ips6), "24": ("domain_search", _text)}
_ALIASES = {"server-ip-address": "tftp-server-address", "lpr-server": "lpr-server", "log-server": "log-server"}


def _named(table: dict[str, tuple[str, Format]]) -> dict[str, tuple[str, Format]]:
    by_name = {name.replace("_", "-"): (name, form) for name, form in table.values()}
    return table | by_name | {alias: by_name[name] for alias, name in _ALIASES.items() if name in by_name}


_KNOWN = {4: _named(_FOUR), 6: _named(_SIX)}


def formatted(option: DhcpOption) -> tuple[str, str] | None:
    """OVN's name and value. None for an option that OVN does not know or a value that does not fit it: upstream keeps
    those too, and nobody answers with them."""
    known = _KNOWN[option.ip_version].get(option.opt_name.replace("_", "-"))
    if known is None or option.opt_value is None:
        return None
    name, form = known
    try:
        return name, form(option.opt_value)
    except ValueError:
        return None
