"""The fence around the external network: what the rules say, and what is refused before any rule is made."""

import shutil
import subprocess
from typing import Any

import pytest

from unkai.cli.embedded import external
from unkai.cli.embedded.external import External
from unkai.cli.embedded.tools import HostError
from unkai.node.ports import links

NOTHING_TAKEN = '[{"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]}]'


def chain(script: str, name: str) -> list[str]:
    body = script.split(f"chain {name} {{")[1].split("\n  }")[0]
    return [line.strip() for line in body.splitlines() if line.strip()]


def addresses(monkeypatch: pytest.MonkeyPatch, json: str) -> None:
    monkeypatch.setattr(external, "run", lambda *_a, **_k: json)


def test_by_default_nothing_is_forwarded_and_no_port_is_open() -> None:
    script = external.fence(External())
    assert chain(script, "passing")[1:] == [
        'iifname "br-ex" oifname "br-ex" accept',
        'iifname "br-ex" counter drop',
        'oifname "br-ex" counter drop',
    ]
    assert chain(script, "entering")[-1] == "counter drop"
    assert "dport" not in script
    assert "masquerade" not in script


def test_link_local_goes_first_of_all() -> None:
    rules = chain(external.fence(External(outbound=True, open_ports=(80,))), "arriving")
    assert rules[0].startswith("type filter hook prerouting priority raw")
    assert 'iifname "br-ex" ip daddr 169.254.0.0/16 counter drop' in rules
    assert f"meta iifgroup {external.GUEST_LINK_GROUP} drop" in rules


def test_who_makes_taps_means_the_same_group() -> None:
    assert links.GUEST_LINK_GROUP == external.GUEST_LINK_GROUP


def test_opened_ports_and_the_way_out() -> None:
    script = external.fence(
        External(outbound=True, open_ports=(443, 8774), addresses=("198.51.100.1/24", "2001:db8::1/64"))
    )
    assert "tcp dport { 443, 8774 } accept" in chain(script, "entering")
    assert 'oifname "br-ex" ct state established,related accept' in chain(script, "passing")
    assert chain(script, "leaving")[1:] == [
        'ip saddr 198.51.100.0/24 oifname != "br-ex" masquerade',
        'ip6 saddr 2001:db8::/64 oifname != "br-ex" masquerade',
    ]


def test_the_table_is_replaced_in_one_transaction() -> None:
    script = external.fence(External(bridge="br-ex.1"))
    assert script.startswith("table inet unkai_br_ex_1 {}\ndelete table inet unkai_br_ex_1\ntable inet")


@pytest.mark.root
@pytest.mark.skipif(shutil.which("nft", path="/usr/sbin") is None, reason="nft is not installed")
@pytest.mark.parametrize("settings", [{}, {"outbound": True, "open_ports": (22, 443)}])
def test_nft_understands_it(settings: dict[str, Any]) -> None:
    script = external.fence(External(**settings))
    subprocess.run(["/usr/sbin/nft", "--check", "-f", "-"], input=script, text=True, check=True)


@pytest.mark.parametrize("bridge", ["", "br-ex; flush ruleset", 'br"ex', "a-name-that-is-too-long", "br ex", "br/ex"])
def test_a_name_that_is_no_interface_is_refused(bridge: str) -> None:
    with pytest.raises(HostError, match="cannot be the name of a bridge"):
        external.verify(External(bridge=bridge))


@pytest.mark.parametrize("address", ["172.24.4.1/33", "172.24.4/24", "gateway", "", "172.24.4.1; drop"])
def test_a_bad_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses(monkeypatch, NOTHING_TAKEN)
    with pytest.raises(HostError, match="gateway address"):
        external.verify(External(addresses=(address,)))


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_bad_port_is_refused(port: int) -> None:
    with pytest.raises(HostError, match="not TCP ports"):
        external.verify(External(open_ports=(port,)))


def test_a_range_the_machine_already_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses(monkeypatch, '[{"ifname": "docker0", "addr_info": [{"local": "172.24.0.1", "prefixlen": 16}]}]')
    with pytest.raises(HostError, match=r"172\.24\.4\.0/24 overlaps 172\.24\.0\.0/16, which docker0"):
        external.verify(External())


def test_the_bridges_own_address_and_the_other_family_are_no_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses(
        monkeypatch,
        '[{"ifname": "br-ex", "addr_info": [{"local": "172.24.4.1", "prefixlen": 24}]},'
        '{"ifname": "eth0", "addr_info": [{"local": "fd00::2", "prefixlen": 8}]}, {"ifname": "down0"}]',
    )
    external.verify(External())
