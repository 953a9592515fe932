"""The account of one request: how it ended, told to the log and counted, without a word of what was in it.

Question: what do those who run the service have to know about this call?
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import request

from cds_service.clinical.assessment import Assessment
from cds_service.errors import CdsError
from cds_service.hooks.evaluate import Evaluation
from cds_service.hooks.request import HookRequest
from cds_service.operations.events import listed
from cds_service.operations.log import tell, told_of
from cds_service.operations.metrics import board
from cds_service.operations.metrics import listed as listed_metrics
from cds_service.site.services import load_services

HELD = "infliximab_cds.account"  # where the account stands in the WSGI environment of its request
_UNKNOWN = "unknown"
_CALL = re.compile(r"/cds-services/(?P<service>[^/]*)")
_ENDPOINTS = {"/cds-services": "discovery", "/health": "health"}
_OUTCOMES = {401: "refused", 403: "refused", 412: "missing_data", 429: "overload", 503: "overload"}


@dataclass(slots=True)
class Account:
    """What is known of a request so far. `client` is the name of the caller in the configuration."""

    begun: float
    client: str | None = None
    asked: HookRequest | None = None
    evaluation: Evaluation | None = None
    error: Exception | None = None


class Accounting:
    """Around the whole application, so that it sees every answer, whoever gives it, and all the time that it took."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The application's answer, told and counted."""
        held = environ[HELD] = Account(perf_counter())
        statuses: list[int] = []

        def note(status: str, *rest: Any) -> Callable[[bytes], object]:
            statuses.append(int(status[:3]))
            return start_response(status, *rest)

        try:
            return self.app(environ, note)
        finally:
            _close(held, environ, statuses[-1] if statuses else 500)


def account() -> Account:
    """The account of the request that Flask is answering."""
    held: Account = request.environ.setdefault(HELD, Account(perf_counter()))
    return held


def _close(held: Account, environ: WSGIEnvironment, status: int) -> None:
    seconds = perf_counter() - held.begun
    path = environ["PATH_INFO"]
    call = _CALL.fullmatch(path)
    try:
        board().add("answers_total", status_class=f"{status // 100}xx")
        if call and environ["REQUEST_METHOD"] == "POST":
            _tell_call(held, call["service"], status, seconds)
        else:
            known = "hook" if call else "demo" if path.startswith("/demo/") else _ENDPOINTS.get(path, "other")
            tell("answered", endpoint=known, status=status, duration_ms=seconds * 1000)
    except Exception as error:  # noqa: BLE001 - the clinician's answer does not depend on the book-keeping
        tell("defect", **told_of(error))


def outcome(held: Account, status: int) -> str:
    """How a hook call ended, in one word (events.toml)."""
    if held.evaluation is not None and status == 200:
        if not any(assessment.applies for assessment in held.evaluation.assessments):
            return "not_applicable"
        return "carded" if held.evaluation.cards else "evaluated_silent"
    if isinstance(held.error, CdsError) and held.error.code == "security" and status not in (401, 403):
        return "security"
    return _OUTCOMES.get(status, "bad_request" if 400 <= status < 500 else "defect")


def _tell_call(held: Account, service: str, status: int, seconds: float) -> None:
    hooks = _hooks()
    service = service if service in hooks else _UNKNOWN
    ended = outcome(held, status)
    board().add("hook_calls_total", service=service, outcome=ended)
    board().observe("hook_call_seconds", seconds, service=service)
    tell(
        "hook_call",
        level=listed().level_of_outcome.get(ended, ""),
        service=service,
        hook=hooks.get(service),
        client=held.client,
        call=_instance(held),
        outcome=ended,
        status=status,
        code=held.error.code if isinstance(held.error, CdsError) else None,
        error=type(held.error).__name__ if held.error else None,
        duration_ms=seconds * 1000,
        **_judged(held.evaluation),
    )
    if held.evaluation is not None:
        _count_judged(held.evaluation, service)
    if ended in ("security", "refused"):
        kind = "foreign_patient" if ended == "security" else "refused_caller"
        board().add("security_events_total", event_type=kind)
        tell("security", event_type=kind, service=service, client=held.client)


@cache
def _hooks() -> Mapping[str, str]:
    return {service.id: service.hook for service in load_services()}


def _instance(held: Account) -> str | None:
    # The EHR finds the call by it. Anything but a UUID could be something about the child.
    instance = held.asked.hook_instance if held.asked else None
    return instance if listed().fields["call"].cleaned(instance) else None


def _judged(evaluation: Evaluation | None) -> dict[str, Any]:
    if evaluation is None:
        return {}
    assessments = evaluation.assessments
    return {
        "cards": len(evaluation.cards),
        "rows": [assessment.leading_rule for assessment in assessments] or None,
        "advice": [str(led.kind) for assessment in assessments if (led := assessment.leading)] or None,
        "forecast": any(assessment.forecast for assessment in assessments) if assessments else None,
        "source": "fhir" if evaluation.fhir_reads else "prefetch",
        "fhir_reads": evaluation.fhir_reads,
    }


def _count_judged(evaluation: Evaluation, service: str) -> None:
    for assessment in evaluation.assessments:
        if not assessment.applies:
            continue
        board().set("last_judged_timestamp_seconds", time.time(), service=service)
        board().add("advice_total", kind=assessment.leading.kind if assessment.leading else "none")
        board().add("forecasts_total", made="yes" if assessment.forecast else "no")
        for issue in _counted_issues(assessment):
            board().add("chart_issues_total", issue=issue)


def _counted_issues(assessment: Assessment) -> Iterable[str]:
    listed_here = listed_metrics()["chart_issues_total"].labels["issue"]
    return (issue.code for issue in assessment.issues if issue.code in listed_here)
