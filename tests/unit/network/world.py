"""A network room without its API: database, policies, quotas, and two projects that ask for things."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from unkai.kernel import settings
from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy
from unkai.kernel.quota import Quota
from unkai.kernel.store import Database
from unkai.kernel.wake import Wake
from unkai.network import policy
from unkai.network.hosts import Hosts
from unkai.network.model import FixedIp, Network, Port, Router, Subnet
from unkai.network.service import access, networks, ports, routers, subnets

T = TypeVar("T")

ADMIN = Context(user_id="u-admin", project_id="p-admin", roles=("admin", "manager", "member", "reader"))
ALICE = Context(user_id="u-alice", project_id="p-alice", roles=("member", "reader"))
BOB = Context(user_id="u-bob", project_id="p-bob", roles=("member", "reader"))


@dataclass
class World:
    kit: Kit

    def do(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a service verb that takes (tx, kit, ...) in a transaction of its own."""
        return self.kit.db.run_now(lambda tx: verb(tx, self.kit, *args, **kwargs))

    def read(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a store verb that takes (tx, ...)."""
        return self.kit.db.read_now(lambda tx: verb(tx, *args, **kwargs))

    def network(self, context: Context = ALICE, **values: Any) -> Network:
        new = networks.NewNetwork(project_id=str(context.project_id), **values)
        return self.do(networks.create, context, new)

    def subnet(self, network: Network, cidr: str, context: Context = ALICE, **values: Any) -> Subnet:
        values.setdefault("ip_version", 6 if ":" in cidr else 4)
        new = subnets.NewSubnet(project_id=str(context.project_id), network_id=network.id, cidr=cidr, **values)
        return self.do(subnets.create, context, new)

    def port(self, network: Network, context: Context = ALICE, **values: Any) -> Port:
        new = ports.NewPort(project_id=str(context.project_id), network_id=network.id, **values)
        return self.do(ports.create, context, new)

    def external(self, cidr: str = "172.24.4.0/24") -> Network:
        network = self.network(ADMIN, external=True, network_type="flat", physical_network="public")
        self.subnet(network, cidr, ADMIN, enable_dhcp=False)
        return network

    def router(self, context: Context = ALICE, gateway: Network | None = None, *to: Subnet) -> Router:
        info = None if gateway is None else routers.GatewayRequest(network_id=gateway.id)
        new = routers.NewRouter(project_id=str(context.project_id), external_gateway_info=info)
        router = self.do(routers.create, context, new)
        for subnet in to:
            self.do(routers.add_interface, context, router, subnet.id, None)
        return router


def make(folder: Path, *groups: settings.Group, url: str = "") -> World:
    options = settings.defaults(*groups)
    wake = Wake()
    database = Database(url or f"sqlite:///{folder}/network.db", ring=wake.ring)
    database.create_all()
    kit = Kit(
        db=database,
        wake=wake,
        settings=options,
        policy=Policy(policy.RULES),
        quota=Quota(access.quota_resources(options)),
    )
    kit.put(Hosts, Hosts())
    return World(kit)


def ips(port: Port) -> list[str]:
    return [fixed.ip_address for fixed in port.fixed_ips]


def fixed(subnet: Subnet, ip: str) -> FixedIp:
    return FixedIp(subnet.id, ip)
