"""What a FHIR server may do wrong, and that the token stays where it belongs."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.page import Failure
from cds_service.chart.request import ChartRequest
from cds_service.clinical.record import SourceState
from cds_service.errors import MissingData
from cds_service.outgoing import Deadline


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504])
def test_any_status_but_200_names_the_part_and_the_status_and_only_who_is_unavailable_is_asked_again(
    status: int, ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    ehr.quirks["Condition"] = lambda _: synthetic.answer({}, status, Location="/fhir/Patient/p1")
    with pytest.raises(MissingData) as missing:
        read_chart(None, ehr)
    assert missing.value.diagnostics == (
        f"diagnoses (conditions): not prefetched, and the FHIR server answered {status}",
    )
    assert ehr.asked().count("Condition") == (2 if status in (429, 500, 502, 503, 504) else 1)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        ("<html>Please log in</html>", "text/html", "answered with text/html"),
        ("<Bundle/>", "application/fhir+xml", "instead of FHIR JSON"),
        ("{}", "", "no content type"),
        ('{"resourceType": "Bundle", "entry": [', "application/fhir+json", "not valid JSON"),
        ("", "application/fhir+json", "not valid JSON"),
        ("[" * 50_000, "application/fhir+json", "not valid JSON"),
        ('{"a": NaN}', "application/json", "not valid JSON"),
        ("null", "application/json", "a null came instead"),
        ('{"resourceType": "Observation"}', "application/json", "type Observation came instead of a Bundle"),
        ('{"resourceType": "Bundle", "entry": {}}', "application/json", "instead of a Bundle with a list"),
        ('{"resourceType": "OperationOutcome"}', "application/json", "an OperationOutcome came instead"),
        (b'{"resourceType": "\xff"}', "application/json", "not valid JSON"),
        (" " * 200_001, "application/json", "more than 200000 bytes"),
    ],
)
def test_an_answer_that_is_no_fhir_json_is_missing_data(
    body: Any, content_type: str, reason: str, ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    ehr.quirks["Condition"] = lambda _: synthetic.answer(body, content_type=content_type)
    with pytest.raises(MissingData, match=rf"diagnoses \(conditions\): .*{reason}"):
        read_chart(None, ehr)


def test_a_bundle_that_counts_wrongly_or_holds_what_nobody_asked_for_is_read(
    ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    condition = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
    unknown = {"resourceType": "SomethingOfTheFuture", "id": "x1"}
    ehr.quirks["Condition"] = lambda _: synthetic.answer({**synthetic.searchset(condition, unknown), "total": 99})
    ehr.quirks["AllergyIntolerance"] = lambda _: synthetic.answer({"resourceType": "Bundle", "total": 7})
    chart = read_chart(None, ehr)
    assert chart.part("conditions").resources == (condition,)
    assert chart.part("allergies").state is SourceState.READ


def test_a_patient_that_the_server_does_not_know_is_missing_data(ehr: Any, read_chart: Any) -> None:
    ehr.resources.clear()
    with pytest.raises(MissingData, match=r"the patient \(patient\): .*answered 404"):
        read_chart(None, ehr)


def test_every_missing_part_is_named(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    for kind in ("Observation", "Condition", "AllergyIntolerance"):
        ehr.quirks[kind] = lambda _: synthetic.answer({}, 401)
    with pytest.raises(MissingData) as missing:
        read_chart(None, ehr)
    assert [line.split(":")[0] for line in missing.value.diagnostics] == [
        "laboratory results (laboratory)",
        "weights (weight)",
        "diagnoses (conditions)",
    ]
    assert "canary-token" not in str(missing.value)


def test_a_failing_optional_part_leaves_the_rest(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.quirks["AllergyIntolerance"] = lambda _: synthetic.answer({}, 500)
    chart = read_chart(None, ehr)
    assert chart.part("allergies").state is SourceState.UNREADABLE
    assert chart.part("conditions").state is SourceState.READ


def test_a_server_that_nobody_answers_at_is_missing_data_at_once(read_chart: Any) -> None:
    class Nowhere:
        base = "http://127.0.0.1:9"

    begin = time.monotonic()
    with pytest.raises(MissingData, match="could not be reached"):
        read_chart(None, Nowhere())
    assert time.monotonic() - begin < 0.7


def test_the_token_goes_to_the_server_and_only_accept_and_it(ehr: Any, read_chart: Any) -> None:
    read_chart(None, ehr)
    assert {request.headers["Authorization"] for request in ehr.requests} == {"Bearer canary-token"}
    assert {request.headers["Accept"] for request in ehr.requests} == {"application/fhir+json"}


def test_without_a_token_no_authorization_is_sent(
    ehr: Any, read_chart: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login someone password secret\nmachine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    read_chart(None, ehr, token=None)
    assert all("Authorization" not in request.headers for request in ehr.requests)


def test_a_proxy_of_the_environment_is_not_used(ehr: Any, read_chart: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert read_chart(None, ehr).part("patient").resources


def test_a_redirect_to_another_server_is_refused_and_the_token_not_sent(
    ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    with HTTPServer(host="127.0.0.1", port=0) as evil:
        evil.expect_request("/steal").respond_with_json({})
        ehr.quirks["Condition"] = lambda _: synthetic.answer({}, 307, Location=evil.url_for("/steal"))
        ehr.quirks["MedicationRequest"] = lambda _: synthetic.answer(
            synthetic.searchset(next_link=evil.url_for("/steal"))
        )
        with pytest.raises(MissingData):
            read_chart(None, ehr)
        assert evil.log == []


def test_cookies_are_never_sent_back(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.page_size = 1
    ehr.holds(synthetic.observation(1), synthetic.observation(2))
    ehr.quirks["Condition"] = lambda _: synthetic.answer(
        synthetic.searchset(next_link=f"{ehr.base}/more"), **{"Set-Cookie": "session=1; Path=/"}
    )
    ehr.quirks["more"] = lambda _: synthetic.answer(synthetic.searchset(), **{"Set-Cookie": "session=2; Path=/"})
    read_chart(None, ehr)
    assert all("Cookie" not in request.headers for request in ehr.requests)


def test_parts_are_read_in_parallel(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    def slowly(_: Any) -> Any:
        time.sleep(0.15)
        return synthetic.answer(synthetic.searchset())

    for kind in ("Observation", "Condition", "MedicationRequest", "MedicationAdministration", "AllergyIntolerance"):
        ehr.quirks[kind] = slowly
    begin = time.monotonic()
    read_chart(None, ehr)
    assert time.monotonic() - begin < 0.6  # seven reads of 0.15 s


@contextmanager
def _raw_server(*pieces: bytes, pause: float = 0.0) -> Iterator[str]:
    """A server that sends these bytes, with pauses, and then keeps the connection open."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            with suppress(OSError):
                answer(listener.accept()[0])

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            for piece in pieces:
                if done.wait(pause):
                    return
                connection.sendall(piece)
            done.wait(10 if pause else 0)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
    done.set()
    thread.join(5)
    listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((), id="hangs before answering"),
        pytest.param((HEAD + b"Content-Length: 90\r\n\r\n",), id="hangs after the head"),
        pytest.param((HEAD + b"Content-Length: 90\r\n\r\n", *[b" "] * 80), id="drips a byte at a time"),
        pytest.param(
            (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 80), id="drips a chunk at a time"
        ),
    ],
)
def test_a_server_that_hangs_or_drips_ends_with_the_deadline(pieces: tuple[bytes, ...]) -> None:
    with _raw_server(*pieces, pause=0.1) as url:
        begin = time.monotonic()
        answer = FhirClient().get(url, (), ChartRequest("p1"), Deadline.after(0.4))
        assert answer == Failure("no answer within 0.4 s")
        assert time.monotonic() - begin < 0.65


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((HEAD + b"Content-Length: 90\r\n\r\n{}",), id="less than announced"),
        pytest.param((HEAD + b"Transfer-Encoding: chunked\r\n\r\n50\r\n{}",), id="a chunk cut off"),
    ],
)
def test_an_answer_that_is_cut_short_is_a_failure(pieces: tuple[bytes, ...]) -> None:
    with _raw_server(*pieces) as url:
        answer = FhirClient().get(url, (), ChartRequest("p1"), Deadline.after(5))
    assert answer == Failure("the FHIR server's answer was cut short")


def test_a_hanging_part_is_missing_data_at_the_deadline(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    def hang(_: Any) -> Any:
        time.sleep(1.0)
        return synthetic.answer(synthetic.searchset())

    ehr.quirks["Condition"] = hang
    begin = time.monotonic()
    with pytest.raises(MissingData, match=r"diagnoses \(conditions\): .*no answer within 0.4 s"):
        read_chart(None, ehr, seconds=0.4)
    assert time.monotonic() - begin < 0.7
