"""What Prometheus sees. One registry per process; series vanish with their object."""

import platform
from collections.abc import Callable, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

# A pass that changes nothing takes 1 ms, a launch of 10,000 instances 10 s.
PASS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
WAIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The process's metrics; each method fits the hook of the part that feeds it."""

    def __init__(self, version: str) -> None:
        self.registry = registry = CollectorRegistry()
        self._group_states: dict[tuple[str, str], set[str]] = {}
        ProcessCollector(registry=registry)
        Info("windlass_build", "The version that runs.", registry=registry).info(
            {"version": version, "python": platform.python_version()}
        )
        self._passes = Histogram(
            "windlass_reconcile_duration_seconds",
            "How long passes took, by kind and result.",
            ["kind", "result"],
            buckets=PASS_BUCKETS,
            registry=registry,
        )
        self._depth = Gauge("windlass_queue_depth", "Keys that wait for a worker.", registry=registry)
        self._waits = Histogram(
            "windlass_queue_wait_seconds", "How long keys waited for a worker.", buckets=WAIT_BUCKETS, registry=registry
        )
        self._requests = Counter(
            "windlass_api_requests", "Requests to API servers.", ["verb", "resource", "code"], registry=registry
        )
        self._informer_events = Counter(
            "windlass_informer_events", "What informers were told.", ["resource", "type"], registry=registry
        )
        self._informer_lag = Gauge(
            "windlass_informer_lag_seconds",
            "Seconds since an informer's stream last showed life.",
            ["resource"],
            registry=registry,
        )
        self._instances = Gauge(
            "windlass_group_instances",
            "Instances of a scaling group by state.",
            ["namespace", "group", "state"],
            registry=registry,
        )
        self._activities = Counter(
            "windlass_activities", "Scaling activities that ended.", ["type", "result"], registry=registry
        )
        self._kopf_restarts = Counter(
            "windlass_kopf_restarts", "How often the kopf part was started again.", registry=registry
        )

        # Finding the series of some labels costs more than counting; the combinations are few.
        self._requests_of = cache(lambda verb, resource, code: self._requests.labels(verb, resource, str(code)))
        self._events_of = cache(self._informer_events.labels)

    def observe_pass(self, kind: str, result: str, seconds: float) -> None:
        """A pass has ended."""
        self._passes.labels(kind, result).observe(seconds)

    def observe_wait(self, seconds: float) -> None:
        """A key has found its worker."""
        self._waits.observe(seconds)

    def watch_queue(self, depth: Callable[[], float]) -> None:
        """Ask `depth()` whenever the metrics are read; it is called from another thread."""
        self._depth.set_function(depth)

    def watch_informer(self, resource: str, lag_seconds: Callable[[], float]) -> None:
        """Ask `lag_seconds()` whenever the metrics are read; it is called from another thread."""
        self._informer_lag.labels(resource).set_function(lag_seconds)

    def count_request(self, verb: str, resource: str, code: int, _seconds: float) -> None:
        """An API server has answered; `code` 0: it has not. How long it took is its own metric to give."""
        self._requests_of(verb, resource, code).inc()

    def count_informer_events(self, resource: str, event_type: str, number: int) -> None:
        """An informer was told of so many changes."""
        self._events_of(resource, event_type).inc(number)

    def count_activity(self, activity_type: str, result: str) -> None:
        """A scaling activity has ended."""
        self._activities.labels(activity_type, result).inc()

    def count_kopf_restart(self) -> None:
        """The kopf part is started again."""
        self._kopf_restarts.inc()

    def show_group(self, namespace: str, name: str, instances: Mapping[str, int]) -> None:
        """A group's instances by state; states that are no longer named lose their series."""
        for state, count in instances.items():
            self._instances.labels(namespace, name, state).set(count)
        self._drop_states(namespace, name, self._group_states.get((namespace, name), set()) - instances.keys())
        self._group_states[namespace, name] = set(instances)

    def forget_group(self, namespace: str, name: str) -> None:
        """The group is gone, and so are its series."""
        self._drop_states(namespace, name, self._group_states.pop((namespace, name), set()))

    def _drop_states(self, namespace: str, name: str, states: set[str]) -> None:
        for state in states:
            self._instances.remove(namespace, name, state)
