"""What a new cloud begins with: an external network, and a private one behind a router for the demo project."""

from ipaddress import ip_network

import msgspec

from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.model import Listing, Network, Pool
from unkai.network.service import networks, routers, security_groups, subnets
from unkai.network.service.networks import NewNetwork
from unkai.network.service.routers import GatewayRequest, NewRouter
from unkai.network.service.subnets import NewSubnet
from unkai.network.store import networks as network_rows
from unkai.network.store import routers as router_rows

PUBLIC, PRIVATE, ROUTER = "public", "private", "router1"


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """`physical_network` is what hosts map to the external bridge; floating IPs come from `external_first` to
    `external_last`, `external_gateway` is the machine's end. Empty addresses take the subnet's own defaults."""

    admin_project_id: str
    demo_project_id: str
    physical_network: str = "public"
    external_cidr: str = "172.24.4.0/24"
    external_gateway: str = "172.24.4.1"
    external_first: str = "172.24.4.10"
    external_last: str = "172.24.4.250"
    private_cidr: str = "10.0.0.0/26"


def ensure_defaults(tx: Tx, kit: Kit, wanted: Defaults) -> None:
    """Make what is missing of network `public`, network `private` and router `router1` between them.

    What has these names already is left as it is. Raises what creating them raises.
    """
    admin = Context(project_id=wanted.admin_project_id, roles=("admin",))
    demo = Context(project_id=wanted.demo_project_id, roles=("member", "reader"))
    for context in admin, demo:
        security_groups.ensure_default(tx, kit, context.project_id or "")
    public = _public(tx, kit, admin, wanted)
    private = _named(tx, PRIVATE, demo)
    if private is None:
        private = networks.create(tx, kit, demo, NewNetwork(project_id=wanted.demo_project_id, name=PRIVATE))
    if not private.subnets:
        new = NewSubnet(
            project_id=wanted.demo_project_id,
            network_id=private.id,
            name=f"{PRIVATE}-subnet",
            ip_version=ip_network(wanted.private_cidr).version,
            cidr=wanted.private_cidr,
        )
        subnets.create(tx, kit, demo, new)
        private = network_rows.get(tx, Scope.system(), private.id)
    _router(tx, kit, demo, public, private)


def _public(tx: Tx, kit: Kit, admin: Context, wanted: Defaults) -> Network:
    public = _named(tx, PUBLIC, admin)
    if public is None:
        new = NewNetwork(
            project_id=wanted.admin_project_id,
            name=PUBLIC,
            external=True,
            is_default=True,
            network_type="flat",
            physical_network=wanted.physical_network,
        )
        public = networks.create(tx, kit, admin, new)
    if not public.subnets:
        ends = (wanted.external_first, wanted.external_last)
        subnet = NewSubnet(
            project_id=wanted.admin_project_id,
            network_id=public.id,
            name=f"{PUBLIC}-subnet",
            ip_version=ip_network(wanted.external_cidr).version,
            cidr=wanted.external_cidr,
            gateway_ip=wanted.external_gateway or msgspec.UNSET,
            enable_dhcp=False,
            allocation_pools=[Pool(*ends)] if all(ends) else msgspec.UNSET,
        )
        subnets.create(tx, kit, admin, subnet)
    return public


def _router(tx: Tx, kit: Kit, demo: Context, public: Network, private: Network) -> None:
    filters = {"name": (ROUTER,), "project_id": (demo.project_id,)}
    if router_rows.routers(tx, Scope.system(), Listing(filters)):
        return
    new = NewRouter(
        project_id=demo.project_id or "", name=ROUTER, external_gateway_info=GatewayRequest(network_id=public.id)
    )
    router = routers.create(tx, kit, demo, new)
    for subnet_id in private.subnets:
        routers.add_interface(tx, kit, demo, router, subnet_id, None)


def _named(tx: Tx, name: str, context: Context) -> Network | None:
    filters = {"name": (name,), "project_id": (context.project_id,)}
    return next(iter(network_rows.networks(tx, Scope.system(), Listing(filters))), None)
