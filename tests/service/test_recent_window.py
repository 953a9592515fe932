"""A cap must not hide the newest results: servers choose what they answer first, and some answer oldest first."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug import Request, Response

from cds_service import patients
from cds_service.app import create_app
from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.gather import gather
from cds_service.chart.paging import Reading
from cds_service.chart.request import ChartRequest, Limits
from cds_service.clinical.record import IssueLevel, SourceState
from cds_service.hooks import clock
from cds_service.outgoing import Deadline
from cds_service.site.settings import Fhir, Settings
from cds_service.trust.origins import read_base
from fhir_mappings.chart import ChartPart, RawChart
from fhir_mappings.searches import load_searches
from fhir_mappings.tables import load_tables

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)
RECENT = "ge2026-05-23"  # 26 weeks before, and the day more that is always asked for
OLDER = "Older results not read: the EHR holds more entries for laboratory results than could be read."
NOT_ALL = "Not all results were read, the newest may be among them: "
Json = dict[str, Any]


def _when(resource: Json) -> str:
    period = resource.get("effectivePeriod") or {}
    return str(resource.get("effectiveDateTime") or period.get("start", ""))


def _server(ehr: Any, synthetic: Any, kind: str, *, newest_first: bool = False, dates: bool = True) -> None:
    """Answer searches for one type in the order of dates, three a page; without `dates` these do not filter."""

    def respond(request: Request) -> Response:
        asked = request.args.get("date") or request.args.get("effective-time") or ""
        since = asked.removeprefix("ge")[:10] if dates else ""
        held = [r for r in ehr.resources if r["resourceType"] == kind and _when(r) >= since]
        found = sorted(held, key=_when, reverse=newest_first)
        start = int(request.args.get("_offset", "0"))
        query = "&".join(f"{n}={v}" for n, v in request.args.items() if n != "_offset")
        more = f"{ehr.base}/{kind}?{query}&_offset={start + 3}" if start + 3 < len(found) else None
        return synthetic.answer(synthetic.searchset(*found[start : start + 3], next_link=more))

    ehr.quirks[kind] = respond


def _result(synthetic: Any, weeks_ago: int) -> Json:
    day = (AS_OF - timedelta(weeks=weeks_ago)).isoformat()
    return synthetic.observation(weeks_ago, effectiveDateTime=day)  # type: ignore[no-any-return]


def _gather(ehr: Any, prefetch: Json, *, seconds: float = 5, limits: Limits | None = None) -> RawChart:
    known = limits or Limits(max_pages=3)
    ask = ChartRequest("p1", prefetch, server=read_base(ehr.base) if ehr else None)
    reading = Reading(ask, FhirClient(), known, Deadline.after(seconds))
    return gather(
        reading, load_searches(), AS_OF - timedelta(days=1095), load_tables(), recent_since=AS_OF - known.recent
    )


def _weeks_ago(part: ChartPart) -> set[int]:
    return {int(resource["id"].removeprefix("level-")) for resource in part.resources}


def _limit(part: ChartPart) -> str:
    assert part.state is SourceState.INCOMPLETE
    (issue,) = part.issues
    assert (issue.code, issue.level) == ("older-results-not-read", IssueLevel.LIMITING)
    return issue.message


def _asked_since(ehr: Any, name: str = "date") -> list[str]:
    """The look-backs of the first pages asked for."""
    return [r.args[name] for r in ehr.requests if name in r.args and "_offset" not in r.args]


@pytest.fixture
def prefetch(full_prefetch: Json) -> Json:
    """Everything but the laboratory is known to be empty."""
    return {name: value for name, value in full_prefetch.items() if name != "laboratory"}


@pytest.mark.parametrize("limits", [Limits(max_pages=3), Limits(max_entries=7)], ids=["page cap", "entry cap"])
def test_the_newest_results_of_an_oldest_first_server_are_read(
    limits: Limits, ehr: Any, prefetch: Json, synthetic: Any
) -> None:
    _server(ehr, synthetic, "Observation")
    ehr.holds(*(_result(synthetic, weeks) for weeks in range(0, 150, 5)))
    part = _gather(ehr, prefetch, limits=limits).part("laboratory")
    assert _weeks_ago(part) == {*range(105, 150, 5), 0, 5, 10, 15, 20, 25}
    assert _limit(part) == OLDER
    assert _asked_since(ehr)[1:] == [RECENT]


def test_a_newest_first_server_gives_the_same_words(ehr: Any, prefetch: Json, synthetic: Any) -> None:
    _server(ehr, synthetic, "Observation", newest_first=True)
    ehr.holds(*(_result(synthetic, weeks) for weeks in range(0, 150, 5)))
    part = _gather(ehr, prefetch).part("laboratory")
    assert _weeks_ago(part) == set(range(0, 45, 5))
    assert _limit(part) == OLDER


def test_a_chart_below_the_cap_is_asked_for_once(ehr: Any, prefetch: Json, synthetic: Any) -> None:
    _server(ehr, synthetic, "Observation")
    ehr.holds(*(_result(synthetic, weeks) for weeks in range(0, 45, 5)))
    part = _gather(ehr, prefetch).part("laboratory")
    assert (part.state, part.issues, len(_asked_since(ehr))) == (SourceState.READ, (), 1)


@pytest.mark.parametrize("dates", [True, False], ids=["too many", "dates ignored"])
def test_a_recent_window_that_is_capped_too_says_that_the_newest_may_be_missing(
    dates: bool, ehr: Any, prefetch: Json, synthetic: Any
) -> None:
    _server(ehr, synthetic, "Observation", dates=dates)
    ehr.holds(*(_result(synthetic, weeks) for weeks in range(40)))
    part = _gather(ehr, prefetch).part("laboratory")
    assert _weeks_ago(part) == {*range(31, 40), *(range(18, 27) if dates else ())}
    assert _limit(part).startswith(NOT_ALL)


def _in_the_window(ehr: Any, respond: Callable[[], Response]) -> None:
    usual = ehr.quirks["Observation"]
    ehr.quirks["Observation"] = lambda request: respond() if request.args["date"] == RECENT else usual(request)


def test_a_recent_window_that_fails_leaves_what_was_read_before(ehr: Any, prefetch: Json, synthetic: Any) -> None:
    _server(ehr, synthetic, "Observation")
    _in_the_window(ehr, lambda: synthetic.answer({}, 503))
    ehr.holds(*(_result(synthetic, weeks) for weeks in range(0, 150, 5)))
    part = _gather(ehr, prefetch).part("laboratory")
    assert _weeks_ago(part) == set(range(105, 150, 5))
    assert _limit(part).startswith(NOT_ALL)


def test_a_recent_window_that_hangs_ends_with_the_deadline(ehr: Any, prefetch: Json, synthetic: Any) -> None:
    def hang() -> Response:
        time.sleep(1.5)
        return synthetic.answer(synthetic.searchset())  # type: ignore[no-any-return]

    _server(ehr, synthetic, "Observation")
    _in_the_window(ehr, hang)
    ehr.holds(*(_result(synthetic, weeks) for weeks in range(0, 150, 5)))
    began = time.monotonic()
    part = _gather(ehr, prefetch, seconds=0.7).part("laboratory")
    assert time.monotonic() - began < 1.2
    assert _weeks_ago(part) == set(range(105, 150, 5))
    assert _limit(part).startswith(NOT_ALL)


def test_a_search_that_no_date_can_narrow_is_not_asked_again(ehr: Any, full_prefetch: Json, synthetic: Any) -> None:
    del full_prefetch["conditions"]
    _server(ehr, synthetic, "Condition")
    subject = {"reference": "Patient/p1"}
    ehr.holds(*({"resourceType": "Condition", "id": f"c{n}", "subject": subject} for n in range(30)))
    part = _gather(ehr, full_prefetch).part("conditions")
    assert len(ehr.asked()) == 3
    assert _limit(part) == f"{NOT_ALL}the EHR holds more entries for diagnoses than could be read."


def test_a_prefetched_first_page_that_leads_to_the_cap_gets_its_recent_window(
    ehr: Any, prefetch: Json, synthetic: Any
) -> None:
    _server(ehr, synthetic, "Observation")
    ehr.holds(*(_result(synthetic, weeks) for weeks in range(0, 150, 5)))
    following = f"{ehr.base}/Observation?patient=p1&_offset=3"
    first = synthetic.searchset(_result(synthetic, 145), next_link=following)
    part = _gather(ehr, {**prefetch, "laboratory": first}).part("laboratory")
    assert {0, 5, 10, 15, 20, 25, 145} <= _weeks_ago(part)
    assert (_limit(part), _asked_since(ehr)) == (OLDER, [RECENT])


def test_a_first_page_that_nobody_can_follow_may_lack_the_newest(prefetch: Json, synthetic: Any) -> None:
    first = synthetic.searchset(_result(synthetic, 145), next_link="https://fhir.example/next")
    part = _gather(None, {**prefetch, "laboratory": first}).part("laboratory")
    assert _limit(part).startswith(NOT_ALL)


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_a_treatment_in_course_is_not_called_interrupted(newest_first: bool, ehr: Any, synthetic: Any) -> None:
    now, child = clock.now(), patients.load("low-trough")
    ehr.holds(*patients.resources(child, now))
    subject = next(r["subject"] for r in ehr.resources if r["resourceType"] == "MedicationAdministration")
    ehr.holds(*(_paracetamol(n, subject, now - timedelta(weeks=100, hours=n)) for n in range(30)))
    _server(ehr, synthetic, "MedicationAdministration", newest_first=newest_first)
    service = create_app(Settings(fhir=Fhir(deadline_seconds=10, max_pages=3))).test_client()
    request = patients.hook_request(child, "order-sign", now, prefetch=False, fhir_server=ehr.base)
    (card,) = service.post("/cds-services/infliximab-order-sign", json=request).get_json()["cards"]
    assert "every 5 weeks" in card["summary"]
    assert "Older results not read" in card["detail"]
    time_asked = _asked_since(ehr, "effective-time")[-1]
    assert time_asked.endswith("T00:00:00Z")  # Oracle Health wants a time


def _paracetamol(number: int, subject: Json, when: datetime) -> Json:
    return {
        "resourceType": "MedicationAdministration",
        "id": f"paracetamol-{number}",
        "status": "completed",
        "subject": subject,
        "effectiveDateTime": when.isoformat(),
        "medicationCodeableConcept": {"text": "Paracetamol 500 mg"},
    }
