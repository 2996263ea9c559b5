"""What a new cloud begins with: the schema, the first users and catalog, flavors, networks. Safe to repeat."""

from pathlib import Path

import msgspec

from unkai import cloud, migrations
from unkai.kernel.kit import Kit
from unkai.kernel.settings import Settings
from unkai.kernel.store import Tx


class Beginning(msgspec.Struct, frozen=True):
    """`endpoint` is the base URL of the public APIs; `physical_network` the one behind the external bridge, with the
    subnet, gateway and addresses that floating IPs come from (all empty: no external network is made)."""

    admin_password: str
    demo_password: str
    endpoint: str
    physical_network: str = ""
    external_cidr: str = ""
    external_gateway: str = ""
    external_first: str = ""
    external_last: str = ""

    @staticmethod
    def read(content: bytes) -> "Beginning":
        """Raises msgspec.ValidationError without quoting the content: it holds passwords."""
        return msgspec.json.decode(content, type=Beginning)


def begin(settings: Settings, config_dir: Path, wanted: Beginning) -> None:
    """Migrate, then make what is missing, in one transaction."""
    database = cloud.open_database(settings)
    try:
        migrations.upgrade(database)
    finally:
        database.close()
    house = cloud.build(settings, config_dir=config_dir)
    try:
        house.kit.db.run_now(_fill, house.kit, wanted)
    finally:
        house.kit.db.close()


def _fill(tx: Tx, kit: Kit, wanted: Beginning) -> None:
    from unkai.compute import service as compute
    from unkai.identity import service as identity
    from unkai.network import service as network

    made = identity.bootstrap(
        tx,
        kit,
        identity.Bootstrap(
            admin_password=wanted.admin_password, demo_password=wanted.demo_password, public_endpoint=wanted.endpoint
        ),
    )
    compute.seed_flavors(tx)
    if wanted.external_cidr:
        network.ensure_defaults(
            tx,
            kit,
            network.Defaults(
                admin_project_id=made.projects["admin"],
                demo_project_id=made.projects["demo"],
                physical_network=wanted.physical_network,
                external_cidr=wanted.external_cidr,
                external_gateway=wanted.external_gateway,
                external_first=wanted.external_first,
                external_last=wanted.external_last,
            ),
        )
