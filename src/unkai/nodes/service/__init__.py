"""What other rooms may ask of the nodes room."""

from unkai.nodes.model import Aggregate, Host
from unkai.nodes.peers import InProcessPeer
from unkai.nodes.service.aggregates import (
    add_aggregate_host,
    aggregate,
    aggregates,
    create_aggregate,
    delete_aggregate,
    remove_aggregate_host,
    set_aggregate_metadata,
    update_aggregate,
    zones,
)
from unkai.nodes.service.asks import ask
from unkai.nodes.service.capability import image_capability
from unkai.nodes.service.hooks import Hooks, register_images, register_power, register_wanted
from unkai.nodes.service.hosts import (
    host_by_name,
    hosts,
    hosts_stamp,
    register,
    remove_host,
    set_service,
    silent_hosts,
)

__all__ = [
    "Aggregate",
    "Hooks",
    "Host",
    "InProcessPeer",
    "add_aggregate_host",
    "aggregate",
    "aggregates",
    "ask",
    "create_aggregate",
    "delete_aggregate",
    "host_by_name",
    "hosts",
    "hosts_stamp",
    "image_capability",
    "register",
    "register_images",
    "register_power",
    "register_wanted",
    "remove_aggregate_host",
    "remove_host",
    "set_aggregate_metadata",
    "set_service",
    "silent_hosts",
    "update_aggregate",
    "zones",
]
