"""What Prometheus is told. The workers of an instance answer as one where PROMETHEUS_MULTIPROC_DIR is set."""

import os

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

from serving.context import is_forwarded

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR" in os.environ

if MULTIPROCESS:
    # A worker writes by its place, not by its process: the one that replaces it counts on, and no file is left behind.
    place = os.environ.get("WORKER_PLACE", str(os.getpid()))
    values.ValueClass = values.MultiProcessValue(lambda: place)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Counter("app_requests", "Requests answered.", ["method", "view", "status"])
REQUEST_SECONDS = Histogram("app_request_seconds", "Until the answer begins.", ["view"], buckets=SECONDS)
REQUEST_QUERIES = Histogram(
    "app_request_queries", "Database queries of one request.", ["view"], buckets=(0, 1, 2, 3, 5, 10, 20, 50)
)
SLOW_REQUESTS = Counter("app_slow_requests", "Requests over the threshold, each one also a line in the log.", ["view"])
SLOW_QUERIES = Counter("app_slow_queries", "Queries over the threshold, each one also a line in the log.", ["database"])

POOL_WAITS = Counter("app_pool_waits", "Requests that found no idle database connection.", ["database"])
POOL_WAIT_SECONDS = Counter("app_pool_wait_seconds", "Time that requests waited for a connection.", ["database"])
POOL_REFUSALS = Counter("app_pool_refusals", "Requests that got no connection.", ["database"])

READS = Counter("app_reads", "Reads that a replica could have served: by whom, and why.", ["database", "reason"])
ANSWERS = Counter("app_cached_answers", "Cacheable answers by where they came from.", ["result"])
BREAKER_OPEN = Gauge("app_redis_breaker_open", "1 while Redis is bypassed.", multiprocess_mode="livemax")


@never_cache
@require_safe
def view(request: HttpRequest) -> HttpResponse:
    """For whoever asks the instance itself; what comes through a load balancer is told that there is nothing."""
    if is_forwarded(request):
        return HttpResponseNotFound()
    registry = REGISTRY
    if MULTIPROCESS:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
