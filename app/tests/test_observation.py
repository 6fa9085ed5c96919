"""What a request tells about itself: headers, log lines, metrics."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from config.logs import JsonFormatter
from serving import observation
from serving.context import current

APP = Path(__file__).resolve().parent.parent
URL = "/api/customers/"


@pytest.fixture
def lines(caplog):
    """The log as it would be written, decoded. The formatter runs while the request is still being served."""
    written = []

    class Handler(logging.Handler):
        def emit(self, record):
            written.append(json.loads(JsonFormatter().format(record)))

    handler = Handler()
    observation.logger.addHandler(handler)
    yield written
    observation.logger.removeHandler(handler)


def sample(name: str, **labels) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_every_answer_says_how_long_it_took_and_what_it_is_called(api):
    response = api.get(URL, headers={"X-Request-ID": "abc-1.2_3"})
    assert response["X-Request-ID"] == "abc-1.2_3"
    assert 0 < float(response["X-Response-Time"].removesuffix("s")) < 60
    assert current.get() is None


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "a\u2028b", "{}"])
def test_a_request_id_that_could_harm_a_log_is_replaced(anonymous, given):
    answers = [anonymous.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"] for _ in range(2)]
    assert all(len(each) == 32 and each.isalnum() for each in answers)
    assert answers[0] != answers[1]


def test_a_slow_request_is_one_line(api, lines, settings):
    settings.SLOW_REQUEST_SECONDS = 0
    api.get(URL, {"search": "Lovelace"}, headers={"X-Request-ID": "slow-1"})
    (line,) = lines
    assert (line["message"], line["request_id"], line["path"], line["view"]) == (
        "slow request",
        "slow-1",
        URL,
        "customers:list",
    )
    assert (line["method"], line["status"], line["queries"]) == ("GET", 200, 2)
    assert line["user"] is not None
    assert "Lovelace" not in json.dumps(line)


def test_a_slow_query_is_a_line_without_parameters(api, lines, settings):
    settings.SLOW_QUERY_SECONDS = 0
    api.get(URL, {"search": "Lovelace"}, headers={"X-Request-ID": "slow-2"})
    assert {(line["message"], line["request_id"], line["database"]) for line in lines} == {
        ("slow query", "slow-2", "default")
    }
    assert [line["sql"] for line in lines if "FROM customers_customer" in line["sql"]]
    assert "lovelace" not in json.dumps(lines).lower()


def test_fast_ones_are_none(api, lines, settings):
    settings.SLOW_REQUEST_SECONDS = settings.SLOW_QUERY_SECONDS = 60
    api.get(URL)
    assert lines == []


def test_each_connection_is_watched_once(db):
    for _ in range(2):
        connection.close()
        connection.ensure_connection()
    assert connection.execute_wrappers.count(observation.time_query) == 1


def test_requests_are_counted_by_view_and_status(api):
    labels = {"method": "GET", "view": "customers:list", "status": "200"}
    before = sample("app_requests_total", **labels)
    queries = sample("app_request_queries_sum", view="customers:list")
    api.get(URL)
    assert sample("app_requests_total", **labels) == before + 1
    assert sample("app_request_queries_sum", view="customers:list") == queries + 2


def test_made_up_methods_and_paths_make_no_new_series(anonymous):
    labels = {"method": "other", "view": "none", "status": "404"}
    before = sample("app_requests_total", **labels)
    anonymous.generic("BREW", "/coffee")
    assert sample("app_requests_total", **labels) == before + 1


def test_metrics_are_for_those_who_ask_directly(anonymous):
    response = anonymous.get("/metrics")
    assert response.status_code == 200
    assert "app_request_seconds_bucket" in response.text
    assert anonymous.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 404


def test_workers_answer_as_one_and_a_new_one_counts_on(tmp_path):
    """Three processes, of which the third takes the place of the first."""
    serve = (
        "from serving import metrics; metrics.REQUESTS.labels('GET', 'list', 200).inc();"
        "from django.conf import settings; settings.configure(ALLOWED_HOSTS=['*']);"
        "from django.test import RequestFactory; print(metrics.view(RequestFactory().get('/metrics')).content.decode())"
    )
    for place in ("0", "1", "0"):
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "WORKER_PLACE": place}
        done = subprocess.run([sys.executable, "-c", serve], cwd=APP, env=environment, capture_output=True, check=True)
    assert b'app_requests_total{method="GET",status="200",view="list"} 3.0' in done.stdout
    assert sorted(file.name for file in tmp_path.glob("counter_*")) == ["counter_0.db", "counter_1.db"]
