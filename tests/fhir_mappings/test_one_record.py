"""The record does not depend on how the chart came: order, copies, parts (synthetic chart)."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.clinical.record import DataIssue, IssueLevel, Moment, SourceState, TreatmentRecord
from fhir_mappings.chart import ChartPart, RawChart
from fhir_mappings.read import read_record
from tests.fhir_mappings.charts import (
    AS_OF,
    BOY,
    ICD,
    LOINC,
    RXNORM,
    SINCE,
    allergy,
    antibody,
    coded,
    codes,
    condition,
    infusion,
    level,
    observation,
    prescription,
    quantity,
    read,
    without,
)

WEIGHT = observation(coded(LOINC, "29463-7"), {"valueQuantity": quantity(38.2, "kg")}, id="weight-1")
CHART: tuple[Any, ...] = (
    level(),
    level(id="level-2", effectiveDateTime="2026-09-27"),
    without(level(valueQuantity=quantity(3, "furlong")), "id"),
    antibody(),
    WEIGHT,
    infusion(),
    infusion(id="infusion-2", effectivePeriod={"start": "2026-08-02T10:00:00Z"}, dosage=None),
    prescription(coded(RXNORM, "8640")),
    condition(coded(ICD, "K50.90")),
    condition({"text": "Crohn's"}, id="condition-2"),
    allergy(),
    "not a resource",
)


def record_of(**parts: ChartPart) -> TreatmentRecord:
    return read_record(RawChart(BOY["id"], parts), since=SINCE, until=AS_OF)


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(CHART), copies=st.lists(st.sampled_from(CHART), max_size=5))
def test_neither_order_nor_copies_change_the_record(order: list[Any], copies: list[Any]) -> None:
    assert read(*order, *copies) == read(*copies, *CHART) == read(*CHART)


def test_a_resource_counts_once_however_many_parts_bring_it() -> None:
    record = record_of(
        patient=ChartPart((BOY,)), weight=ChartPart((WEIGHT,)), scores=ChartPart((dict(WEIGHT), level()))
    )
    assert [one.evidence for one in record.measurements] == ["Observation/weight-1"]
    assert [one.evidence for one in record.levels] == ["Observation/level-1"]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"versionId": "9"}, {"versionId": "10"}),
        ({"lastUpdated": "2026-11-01T00:00:00Z"}, {"lastUpdated": "2026-11-02T00:00:00Z"}),
        (7, {"versionId": "1"}),
        ({"versionId": 3}, {"versionId": "1"}),
    ],
)
def test_the_newest_version_wins(older: Any, newer: Any) -> None:
    first = level({"valueQuantity": quantity(9, "ug/mL")}, meta=older)
    second = level({"valueQuantity": quantity(1, "ug/mL")}, meta=newer)
    for pair in ((first, second), (second, first)):
        assert [one.reading.value for one in read(*pair).levels if one.reading] == [1.0]


def test_everything_is_sorted_by_time_then_evidence() -> None:
    days = ["2026-05-01", "2026-01-01", "2026-03-01"]
    record = read(
        *(level(id=f"level-{day}", effectiveDateTime=day) for day in days), without(level(), "effectiveDateTime")
    )
    assert [one.evidence for one in record.levels] == [
        "Observation/level-1",
        "Observation/level-2026-01-01",
        "Observation/level-2026-03-01",
        "Observation/level-2026-05-01",
    ]


def test_both_paths_cut_at_the_same_look_back() -> None:
    days = {"2023-11-22": 0, "2023-11-23": 1, "2026-11-22T09:04:59Z": 1, "2026-11-22T09:06:00Z": 0}
    for day, kept in days.items():
        record = read(level(effectiveDateTime=day), infusion(effectivePeriod={"start": day}))
        assert (len(record.levels), len(record.infusions)) == (kept, kept)


def test_what_lies_in_the_future_is_said() -> None:
    later = "2026-11-22T09:06:00Z"
    record = read(level(effectiveDateTime=later), infusion(effectivePeriod={"start": later}))
    assert codes(record.issues) == ["in-the-future", "in-the-future"]
    assert {one.level for one in record.issues} == {IssueLevel.LIMITING}


def test_an_old_result_leaves_no_issue_behind() -> None:
    old = level({"valueQuantity": quantity(3, "furlong")}, effectiveDateTime="2019-01-01", status="unknown")
    assert read(old).issues == ()


def test_a_bare_day_begins_at_midnight_of_the_site() -> None:
    zone = timezone(timedelta(hours=10))
    record = read(level(effectiveDateTime="2026-11-22"), time_zone=zone)
    assert [one.drawn for one in record.levels] == [Moment(datetime(2026, 11, 22, tzinfo=zone), day_only=True)]
    assert record.levels[0].drawn is not None
    assert record.levels[0].drawn.at == datetime(2026, 11, 21, 14, tzinfo=UTC)


def test_a_part_that_could_not_be_read_is_named() -> None:
    said = DataIssue("timeout", "scores", IssueLevel.LIMITING, "No answer.")
    note = DataIssue("remark", "allergies", IssueLevel.NOTE, "A remark.")
    record = record_of(
        patient=ChartPart((BOY,)),
        allergies=ChartPart(state=SourceState.UNREADABLE, issues=(note,)),
        scores=ChartPart(state=SourceState.UNREADABLE, issues=(said,)),
        laboratory=ChartPart(state=SourceState.INCOMPLETE),
    )
    assert [(one.about, one.code) for one in record.issues] == [
        ("allergies", "part-unreadable"),
        ("allergies", "remark"),
        ("scores", "timeout"),
    ]
    assert record.source("allergies") is SourceState.UNREADABLE
    assert record.source("laboratory") is SourceState.INCOMPLETE
    assert record.source("patient") is SourceState.READ


@pytest.mark.parametrize("names", [("laboratory", "laboratory_2"), ("laboratory_2", "laboratory")])
def test_several_requests_of_one_part_have_its_worst_state(names: tuple[str, str]) -> None:
    parts = {names[0]: ChartPart(state=SourceState.INCOMPLETE), names[1]: ChartPart()}
    assert dict(record_of(patient=ChartPart((BOY,)), **parts).sources) == {
        "laboratory": SourceState.INCOMPLETE,
        "patient": SourceState.READ,
    }


@pytest.mark.parametrize(
    ("patient", "born", "issues"),
    [
        (BOY, "2014-07-01", []),
        (BOY | {"birthDate": "2014-07"}, None, ["birth-date-unknown"]),
        (BOY | {"birthDate": "2014-02-30"}, None, ["birth-date-unknown"]),
        (BOY | {"birthDate": 2014}, None, ["birth-date-unknown"]),
        (BOY | {"birthDate": None}, None, ["birth-date-unknown"]),
        (BOY | {"deceasedBoolean": True}, "2014-07-01", ["patient-deceased"]),
        (BOY | {"deceasedDateTime": "2026-01-01"}, "2014-07-01", ["patient-deceased"]),
        (BOY | {"id": "someone-else"}, None, ["patient-missing"]),
        (None, None, ["patient-missing"]),
    ],
)
def test_the_child_is_known_to_the_day_or_not(patient: Any, born: str | None, issues: list[str]) -> None:
    record = record_of(patient=ChartPart((patient,) if patient else ()))
    assert record.patient.id == "synthetic-boy"
    assert (record.patient.birth_date and record.patient.birth_date.isoformat()) == born
    assert codes(record.issues) == issues


def test_a_part_that_nobody_asked_for_is_empty() -> None:
    assert RawChart(BOY["id"]).part("scores") == ChartPart()


def test_resources_that_nobody_asked_for_are_left_alone() -> None:
    assert read({"resourceType": "Practitioner", "id": "x"}, {"resourceType": "OperationOutcome"}, {}).issues == ()


def test_something_that_is_no_resource_is_said_and_hides_nothing() -> None:
    record = read("text", None, 7, level())
    assert len(record.levels) == 1
    assert codes(record.issues) == ["resource-unreadable"]


def test_foreign_text_in_a_sentence_is_short_and_printable() -> None:
    odd = "Infliximab Ab \x00\n\u202e" + "x" * 500
    record = read(antibody(code={"text": odd}))
    assert all(len(one.message) < 250 and one.message.isprintable() for one in record.issues)
