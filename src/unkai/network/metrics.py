"""Numbers of the room for Prometheus."""

from prometheus_client import Counter

from unkai.kernel.metrics import REGISTRY

WRITTEN = Counter("unkai_network_objects_written", "Objects told to OVN", registry=REGISTRY)
FAILED = Counter(
    "unkai_network_objects_failed", "Objects that OVN refused or that could not be made", registry=REGISTRY
)
DRIFT = Counter("unkai_network_drift", "Differences found between rows and OVN", ["kind"], registry=REGISTRY)
