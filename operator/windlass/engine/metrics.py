"""What Prometheus sees. One registry per process; series vanish with their object."""

import platform
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

# A pass that changes nothing takes 1 ms, a launch of 10,000 instances 10 s.
PASS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
WAIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class _GroupInstances(Collector):
    """Every group's instances by state, made into series when they are asked for: kept, they take 4 kB a group."""

    def __init__(self) -> None:
        self.by_group: dict[tuple[str, str], Mapping[str, int]] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        shown = GaugeMetricFamily(
            "windlass_group_instances",
            "Instances of a scaling group by state.",
            labels=["namespace", "group", "state"],
        )
        for (namespace, group), by_state in list(self.by_group.items()):  # a copy: this is another thread
            for state, count in by_state.items():
                shown.add_metric([namespace, group, state], count)
        yield shown


class Metrics:
    """The process's metrics; each method fits the hook of the part that feeds it."""

    def __init__(self, version: str) -> None:
        self.registry = registry = CollectorRegistry()
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
            "Seconds since the watches of a resource last showed life.",
            ["resource"],
            registry=registry,
        )
        self._instances = _GroupInstances()
        registry.register(self._instances)
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
        """A group's instances by state, which nobody changes any more."""
        self._instances.by_group[namespace, name] = instances

    def forget_group(self, namespace: str, name: str) -> None:
        """The group is gone, and so are its series."""
        self._instances.by_group.pop((namespace, name), None)
