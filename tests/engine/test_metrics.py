import tracemalloc

from prometheus_client import generate_latest

from windlass.engine.metrics import Metrics


def lines(metrics: Metrics, beginning: str) -> list[str]:
    return sorted(
        line for line in generate_latest(metrics.registry).decode().splitlines() if line.startswith(beginning)
    )


def test_everything_that_is_counted_shows_under_its_name():
    metrics = Metrics("1.2.3")
    metrics.observe_pass("ScalingGroup", "done", 0.002)
    metrics.observe_wait(0.001)
    metrics.watch_queue(lambda: 7)
    metrics.count_request("create", "pods", 201, 0.01)
    metrics.count_informer_events("pods", "ADDED", 1)
    metrics.watch_informer("pods", lambda: 1.5)
    metrics.count_activity("ScaleOut", "Successful")
    metrics.count_kopf_restart()
    assert lines(metrics, "windlass_build_info")[0].startswith('windlass_build_info{python="3.')
    assert lines(metrics, "windlass_build_info")[0].endswith('version="1.2.3"} 1.0')
    for line in (
        'windlass_reconcile_duration_seconds_count{kind="ScalingGroup",result="done"} 1.0',
        "windlass_queue_wait_seconds_count 1.0",
        "windlass_queue_depth 7.0",
        'windlass_api_requests_total{code="201",resource="pods",verb="create"} 1.0',
        'windlass_informer_events_total{resource="pods",type="ADDED"} 1.0',
        'windlass_informer_lag_seconds{resource="pods"} 1.5',
        'windlass_activities_total{result="Successful",type="ScaleOut"} 1.0',
        "windlass_kopf_restarts_total 1.0",
    ):
        assert lines(metrics, line) == [line]


def test_a_groups_series_follow_its_states_and_vanish_with_it():
    metrics = Metrics("1.2.3")
    metrics.show_group("shop", "web", {"InService": 3, "Pending": 1})
    metrics.show_group("shop", "api", {"InService": 1})
    metrics.show_group("shop", "web", {"InService": 4})
    assert lines(metrics, "windlass_group_instances{") == [
        'windlass_group_instances{group="api",namespace="shop",state="InService"} 1.0',
        'windlass_group_instances{group="web",namespace="shop",state="InService"} 4.0',
    ]
    metrics.forget_group("shop", "web")
    metrics.forget_group("shop", "web")
    assert lines(metrics, "windlass_group_instances{") == [
        'windlass_group_instances{group="api",namespace="shop",state="InService"} 1.0',
    ]


def test_a_group_costs_less_than_a_kilobyte():
    metrics = Metrics("1.2.3")
    states = ("pending", "in_service", "not_ready", "unhealthy", "failed", "removing")
    tracemalloc.start()
    for number in range(100):
        metrics.show_group("shop", f"web-{number}", dict.fromkeys(states, number))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 100 * 1000
    assert len(lines(metrics, "windlass_group_instances{")) == 600


def test_two_registries_do_not_meet():
    first, second = Metrics("1"), Metrics("2")
    first.count_kopf_restart()
    assert lines(second, "windlass_kopf_restarts_total") == ["windlass_kopf_restarts_total 0.0"]
