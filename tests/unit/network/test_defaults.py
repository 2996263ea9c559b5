"""What a new cloud begins with."""

from unit.network.world import World
from unkai.kernel.scope import Scope
from unkai.network.model import Pool
from unkai.network.service.defaults import Defaults, ensure_defaults
from unkai.network.store import networks, ports, routers, security_groups, subnets

WANTED = Defaults(admin_project_id="p-admin", demo_project_id="p-demo")


def test_a_public_and_a_private_network_with_a_router_between(cloud: World) -> None:
    cloud.do(ensure_defaults, WANTED)
    found = {network.name: network for network in cloud.read(networks.networks, Scope.system())}
    public, private = found["public"], found["private"]
    assert (public.external, public.network_type, public.physical_network) == (True, "flat", "public")
    assert (public.project_id, private.project_id, private.shared) == ("p-admin", "p-demo", False)
    outside = cloud.read(subnets.on_network, Scope.system(), public.id)[0]
    assert (outside.cidr, outside.gateway_ip, outside.enable_dhcp) == ("172.24.4.0/24", "172.24.4.1", False)
    assert outside.allocation_pools == [Pool("172.24.4.10", "172.24.4.250")]
    inside = cloud.read(subnets.on_network, Scope.system(), private.id)[0]
    assert (inside.cidr, inside.gateway_ip) == ("10.0.0.0/26", "10.0.0.1")
    (router,) = cloud.read(routers.routers, Scope.project("p-demo"))
    assert router.external_gateway_info is not None
    assert router.external_gateway_info.external_fixed_ips[0].ip_address == "172.24.4.10"
    owners = [port.device_owner for port in cloud.read(ports.on_network, Scope.system(), private.id)]
    assert sorted(owners) == ["network:distributed", "network:router_interface"]
    assert cloud.read(security_groups.default_group, "p-demo")


def test_again_changes_nothing(cloud: World) -> None:
    cloud.do(ensure_defaults, WANTED)
    before = cloud.read(networks.networks, Scope.system()), cloud.read(routers.routers, Scope.system())
    cloud.do(ensure_defaults, WANTED)
    assert (cloud.read(networks.networks, Scope.system()), cloud.read(routers.routers, Scope.system())) == before
