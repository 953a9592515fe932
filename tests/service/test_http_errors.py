"""Every answer but 200 is an OperationOutcome, and no request gets 500."""

import json
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.app import create_app
from cds_service.site.settings import Settings

SIGN = "/cds-services/infliximab-order-sign"
JSON = "application/json"


@pytest.fixture(scope="module")
def service() -> FlaskClient:
    return create_app(Settings()).test_client()


def _told(response: TestResponse, status: int) -> str:
    assert response.status_code == status
    assert response.content_type == JSON
    outcome = response.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert all(issue["severity"] == "error" and issue["code"] for issue in outcome["issue"])
    return "\n".join(issue["diagnostics"] for issue in outcome["issue"])


def test_an_unknown_service_is_404_and_names_those_offered(service: FlaskClient) -> None:
    told = _told(service.post("/cds-services/other", data="{}", content_type=JSON), 404)
    assert "infliximab-order-sign" in told


@pytest.mark.parametrize("path", ["/", "/cds-services/", f"{SIGN}/feedback", "/static/../etc/passwd", "/%00"])
def test_an_unknown_path_is_404(path: str, service: FlaskClient) -> None:
    assert _told(service.get(path), 404) == "GET /cds-services or POST /cds-services/<id of a service> expected"


def test_the_wrong_method_is_405_and_says_which_is_right(service: FlaskClient) -> None:
    response = service.get(SIGN)
    assert _told(response, 405) == "POST expected at this address"
    assert "POST" in response.headers["Allow"]
    assert _told(service.post("/cds-services"), 405) == "GET expected at this address"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": JSON, "Content-Encoding": "gzip"},
        {},
    ],
)
def test_what_is_no_plain_json_is_415(headers: dict[str, str], service: FlaskClient) -> None:
    _told(service.post(SIGN, data="{}", headers=headers), 415)


def test_a_charset_of_utf_8_is_accepted(service: FlaskClient) -> None:
    assert "hookInstance" in _told(service.post(SIGN, data="{}", content_type="application/json; charset=UTF-8"), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"7", b'"x"', b"{}", b"\xff", b"[" * 50_000, b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 50_000, b'{"hook": NaN}', b'{"hook": 1e999999}', b'{"hook": "a", "hook": "b"}',
        b'{"hook": "\\ud800"}', b"[" + b"0," * 60_000 + b"0]", b'{"hook": "order-sign", "context": {}}',
    ],
)  # fmt: skip
def test_a_malformed_body_is_400(body: bytes, service: FlaskClient) -> None:
    assert _told(service.post(SIGN, data=body, content_type=JSON), 400)


def test_a_body_over_two_megabytes_is_413_and_names_the_limit(service: FlaskClient) -> None:
    told = "body: at most 2000000 bytes expected"
    assert _told(service.post(SIGN, data=b" " * 2_000_001, content_type=JSON), 413).startswith(told)
    assert _told(service.post(SIGN, data=b" " * 2_000_002, content_type=JSON), 413).startswith(told)


def test_a_body_over_two_megabytes_without_a_length_is_413(service: FlaskClient) -> None:
    endless = BytesIO(b" " * 3_000_000)
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    response = service.post(SIGN, input_stream=endless, content_type=JSON, environ_overrides=environ)
    _told(response, 413)


def test_another_hook_than_the_address_is_for_is_400(service: FlaskClient) -> None:
    body = {"hook": "patient-view", "hookInstance": "x", "context": {"userId": "u", "patientId": "p"}}
    assert "'order-sign' expected at this address" in _told(service.post(SIGN, json=body), 400)


def test_a_fhir_server_that_is_no_address_is_400(service: FlaskClient) -> None:
    body = {
        "hook": "patient-view",
        "hookInstance": "x",
        "fhirServer": "http://a@b",
        "context": {"userId": "u", "patientId": "p"},
    }
    assert "fhirServer:" in _told(service.post("/cds-services/infliximab-patient-view", json=body), 400)


def test_a_fhir_server_that_is_not_on_the_list_is_412_and_says_so(service: FlaskClient) -> None:
    body = {
        "hook": "patient-view",
        "hookInstance": "x",
        "fhirServer": "https://fhir.example/r4",
        "fhirAuthorization": {"access_token": "canary-token", "token_type": "Bearer"},
        "context": {"userId": "u", "patientId": "p"},
    }
    told = _told(service.post("/cds-services/infliximab-patient-view", json=body), 412)
    assert "laboratory results (laboratory): not prefetched, and the fhirServer is not on this site's list" in told
    assert "canary" not in told


@pytest.mark.parametrize("path", ["/health", "/cds-services", "/nowhere"])
def test_no_answer_is_cached_or_sniffed(path: str, service: FlaskClient) -> None:
    headers = service.get(path).headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_a_defect_is_a_fixed_500_and_told_to_the_log_only(logged: Any) -> None:
    app = create_app(Settings())

    @app.get("/defect")
    def fail() -> Any:
        raise RuntimeError("canary with patient data")

    response = app.test_client().get("/defect")
    assert _told(response, 500) == "The service failed and gave no advice."
    (event,) = [event for event in logged() if event["event"] == "defect"]
    assert event["error"] == "RuntimeError"
    assert "test_http_errors:" in event["frames"][-1]
    assert "canary" not in json.dumps(event)


def test_health_tells_no_version(service: FlaskClient) -> None:
    assert service.get("/health").get_json() == {"status": "ok"}


def test_errors_are_logged_without_what_was_sent(service: FlaskClient, logged: Any) -> None:
    body = {"hook": "patient-view", "hookInstance": "canary-1", "context": {"patientId": "canary/2"}}
    service.post("/cds-services/infliximab-patient-view", data=json.dumps(body), content_type=JSON)
    events = logged()
    assert [(e["outcome"], e["status"], e["code"]) for e in events if e["event"] == "hook_call"] == [
        ("bad_request", 400, "invalid")
    ]
    assert "canary" not in json.dumps(events)
