"""A small stand-in for metrics-server behind the real aggregator: every instance uses as much as the test says."""

import json
import ssl
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from hack.cluster import Cluster, is_true, wait_until
from tests.cluster.groups import Groups

GROUP_VERSION = "metrics.k8s.io/v1beta1"
_API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
_NAME = "v1beta1.metrics.k8s.io"
_SERVICES = "/api/v1/namespaces/kube-system/services"
_SERVICE = "pod-metrics"


class PodMetrics:
    """Serves metrics.k8s.io on loopback. Use it as a context manager.

    The Service is of the type ExternalName and names localhost, so the API server finds it without a Pod network.
    """

    def __init__(self, cluster: Cluster, pods: Callable[[], Iterable[str]]) -> None:
        """`pods` gives the names of the Pods there are, in whatever namespace is asked for."""
        self.cpu = "0"  # what each Pod uses, as in "150m"
        self._cluster = cluster
        self._pods = pods
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(cluster.pki / "kube-apiserver.crt", cluster.pki / "kube-apiserver.key")
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True, name="pod metrics").start()
        service = {"type": "ExternalName", "externalName": "localhost"}
        self._cluster.apply(_SERVICES, _thing("v1", "Service", _SERVICE, service))
        spec = {
            "service": {"name": _SERVICE, "namespace": "kube-system", "port": self._server.server_address[1]},
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        }
        self._cluster.apply(_API_SERVICES, _thing("apiregistration.k8s.io/v1", "APIService", _NAME, spec))
        wait_until(lambda: is_true(self._cluster.request("GET", f"{_API_SERVICES}/{_NAME}"), "Available"), 30, _NAME)
        return self

    def __exit__(self, *_: object) -> None:
        # An API that cannot be asked would keep every namespace from going.
        self._cluster.request("DELETE", f"{_API_SERVICES}/{_NAME}")
        self._cluster.request("DELETE", f"{_SERVICES}/{_SERVICE}")
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = json.dumps(answer(self.path.partition("?")[0].rstrip("/"))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, path: str) -> dict[str, Any]:
        if path.endswith("/pods"):
            return _kind("PodMetricsList") | {"metadata": {}, "items": [self._usage(name) for name in self._pods()]}
        if path.endswith("/v1beta1"):
            pods = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["list"]}
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP_VERSION, "resources": [pods]}
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _usage(self, name: str) -> dict[str, Any]:
        # The autoscaler passes over what was measured before the Pod was ready, and the time of a measurement is its
        # end: a window of no length counts at once.
        return {
            "metadata": {"name": name},
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "window": "0s",
            "containers": [{"name": "web", "usage": {"cpu": self.cpu, "memory": "10Mi"}}],
        }


def _kind(kind: str) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": GROUP_VERSION}


def _thing(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def autoscale(groups: Groups, cpu: str, least: int, most: int) -> None:
    """An autoscaler of group web that wants each instance to use so much, and has no patience."""
    at_once = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]}
    spec = {
        "scaleTargetRef": {"apiVersion": "windlass.dev/v1alpha1", "kind": "ScalingGroup", "name": "web"},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": cpu}}}
        ],
        "behavior": {"scaleUp": at_once, "scaleDown": at_once},
    }
    path = f"/apis/autoscaling/v2/namespaces/{groups.namespace}/horizontalpodautoscalers"
    body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    groups.cluster.request("POST", path, body | {"spec": spec})
