"""Every answer has its outcome, whoever gives it: the application, or something around it that turns a call away."""

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client

from cds_service.errors import BadHookRequest, ForeignPatient, MissingData
from cds_service.hooks.account import HELD, Accounting
from cds_service.operations.metrics import board

SIGN = "/cds-services/infliximab-order-sign"


def _answering(status: int, error: Exception | None = None) -> Client:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ[HELD].error = error
        start_response(f"{status} SOMETHING", [("Content-Type", "application/json")])
        return [b"{}"]

    return Client(Accounting(app))


@pytest.mark.parametrize(
    ("status", "error", "outcome", "level"),
    [
        (400, BadHookRequest("x"), "bad_request", "warning"),
        (404, None, "bad_request", "warning"),
        (413, None, "bad_request", "warning"),
        (401, None, "refused", "warning"),
        (403, None, "refused", "warning"),
        (412, MissingData("x"), "missing_data", "warning"),
        (412, ForeignPatient("x"), "security", "error"),
        (429, None, "overload", "warning"),
        (503, None, "overload", "warning"),
        (500, ValueError("canary"), "defect", "error"),
    ],
)
def test_a_status_has_its_outcome(status: int, error: Exception | None, outcome: str, level: str, logged: Any) -> None:
    series = {"service": "infliximab-order-sign", "outcome": outcome}
    before = board().total("hook_calls_total", **series)
    assert _answering(status, error).post(SIGN).status_code == status
    assert board().total("hook_calls_total", **series) == before + 1
    (call, *others) = logged()
    told = (call["event"], call["outcome"], call["status"], call["level"], call.get("error"))
    assert told == ("hook_call", outcome, status, level, type(error).__name__ if error else None)
    kind = {"security": "foreign_patient", "refused": "refused_caller"}.get(outcome)
    assert [event["event_type"] for event in others] == ([kind] if kind else [])


def test_an_application_that_fails_altogether_is_a_defect(logged: Any) -> None:
    def app(_environ: Any, _start_response: Any) -> Iterable[bytes]:
        raise RuntimeError("canary")

    with pytest.raises(RuntimeError):
        Client(Accounting(app)).post(SIGN)
    (call,) = logged()
    assert (call["outcome"], call["status"]) == ("defect", 500)


@pytest.mark.parametrize(
    ("method", "path", "endpoint"),
    [
        ("GET", "/cds-services", "discovery"),
        ("OPTIONS", SIGN, "hook"),
        ("GET", "/health", "health"),
        ("GET", "/demo/patients", "demo"),
        ("POST", "/canary", "other"),
        ("POST", f"{SIGN}/canary", "other"),
    ],
)
def test_what_is_no_call_is_told_at_debug_level_without_its_address(
    method: str, path: str, endpoint: str, logged: Any
) -> None:
    _answering(200).open(path, method=method)
    (event,) = logged()
    assert (event["event"], event["level"], event["endpoint"]) == ("answered", "debug", endpoint)
    assert "canary" not in str(event)


def test_book_keeping_that_fails_costs_nobody_the_answer(logged: Any) -> None:
    assert _answering(999).post(SIGN).status_code == 999  # no class of status that is listed
    (event,) = logged()
    assert (event["event"], event["error"]) == ("defect", "ValueError")
