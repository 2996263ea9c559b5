"""Prometheus metrics of the control plane, in a registry of their own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

REQUESTS = Counter("unkai_requests", "Requests answered", ["room", "method", "status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "unkai_request_seconds",
    "Time to answer a request",
    ["room"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
STATEMENTS = Counter("unkai_sql_statements", "SQL statements sent", registry=REGISTRY)
FLOW_STEPS = Counter("unkai_flow_steps", "Flow steps ended", ["flow", "step", "outcome"], registry=REGISTRY)
FLOWS_ENDED = Counter("unkai_flows_ended", "Flows ended", ["flow", "outcome"], registry=REGISTRY)
FLOWS_ACTIVE = Gauge("unkai_flows_active", "Flows this process drives now", registry=REGISTRY)
LEASES_LOST = Counter("unkai_leases_lost", "Flows taken over by another process meanwhile", registry=REGISTRY)


def render() -> bytes:
    """The registry in Prometheus' text format."""
    return generate_latest(REGISTRY)
