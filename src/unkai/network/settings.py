"""Options of the room, in upstream's groups (neutron.conf and ml2_conf.ini)."""

from unkai.kernel.settings import Group, option


class NetworkOptions(Group, name="DEFAULT"):
    base_mac: str = option("fa:16:3e:00:00:00", "The first three octets (four, if the fourth is not 00) of new MACs.")
    global_physnet_mtu: int = option(1500, "MTU in bytes of the physical networks and of the tunnels' underlay.")
    dns_domain: str = option("openstacklocal", "Domain that DHCP tells guests.")
    max_dns_nameservers: int = option(5, "Most name servers of one subnet.")
    max_subnet_host_routes: int = option(20, "Most host routes of one subnet.")
    max_routes: int = option(30, "Most extra routes of one router.")
    max_allowed_address_pair: int = option(10, "Most allowed address pairs of one port.")
    pagination_max_limit: str = option("-1", "Most items of one page of a list; -1 or `infinite` for no limit.")


class Ml2Options(Group, name="ml2"):
    tenant_network_types: list[str] = option(["geneve"], "Network types that projects' networks get, in order.")
    path_mtu: int = option(0, "MTU in bytes of the tunnels' underlay, if smaller than global_physnet_mtu; 0: that.")


class GeneveOptions(Group, name="ml2_type_geneve"):
    vni_ranges: list[str] = option(["1:65536"], "Ranges MIN:MAX of the tunnel ids of projects' networks.")
    max_header_size: int = option(38, "Bytes that the encapsulation adds, without the outer IP header.")


class FlatOptions(Group, name="ml2_type_flat"):
    flat_networks: list[str] = option(["*"], "Physical networks that may carry a flat network; * for any.")


class VlanOptions(Group, name="ml2_type_vlan"):
    network_vlan_ranges: list[str] = option(
        [], "Physical networks that may carry VLANs, as NAME or NAME:MIN:MAX with the ids projects may be given."
    )


class QuotaOptions(Group, name="QUOTAS"):
    quota_network: int = option(100, "Networks of a project; -1 for no limit.")
    quota_subnet: int = option(100, "Subnets of a project; -1 for no limit.")
    quota_port: int = option(500, "Ports of a project; -1 for no limit.")
    quota_router: int = option(10, "Routers of a project; -1 for no limit.")
    quota_floatingip: int = option(50, "Floating IPs of a project; -1 for no limit.")
    quota_security_group: int = option(10, "Security groups of a project; -1 for no limit.")
    quota_security_group_rule: int = option(100, "Security group rules of a project; -1 for no limit.")
    quota_subnetpool: int = option(-1, "Subnet pools of a project; -1 for no limit.")


class OvnOptions(Group, name="ovn"):
    ovn_nb_connection: str = option(
        "", "OVSDB connection of OVN's north-bound database (unix:PATH, tcp:IP:PORT); empty keeps it in memory."
    )
    ovsdb_connection_timeout: int = option(180, "Seconds to wait for an answer of the north-bound database.")
    ovn_metadata_enabled: bool = option(True, "Give each network a port at which hosts answer 169.254.169.254.")
    dhcp_default_lease_time: int = option(43200, "Seconds of a DHCP lease.")
    dns_servers: list[str] = option([], "Name servers for subnets that name none.")


class WriterOptions(Group, name="unkai_network"):
    gateway_chassis: list[str] = option(
        [], "Chassis that may carry routers' external gateways, best first; empty: those that hosts report."
    )
    reconcile_interval: float = option(60.0, "Seconds between two comparisons of the rows with OVN; 0 for never.")
