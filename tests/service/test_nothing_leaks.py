"""T13: nothing that was sent or received is in a log, a metric, a file or an error, at debug level, whatever fails.

The server is the real one with two workers; the marks are invented. Cards are not looked at: they tell the child's
values to the clinician, which is what they are for.
"""

import copy
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service import patients
from cds_service.hooks import clock
from cds_service.operations.events import listed
from tests.service.real_server import JSON, SIGN, Answer, RealServer, serving

VALUE = 1.7391573915  # a level whose digits are found again
MARKS = ("canary", "7391573915")
TOKEN = "canary-token-eyJhbGciOiJub25lIn0"
BEARER = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300}
CHILD = "ifxcds-low-trough"
PATIENT = "canary-patient-7"


def _marked(document: Any) -> Any:
    """The same chart with marks in the patient's id, name and MRN and in the level."""
    text = json.dumps(document).replace(CHILD, PATIENT).replace('"value": 1.7,', f'"value": {VALUE},')
    marked = json.loads(text)
    _name(marked)
    return marked


def _name(part: Any) -> None:
    if isinstance(part, dict):
        if part.get("resourceType") == "Patient":
            part["name"] = [{"family": "Canary-Family", "given": ["Canary-Given"]}]
            part["identifier"] = [{"system": "urn:canary:mrn", "value": "CANARY-MRN-8812"}]
        for inner in part.values():
            _name(inner)
    elif isinstance(part, list):
        for inner in part:
            _name(inner)


def _chart() -> list[Any]:
    chart: list[Any] = _marked(patients.resources(patients.load("low-trough"), clock.now()))
    return chart


def _request(**more: Any) -> Any:
    return {**_marked(patients.hook_request(patients.load("low-trough"), "order-sign", clock.now())), **more}


def _pull(ehr: Any) -> Any:
    request = _request(fhirServer=ehr.base, fhirAuthorization=BEARER)
    del request["prefetch"]
    return request


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealServer]:
    with serving(tmp_path) as running:
        yield running


def _hits(text: str) -> list[str]:
    return [line for line in text.splitlines() if any(mark in line.lower() for mark in MARKS)]


def _raw(server: RealServer, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def test_t13_no_mark_is_found_after_every_kind_of_call(server: RealServer, ehr: Any, synthetic: Any) -> None:
    answers = [*_good_calls(server, ehr), *_bad_requests(server), *_failing_charts(server, ehr, synthetic)]
    for line in (
        b"GET /canary/Patient?name=canary HTTP/9.9\r\n\r\n",
        b"POST " + SIGN.encode() + b" HTTP/1.1\r\nHost: x\r\nBad Header canary: 1\r\n\r\n",
        b"POST " + SIGN.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: canary\r\n\r\n",
        b"POST " + SIGN.encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n",
        b"canary" * 3000,
    ):
        _raw(server, line)
    metrics = server.look("/metrics").body
    assert server.stop() == 0
    assert {answer.status for answer in answers} >= {200, 400, 404, 405, 412, 413, 415}
    assert _hits(server.printed()) == []
    assert _hits(metrics) == []
    assert [hit for answer in answers if answer.status != 200 for hit in _hits(answer.body + str(answer.headers))] == []
    assert sorted(path.name for path in server.folder.iterdir()) == ["site.toml", "stderr", "stdout"]
    assert server.folder.joinpath("stdout").read_bytes() == b""
    _all_is_listed(server)


def _good_calls(server: RealServer, ehr: Any) -> list[Answer]:
    ehr.holds(*_chart())
    elsewhere = _request(fhirServer="https://canary.example/fhir", fhirAuthorization=BEARER)
    broken = _request(fhirServer=ehr.base, fhirAuthorization=BEARER)
    broken["prefetch"]["laboratory"] = "<html>canary"
    answers = [server.post(request) for request in (_request(), _pull(ehr), elsewhere, broken)]
    assert [(answer.status, len(json.loads(answer.body)["cards"])) for answer in answers] == [(200, 1)] * 4
    assert all("1.739" in answer.body for answer in answers)  # the marked level was used
    return answers


def _bad_requests(server: RealServer) -> list[Answer]:
    foreign = _request()
    foreign["prefetch"]["laboratory"]["entry"][0]["resource"]["subject"]["reference"] = "Patient/canary-other"
    twin = _request(fhirAuthorization={**BEARER, "patient": "canary-twin"})
    patient = _request()
    patient["context"]["patientId"] = "canary/../8"
    shapes = [_request(hookInstance="canary\r\n\x1b[31mcanary\u2028"), _request(fhirServer="ftp://canary@canary")]
    shapes += [_request(fhirAuthorization={**BEARER, "access_token": "canary token"}), {"canary": "canary"}, patient]
    answers = [server.post(request) for request in (foreign, twin, *shapes)]
    text = json.dumps(_request())
    twice = text.replace("{", '{"status": "canary", "status": "canary",', 1)
    bodies = (text[:-400], twice, "canary", "[" * 5000, " " * 2_000_001)
    answers += [server.ask(server.port, "POST", SIGN, body, **JSON) for body in bodies]
    answers.append(server.ask(server.port, "POST", SIGN, text, **{"Content-Type": "text/plain"}))
    answers.append(server.ask(server.port, "POST", f"{SIGN}-canary", text, **JSON))
    answers.append(server.ask(server.port, "GET", SIGN, Authorization=f"Bearer {TOKEN}", Cookie="canary=1"))
    answers.append(server.ask(server.port, "GET", "/canary/Patient?identifier=canary", Referer="https://canary/"))
    return answers


def _failing_charts(server: RealServer, ehr: Any, synthetic: Any) -> list[Answer]:
    answer, outcome = synthetic.answer, copy.deepcopy(synthetic.outcome("error"))
    outcome["issue"][0] |= {"diagnostics": "canary", "details": {"text": "canary"}}
    foreign = synthetic.searchset(synthetic.observation(1, "Patient/canary-other"))
    quirks = [
        lambda _: answer({"echo": TOKEN}, 403),
        lambda _: answer("<html>canary</html>", 200, "text/html"),
        lambda _: answer("canary", 500, "text/plain"),
        lambda _: answer('{"canary": ', 200),
        lambda _: answer(outcome),
        lambda _: answer(foreign),
        lambda _: answer("", 302, Location="https://canary.example/"),
        lambda _: answer(synthetic.searchset(next_link="https://canary.example/?page=canary")),
    ]
    answers = []
    for quirk in quirks:
        ehr.quirks["Observation"] = quirk
        answers.append(server.post(_pull(ehr)))
    ehr.quirks.clear()
    unreachable = _pull(ehr)
    unreachable["fhirServer"] = "http://127.0.0.1:1/canary"
    answers.append(server.post(unreachable))
    assert {told.status for told in answers} == {412}
    return answers


def _all_is_listed(server: RealServer) -> None:
    """Every line is one event, with fields of the list only; nothing was dropped, for that would be a warning."""
    for event in server.events():
        fields = listed().events[event["event"]].fields
        assert set(event) - {"event", "level", "time"} <= set(fields), event
        assert event.get("logger") != "py.warnings", event
    told = {event["event"] for event in server.events()}
    expected = {"started", "notice", "hook_call", "answered", "fhir_read", "security", "prefetch_unusable", "stopping"}
    assert told >= {*expected, "library"}  # urllib3 and gunicorn at debug level did have something to say
