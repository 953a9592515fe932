"""More calls than may be answered at once: the many are told so at once, and the few are answered as ever."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from cds_service import patients
from cds_service.app import create_app
from cds_service.hooks import clock
from cds_service.hooks.routes import SITE
from cds_service.site.settings import Settings
from tests.service.real_server import SIGN, Answer, RealServer, serving


def order(base: str, *, drug: str | None = None) -> Any:
    """An order whose chart is only on the server; of another drug, if told so."""
    request = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now(), prefetch=False)
    if drug:
        for entry in request["context"]["draftOrders"]["entry"]:
            entry["resource"]["medicationCodeableConcept"] = {"text": drug}
    return {**request, "fhirServer": base}


def small(folder: Path, ehr: Any, threads: int = 4) -> AbstractContextManager[RealServer]:
    """One process that answers few calls at once."""
    return serving(folder, f'[fhir]\nallowed_servers = ["{ehr.base}"]', workers=1, threads=threads)


def ask(server: RealServer, ehr: Any, count: int) -> list[Answer]:
    """So many orders of another drug, all at once."""
    with ThreadPoolExecutor(count) as many:
        return list(many.map(lambda _: server.post(order(ehr.base, drug="prednisolone")), range(count)))


def hanging(ehr: Any, synthetic: Any, seconds: float) -> None:
    """Let the server take its time with everything."""

    def slowly(_: Any) -> Any:
        time.sleep(seconds)
        return synthetic.answer(synthetic.searchset())

    for kind in ("Observation", "Condition", "MedicationRequest", "MedicationAdministration", "AllergyIntolerance"):
        ehr.quirks[kind] = slowly


def test_calls_that_wait_for_a_slow_server_leave_room_for_those_that_need_none(
    tmp_path: Path, ehr: Any, synthetic: Any
) -> None:
    hanging(ehr, synthetic, 0.5)
    with small(tmp_path, ehr) as server, ThreadPoolExecutor(30) as many:
        slow = [many.submit(server.post, order(ehr.base)) for _ in range(12)]
        time.sleep(0.2)
        begin = time.monotonic()
        quick = [server.post(order(ehr.base, drug="prednisolone")) for _ in range(5)]
        took = time.monotonic() - begin
        answers = [call.result() for call in slow]
    assert [(answer.status, answer.json) for answer in quick] == [(200, {"cards": []})] * 5
    assert took < 1.0  # each of the slow ones takes longer than half of that alone
    statuses = {answer.status for answer in answers}
    assert 503 in statuses  # more than may read at once
    assert statuses <= {200, 412, 503}


def test_a_call_too_many_is_503_within_a_moment_and_says_when_to_come_back(
    tmp_path: Path, ehr: Any, synthetic: Any
) -> None:
    hanging(ehr, synthetic, 1.0)
    with small(tmp_path, ehr, threads=1) as server, ThreadPoolExecutor(1) as another:
        held = another.submit(server.post, order(ehr.base))
        time.sleep(0.3)
        begin = time.monotonic()
        refused = ask(server, ehr, 4)
        assert time.monotonic() - begin < 0.6
        held.result()
        (again,) = ask(server, ehr, 1)
    assert [answer.status for answer in refused] == [503] * 4
    for answer in refused:
        assert answer.json["resourceType"] == "OperationOutcome"
        assert answer.json["issue"][0]["code"] == "throttled"
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
    assert (again.status, again.json) == (200, {"cards": []})


def test_a_burst_of_three_times_as_many_is_answered_after_a_short_wait(tmp_path: Path, ehr: Any) -> None:
    with small(tmp_path, ehr) as server:
        answers = ask(server, ehr, 12)
    assert {answer.status for answer in answers} == {200}


@pytest.fixture
def app() -> Flask:
    return create_app(Settings())


def test_a_call_with_its_whole_chart_needs_no_place_among_those_that_read(app: Flask, ehr: Any) -> None:
    client = app.extensions[SITE].client
    while client._calls.acquire(blocking=False):
        pass
    whole = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now(), fhir_server=ehr.base)
    assert app.test_client().post(SIGN, json=whole).get_json()["cards"]
    assert app.test_client().post(SIGN, json=order(ehr.base)).status_code == 503


def test_a_call_whose_turn_to_be_judged_does_not_come_in_time_is_503(app: Flask) -> None:
    whole = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now())
    with app.extensions[SITE].turn:
        begin = time.monotonic()
        refused = app.test_client().post(SIGN, json=whole)
        assert time.monotonic() - begin < 1
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert app.test_client().post(SIGN, json=whole).status_code == 200


@pytest.mark.parametrize(("count", "status"), [(20, 200), (21, 400)])
def test_more_orders_of_infliximab_than_twenty_in_one_call_are_refused(app: Flask, count: int, status: int) -> None:
    whole = patients.hook_request(patients.load("in-target"), "order-sign", clock.now())
    (entry,) = whole["context"]["draftOrders"]["entry"]
    many = [{**entry, "resource": {**entry["resource"], "id": f"draft-{number}"}} for number in range(count)]
    whole["context"]["draftOrders"]["entry"] = many
    answer = app.test_client().post(SIGN, json=whole)
    assert answer.status_code == status
    assert status == 200 or "at most 20 orders of infliximab, got 21" in answer.text


def test_whether_we_live_is_told_however_much_there_is_to_do(app: Flask) -> None:
    admission = app.wsgi_app.app._app  # type: ignore[attr-defined]
    while admission._places.acquire(blocking=False):
        pass
    assert app.test_client().get("/health").status_code == 200
    assert app.test_client().get("/cds-services").status_code == 503
