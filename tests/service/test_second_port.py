"""T22: what is for those who run the service stands on a second port, right over all workers, and nowhere else."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cds_service import patients
from cds_service.hooks import clock
from cds_service.operations.metrics import Board, listed
from tests.service.real_server import RealServer, serving, wait_until

SIGNED = 'service="infliximab-order-sign"'
CARDED = f'hook_calls_total{{{SIGNED},outcome="carded"}}'
SILENT = 'hook_calls_total{service="infliximab-order-sign",outcome="evaluated_silent"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """One server for all tests that leave it as it is; they look at what their own calls added."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RealServer]:
    """A server for tests that do something to its processes."""
    with serving(tmp_path) as running:
        yield running


@contextmanager
def added(server: RealServer, *series: str) -> Iterator[list[float]]:
    """How much each series grows meanwhile."""
    before = [server.count(one) for one in series]
    grown: list[float] = []
    yield grown
    grown += [server.count(one) - held for one, held in zip(series, before, strict=True)]


def _request(name: str = "low-trough") -> Any:
    return patients.hook_request(patients.load(name), "order-sign", clock.now())


@pytest.mark.parametrize("path", ["/metrics", "/ready", "/live", "/metrics/", "/%6detrics"])
def test_t22_the_port_of_the_ehr_does_not_have_it(path: str, server: RealServer) -> None:
    assert server.ask(server.port, "GET", path).status == 404
    assert server.ask(server.port, "GET", "/health").body.strip() == '{"status":"ok"}'


def test_t22_the_second_port_has_nothing_else_and_no_server_header(server: RealServer) -> None:
    assert [server.look(path).status for path in ("/live", "/ready", "/metrics")] == [200, 200, 200]
    assert [server.look(path).status for path in ("/", "/health", "/cds-services", "/ready/x")] == [404] * 4
    for method in ("POST", "OPTIONS", "BREW"):
        answer = server.ask(server.second, method, "/ready", "{}")
        assert (answer.status, answer.headers["Allow"], answer.json["status"]) == (
            405,
            "GET, HEAD",
            "GET or HEAD expected",
        )
    balancer = server.ask(server.second, "HEAD", "/ready")
    assert (balancer.status, balancer.body, balancer.headers["Content-Length"]) == (200, "", "53")
    assert "Server" not in server.look("/ready").headers


def test_calls_of_all_workers_are_counted_once(server: RealServer) -> None:
    begun, known = time.time(), len(server.events("hook_call"))
    series = {
        CARDED: 20,
        SILENT: 1,
        f'hook_calls_total{{{SIGNED},outcome="bad_request"}}': 1,
        f"hook_call_seconds_count{{{SIGNED}}}": 22,
        f'hook_call_seconds_bucket{{{SIGNED},le="+Inf"}}': 22,
        'answers_total{status_class="2xx"}': 21,
        'answers_total{status_class="4xx"}': 1,
        'advice_total{kind="shorten_interval"}': 20,
        'advice_total{kind="keep_regimen"}': 1,
    }
    with added(server, *series) as grown:
        for _ in range(20):
            assert server.post(_request()).status == 200
        server.post(_request("in-target"))
        server.post({})
    assert dict(zip(series, grown, strict=True)) == series
    families = {family.name: family for family in text_string_to_metric_families(server.look("/metrics").body)}
    assert {f"infliximab_cds_{name.removesuffix('_total')}" for name in listed()} <= set(families)
    assert begun <= server.count(f"last_judged_timestamp_seconds{{{SIGNED}}}") <= time.time()
    led = [event for event in server.events("hook_call")[known:] if event["outcome"] == "carded"]
    assert len(led) == 20
    assert {(e["cards"], e["source"], e["forecast"], tuple(e["advice"])) for e in led} == {
        (1, "prefetch", True, ("shorten_interval",))
    }
    assert all(e["rows"] and e["call"] and e["duration_ms"] > 0 for e in led)


def test_a_worker_that_is_killed_is_told_replaced_and_keeps_its_counts(server: RealServer) -> None:
    workers = server.workers
    told = len(server.events("worker_ended"))
    with added(server, CARDED, "workers_ended_total") as grown:
        for _ in range(8):
            server.post(_request())
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: len(server.workers) == 2 and not set(server.workers) & set(workers))
        wait_until(lambda: server.count("workers") == 2)
        assert server.look("/ready").status == 200
        assert server.post(_request()).status == 200
    assert grown == [9, 2]
    assert len(server.events("worker_ended")) == told + 2


def test_the_process_of_the_second_port_is_started_again(server: RealServer) -> None:
    (watch,) = set(server.children) - set(server.workers)
    with added(server, "workers_ended_total") as grown:
        os.kill(watch, signal.SIGKILL)
        wait_until(lambda: watch not in server.children and len(server.children) == 3)
        assert server.look("/ready").status == 200
    assert grown == [0]


def test_the_second_port_ends_with_a_service_that_is_killed(own: RealServer) -> None:
    own.process.kill()
    own.process.wait()

    def refused() -> bool:
        try:
            own.look("/live")
        except (OSError, HTTPException):
            return True
        return False

    wait_until(refused, 5)


def test_workers_are_exchanged_without_a_loss_of_counts(server: RealServer) -> None:
    before = set(server.workers)
    with added(server, CARDED, "workers_ended_total") as grown:
        server.post(_request())
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & set(server.workers) and server.count("workers") == 2)
        server.post(_request())
    assert grown == [2, 0]


def test_a_reading_of_the_fhir_server_is_counted_and_told(server: RealServer, ehr: Any, synthetic: Any) -> None:
    child = patients.load("low-trough")
    ehr.holds(*patients.resources(child, clock.now()))
    request = patients.hook_request(child, "order-sign", clock.now(), prefetch=False, fhir_server=ehr.base)
    reads = [f'fhir_reads_total{{read="{ended}"}}' for ended in ("2xx", "not_json", "5xx", "refused")]
    with added(server, *reads) as grown:
        assert server.post(request).status == 200
        asked = len(ehr.requests)
    assert grown == [asked, 0, 0, 0]
    event = server.events("hook_call")[-1]
    assert (event["source"], event["fhir_reads"]) == ("fhir", asked)
    ehr.quirks["Condition"] = lambda _: synthetic.answer("{", 200)
    ehr.quirks["Procedure"] = lambda _: synthetic.answer("<html>", 200, "text/html")
    ehr.quirks["AllergyIntolerance"] = lambda _: synthetic.answer("no", 503, "text/plain")
    with added(server, *reads[1:], f'hook_calls_total{{{SIGNED},outcome="missing_data"}}') as grown:
        server.post(request)
        server.post({**request, "fhirServer": "http://127.0.0.1:1"})
    not_json, unavailable, refused, missing = grown
    assert (not_json, unavailable, refused > 5, missing) == (2, 2, True, 2)  # who is unavailable is asked once more


def test_a_foreign_patient_is_a_security_event(server: RealServer) -> None:
    request = _request()
    request["prefetch"]["laboratory"]["entry"][0]["resource"]["subject"]["reference"] = "Patient/other"
    event_series = 'security_events_total{event_type="foreign_patient"}'
    with added(server, event_series, f'hook_calls_total{{{SIGNED},outcome="security"}}') as grown:
        assert server.post(request).status == 412
    assert grown == [1, 1]
    event = server.events("security")[-1]
    told = (event["level"], event["event_type"], event["service"])
    assert told == ("error", "foreign_patient", "infliximab-order-sign")


def test_an_unknown_unit_and_an_unusable_prefetch_are_counted(server: RealServer) -> None:
    with added(server, 'chart_issues_total{issue="unit-unknown"}', "prefetch_unusable_total") as grown:
        server.post(_request("unknown-unit"))
        server.post({**_request(), "prefetch": {**_request()["prefetch"], "scores": 7}})
    assert grown == [1, 1]


@pytest.mark.parametrize("labels", [{}, {"service": "other", "outcome": "carded"}, {"service": "unknown"}])
def test_a_label_takes_no_value_but_those_of_the_list(labels: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Board(1).add("hook_calls_total", **labels)


def test_a_label_too_many_is_refused() -> None:
    with pytest.raises(KeyError, match="labels service, outcome expected"):
        Board(1).add("hook_calls_total", service="unknown", outcome="carded", patient="x")


def test_no_two_series_share_a_cell() -> None:
    board = Board(2)
    for name, metric in listed().items():
        for values in metric.series:
            labels = dict(zip(metric.labels, values, strict=True))
            if metric.kind == "histogram":
                board.observe(name, 0.02, **labels)
            else:
                board.add(name, **labels)
    samples = [s for family in text_string_to_metric_families(board.text("1")) for s in family.samples]
    expected = {"infliximab_cds_hook_call_seconds_sum": {0.02}, "infliximab_cds_hook_call_seconds_bucket": {0.0, 1.0}}
    expected["infliximab_cds_workers"] = {0.0}
    assert [s for s in samples if s.value not in expected.get(s.name, {1.0})] == []


def test_a_gauge_tells_the_newest_of_all_rows_and_a_counter_their_sum() -> None:
    board = Board(3)
    for row, value in enumerate((5.0, 9.0, 7.0)):
        board.take_row(row)
        board.set("last_judged_timestamp_seconds", value, service="infliximab-order-sign")
        board.add("workers_ended_total", value)
    assert board.total("last_judged_timestamp_seconds", service="infliximab-order-sign") == 9
    assert board.total("workers_ended_total") == 21
