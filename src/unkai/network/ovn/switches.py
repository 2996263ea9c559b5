"""Networks as logical switches."""

from unkai.network.model import Network
from unkai.network.ovn.model import Localnet, Switch


def switch(network: Network) -> Switch:
    localnet = None
    if network.physical_network is not None:
        localnet = Localnet(network.physical_network, network.segmentation_id)
    return Switch(
        id=network.id,
        options={"mcast_snoop": "false", "vlan-passthru": "false"},
        notes={"neutron:network_name": network.name, "neutron:mtu": str(network.mtu)},
        localnet=localnet,
    )
