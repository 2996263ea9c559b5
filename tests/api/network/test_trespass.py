"""What people try: getting into others' servers and routers by words, and saying things to OVN in values."""

from typing import Any

import pytest

from api.network.conftest import PEOPLE, Api
from unkai.network import service
from unkai.network.model import ROUTER_INTERFACE
from unkai.network.service import routers
from unkai.network.service.system_ports import metadata_port


async def network_of(api: Api, who: str, cidr: str) -> tuple[str, str]:
    network = (await api.make(who, "network"))["id"]
    return network, (await api.make(who, "subnet", network_id=network, ip_version=4, cidr=cidr))["id"]


async def test_a_word_in_a_port_is_no_interface_of_anothers_server(api: Api) -> None:
    """Only Compute gives ports to servers, whatever users write into device_id."""
    await network_of(api, "alice", "10.1.0.0/24")
    context = PEOPLE["alice"]

    def boot(tx: Any) -> list[Any]:
        planned = service.validate_requests(tx, api.kit, context, None)
        return service.create_ports(tx, api.kit, context, "alices-server", planned, "nova")

    (real,) = await api.kit.db.run(boot)
    foreign, _ = await network_of(api, "bob", "10.2.0.0/24")
    forged = {"network_id": foreign, "device_id": "alices-server", "device_owner": "compute:nova"}
    port = await api.make("bob", "port", **forged)
    late = await api.make("bob", "port", network_id=foreign)
    words = {"device_id": "alices-server", "device_owner": "compute:nova"}
    await api.ok("bob", "PUT", f"/ports/{late['id']}", {"port": words})
    nics = await api.kit.db.read(service.nics_by_servers, ["alices-server"])
    assert [nic.port_id for nic in nics["alices-server"]] == [real.id]
    assert [one.port_id for one in await api.kit.db.read(service.interfaces, "alices-server")] == [real.id]
    # Nor is a port that a server has taken away from it by a word.
    for change in ({"device_id": "other"}, {"device_owner": ""}):
        await api.refused("alice", "PUT", f"/ports/{real.id}", {"port": change}, 409, "PortInUse")
    await api.kit.db.run(service.release_ports, api.kit, "alices-server")
    assert (await api.ok("bob", "GET", f"/ports/{port['id']}"))["port"]["device_id"] == "alices-server"


async def test_a_word_in_a_port_is_no_interface_of_anothers_router(api: Api) -> None:
    router = (await api.make("alice", "router"))["id"]
    network, _ = await network_of(api, "bob", "10.2.0.0/24")
    forged = {"network_id": network, "device_id": router, "device_owner": ROUTER_INTERFACE}
    port = await api.make("bob", "port", **forged)
    assert await api.kit.db.read(routers.interfaces, router) == []
    await api.ok("alice", "DELETE", f"/routers/{router}", status=204)
    await api.ok("bob", "DELETE", f"/ports/{port['id']}", status=204)


async def test_a_word_in_a_port_answers_nobodys_metadata_requests(api: Api) -> None:
    theirs, _ = await network_of(api, "alice", "10.1.0.0/24")
    mine, _ = await network_of(api, "bob", "10.2.0.0/24")
    forged = {"network_id": mine, "device_id": f"ovnmeta-{theirs}", "device_owner": "network:distributed"}
    await api.make("bob", "port", **forged)
    found = await api.kit.db.read(metadata_port, theirs)
    assert found is not None
    assert found.network_id == theirs


async def test_a_routers_port_moves_only_where_its_router_can_be(api: Api) -> None:
    network, subnet = await network_of(api, "alice", "10.1.0.0/24")
    router = (await api.make("alice", "router"))["id"]
    path = f"/routers/{router}/add_router_interface"
    made = await api.ok("alice", "PUT", path, {"subnet_id": subnet})
    port = f"/ports/{made['port_id']}"
    await api.ok("alice", "PUT", port, {"port": {"fixed_ips": [{"ip_address": "10.1.0.9"}]}})
    _, other = await network_of(api, "alice", "10.3.0.0/24")
    await api.ok("alice", "PUT", path, {"subnet_id": other})
    overlapping = await api.make("alice", "subnet", network_id=network, ip_version=4, cidr="10.3.0.0/25")
    change = {"port": {"fixed_ips": [{"subnet_id": overlapping["id"]}]}}
    await api.refused("alice", "PUT", port, change, 400, "HTTPBadRequest", "overlaps")
    (metadata,) = (await api.ok("alice", "GET", f"/ports?network_id={network}&device_owner=network:distributed"))[
        "ports"
    ]
    change = {"port": {"fixed_ips": [{"ip_address": "10.1.0.77"}]}}
    await api.refused("alice", "PUT", f"/ports/{metadata['id']}", change, 400, "HTTPBadRequest")


ZONE = "fe80::1%1 || ip6"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/security-group-rules", {"direction": "ingress", "ethertype": "IPv6", "remote_ip_prefix": f"{ZONE}/128"}),
        ("/security-group-rules", {"direction": "ingress", "ethertype": "IPv6", "remote_ip_prefix": ZONE}),
        ("/security-group-rules", {"direction": "ingress", "protocol": "tcp || ip4"}),
        ("/subnets", {"ip_version": 6, "cidr": f"{ZONE}/64"}),
        ("/subnets", {"ip_version": 6, "cidr": "fd00::/64", "gateway_ip": ZONE}),
        ("/subnets", {"ip_version": 6, "cidr": "fd00::/64", "dns_nameservers": [ZONE]}),
        ("/subnets", {"ip_version": 4, "cidr": "10.0.0.0/24", "dns_nameservers": ["192.0.2.1}, x={1"]}),
        (
            "/subnets",
            {"ip_version": 6, "cidr": "fd00::/64", "host_routes": [{"destination": "fd01::/64", "nexthop": ZONE}]},
        ),
        ("/ports", {"allowed_address_pairs": [{"ip_address": ZONE}]}),
        ("/ports", {"allowed_address_pairs": [{"ip_address": "10.0.0.0/255.0.0.0 x"}]}),
        ("/ports", {"fixed_ips": [{"ip_address": ZONE}]}),
        ("/ports", {"mac_address": "fa:16:3e:00:00:01 10.0.0.1"}),
    ],
)
async def test_values_say_nothing_else_to_ovn(api: Api, path: str, body: dict[str, Any]) -> None:
    network = (await api.make("alice", "network"))["id"]
    (group,) = (await api.ok("alice", "GET", "/security-groups"))["security_groups"]
    parent = {"security_group_id": group["id"]} if "rules" in path else {"network_id": network}
    kind = path.strip("/").replace("-", "_")[:-1]
    answer = await api.ask("alice", "POST", path, {kind: {**parent, **body}})
    assert answer.status_code == 400, answer.text
