"""Measures each request and each query, and tells of the slow ones: in headers, in the log, and in metrics."""

import logging
import re
from collections.abc import Callable
from time import perf_counter
from uuid import uuid4

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse

from serving import metrics
from serving.context import Serving, current

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SQL_LENGTH = 2000
# Of a statement that some code has put values into, rather than parameters.
LITERAL = re.compile(r"(?<=\bE)'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)


class ObservationMiddleware:
    """The outermost one. The load balancer's request id goes on to the log, and back to the client."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        serving = Serving(request, given if REQUEST_ID.fullmatch(given) else uuid4().hex)
        token = current.set(serving)
        try:
            response = self.get_response(request)
            seconds = perf_counter() - serving.started
            response["X-Request-ID"] = serving.request_id
            response["X-Response-Time"] = f"{seconds:.3f}s"
            report(serving, response, seconds)
            return response
        finally:
            current.reset(token)


def report(serving: Serving, response: HttpResponse, seconds: float) -> None:
    request = serving.request
    view = request.resolver_match.view_name if request.resolver_match else "none"
    method = request.method if request.method in METHODS else "other"
    metrics.REQUESTS.labels(method, view, response.status_code).inc()
    metrics.REQUEST_SECONDS.labels(view).observe(seconds)
    metrics.REQUEST_QUERIES.labels(view).observe(serving.queries)
    for alias in serving.databases:
        report_pool(alias)
    if seconds >= settings.SLOW_REQUEST_SECONDS:
        metrics.SLOW_REQUESTS.labels(view).inc()
        # The path without its arguments: people search for names.
        details = {
            "method": request.method,
            "path": request.path,
            "view": view,
            "status": response.status_code,
            "user": serving.user_id,
            "seconds": round(seconds, 3),
            "queries": serving.queries,
            "query_seconds": round(serving.query_seconds, 3),
        }
        logger.warning("slow request", extra={"details": details})


def report_pool(alias: str) -> None:
    if pool := connections[alias].pool:
        counts = pool.pop_stats()
        if queued := counts.get("requests_queued"):
            metrics.POOL_WAITS.labels(alias).inc(queued)
            metrics.POOL_WAIT_SECONDS.labels(alias).inc(counts.get("requests_wait_ms", 0) / 1000)
        if refused := counts.get("requests_errors"):
            metrics.POOL_REFUSALS.labels(alias).inc(refused)


def time_query(execute: Callable, sql: str, params, many: bool, context: dict):
    started = perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = perf_counter() - started
        if serving := current.get():
            serving.queries += 1
            serving.query_seconds += seconds
        if seconds >= settings.SLOW_QUERY_SECONDS:
            alias = context["connection"].alias
            metrics.SLOW_QUERIES.labels(alias).inc()
            # Never the parameters: they are what customers are called.
            details = {
                "sql": LITERAL.sub("'…'", str(sql))[:SQL_LENGTH],
                "database": alias,
                "seconds": round(seconds, 3),
            }
            logger.warning("slow query", extra={"details": details})
