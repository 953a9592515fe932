"""After five reads in a row without an answer a server is left alone for some seconds, and tried again afterwards."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer

from cds_service import patients
from cds_service.app import create_app
from cds_service.chart import breaker
from cds_service.chart.breaker import MOST_FAILURES, Breaker
from cds_service.hooks import clock
from cds_service.site.settings import Fhir, Settings
from tests.service.conftest import Ehr

LEFT_ALONE = "did not answer lately"
SERVICE = "/cds-services/infliximab-order-sign"


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> float:
    """How long a server is left alone, shortened so that nobody waits for these tests."""
    monkeypatch.setattr(breaker, "REST_SECONDS", 0.4)
    return 0.4


@pytest.fixture
def service() -> FlaskClient:
    return create_app(Settings(fhir=Fhir(deadline_seconds=1))).test_client()


def order(base: str, *, drug: str = "infliximab") -> Any:
    """An order whose chart is only on the server."""
    request = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now(), fhir_server=base)
    request.pop("prefetch", None)
    if drug != "infliximab":
        for entry in request["context"]["draftOrders"]["entry"]:
            entry["resource"]["medicationCodeableConcept"] = {"text": drug}
    return request


def told(service: FlaskClient, base: str) -> str:
    """The diagnostics of a call that cannot be answered."""
    response = service.post(SERVICE, json=order(base))
    assert response.status_code == 412
    return " ".join(issue["diagnostics"] for issue in response.get_json()["issue"])


class Silent:
    """A server that takes connections, counts them and says nothing."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.connections: list[socket.socket] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/fhir"

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                self.connections.append(self.listener.accept()[0])


@contextmanager
def silent() -> Iterator[Silent]:
    server = Silent()
    threading.Thread(target=server.serve, daemon=True).start()
    yield server
    server.listener.close()
    for connection in server.connections:
        connection.close()


def test_nobody_waits_again_for_a_server_that_hangs(service: FlaskClient) -> None:
    with silent() as server:
        assert "no answer within 0.8 s" in told(service, server.base)
        time.sleep(0.1)  # the reads themselves end a moment after the call
        asked, begin = len(server.connections), time.monotonic()
        assert LEFT_ALONE in told(service, server.base)
        assert time.monotonic() - begin < 0.4
        assert len(server.connections) == asked


def test_a_server_that_refuses_connections_is_told_at_once_and_then_left_alone(service: FlaskClient) -> None:
    begin = time.monotonic()
    assert "could not be reached" in told(service, "http://127.0.0.1:9/fhir")
    assert LEFT_ALONE in told(service, "http://127.0.0.1:9/fhir")
    assert time.monotonic() - begin < 0.7


def test_it_is_tried_again_after_the_rest_and_used_when_it_answers(service: FlaskClient, rest: float) -> None:
    with HTTPServer(host="127.0.0.1", port=0, threaded=True) as server:
        port = server.port
    assert "could not be reached" in told(service, f"http://127.0.0.1:{port}/fhir")
    assert LEFT_ALONE in told(service, f"http://127.0.0.1:{port}/fhir")
    with HTTPServer(host="127.0.0.1", port=port, threaded=True) as server:
        back = Ehr(server, patients.resources(patients.load("low-trough"), clock.now()))
        server.expect_request(re.compile("/fhir/.*")).respond_with_handler(back.respond)
        time.sleep(rest)
        assert service.post(SERVICE, json=order(back.base)).get_json()["cards"]
        assert service.post(SERVICE, json=order(back.base)).get_json()["cards"]


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_server_that_answers_with_an_error_is_not_silent(
    status: int, service: FlaskClient, ehr: Any, synthetic: Any
) -> None:
    """One throttled token or one broken part must not take the server away from everybody else."""
    kinds = ("Observation", "Condition", "MedicationRequest", "MedicationAdministration", "AllergyIntolerance")
    for kind in kinds:
        ehr.quirks[kind] = lambda _: synthetic.answer({}, status)
    for _ in range(3):
        assert f"answered {status}" in told(service, ehr.base)


def test_an_order_of_another_drug_does_not_use_up_the_new_attempt(service: FlaskClient, rest: float, ehr: Any) -> None:
    assert "could not be reached" in told(service, "http://127.0.0.1:9/fhir")
    time.sleep(rest)
    response = service.post(SERVICE, json=order("http://127.0.0.1:9/fhir", drug="prednisolone"))
    assert response.get_json() == {"cards": []}
    assert "could not be reached" in told(service, "http://127.0.0.1:9/fhir")


def test_a_whole_prefetch_is_answered_all_the_same(service: FlaskClient) -> None:
    base = "http://127.0.0.1:9/fhir"
    assert "could not be reached" in told(service, base)
    whole = patients.hook_request(patients.load("low-trough"), "order-sign", clock.now())
    assert service.post(SERVICE, json={**whole, "fhirServer": base}).get_json()["cards"]


def test_one_server_that_is_silent_says_nothing_of_another(service: FlaskClient, ehr: Any) -> None:
    assert "could not be reached" in told(service, "http://127.0.0.1:9/fhir")
    ehr.resources[:] = patients.resources(patients.load("low-trough"), clock.now())
    assert service.post(SERVICE, json=order(ehr.base)).get_json()["cards"]


def test_an_answer_in_between_begins_the_count_anew() -> None:
    one = Breaker()
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            one.heard(answered=False)
        assert one.admits
        one.heard(answered=True)
    for _ in range(MOST_FAILURES):
        one.heard(answered=False)
    assert not one.admits


def test_after_the_rest_one_read_tries_and_the_others_wait_for_what_it_finds(rest: float) -> None:
    one = Breaker()
    for _ in range(MOST_FAILURES):
        one.heard(answered=False)
    time.sleep(rest)
    assert one.admits
    one.asked()
    assert not one.admits
    one.heard(answered=True)
    assert one.admits
