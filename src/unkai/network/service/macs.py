"""MAC addresses of new ports."""

import secrets

from unkai.kernel.settings import Settings
from unkai.kernel.store import Tx
from unkai.network.errors import MacAddressGenerationFailure
from unkai.network.settings import NetworkOptions
from unkai.network.store import ports

_ATTEMPTS = 16


def new_mac(tx: Tx, settings: Settings, network_id: str) -> str:
    """A random address below [DEFAULT] base_mac that the network does not have. Raises MacAddressGenerationFailure."""
    base = settings[NetworkOptions].base_mac.lower().split(":")
    fixed = base[:3] if base[3] == "00" else base[:4]
    for _ in range(_ATTEMPTS):
        mac = ":".join([*fixed, *(f"{octet:02x}" for octet in secrets.token_bytes(6 - len(fixed)))])
        if not ports.mac_taken(tx, network_id, mac):
            return mac
    raise MacAddressGenerationFailure(network_id=network_id)
