"""What becomes of an infliximab level, in all the ways laboratories send one (synthetic results)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.clinical.record import Comparator, IssueLevel, Moment, Reading
from tests.fhir_mappings.charts import (
    LOINC,
    coded,
    codes,
    level,
    observation,
    quantity,
    read,
    without,
)


@pytest.mark.parametrize(
    ("value", "reading"),
    [
        ({"valueQuantity": quantity(1.7, "ug/mL")}, Reading(1.7)),
        ({"valueQuantity": quantity(1.7, "mg/L")}, Reading(1.7)),
        ({"valueQuantity": {"value": 1.7, "unit": "mcg/mL"}}, Reading(1.7)),
        ({"valueQuantity": {"value": 1.7, "unit": "µg/mL"}}, Reading(1.7)),  # micro sign
        ({"valueQuantity": {"value": 1.7, "unit": "μg / ML"}}, Reading(1.7)),  # Greek mu
        ({"valueQuantity": {"value": 1.7, "unit": "mcg/mL", "system": "urn:local", "code": "L17"}}, Reading(1.7)),
        ({"valueQuantity": {"value": 2, "system": "urn:local", "code": "ug/mL"}}, Reading(2.0)),
        ({"valueQuantity": quantity(0.4, "ug/mL", comparator="<")}, Reading(0.4, Comparator.LESS)),
        ({"valueString": "<0.4 ug/mL"}, Reading(0.4, Comparator.LESS)),
        ({"valueString": "≥ 30 mcg/mL"}, Reading(30.0, Comparator.GREATER_OR_EQUAL)),
        ({"valueString": "1.7 mcg/mL"}, Reading(1.7)),
        ({"valueString": "<0,4 ug/mL"}, Reading(0.4, Comparator.LESS)),
        ({"valueString": "12,5 ug/mL"}, Reading(12.5)),
        ({"valueString": "1,2345 ug/mL"}, Reading(1.2345)),
        ({"valueString": "0,125 ug/mL"}, Reading(0.125)),
    ],
)
def test_a_level_is_read_in_micrograms_per_millilitre(value: dict[str, Any], reading: Reading) -> None:
    record = read(level(value))
    assert [found.reading for found in record.levels] == [reading]
    assert record.issues == ()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"valueQuantity": {"value": 1.7}}, "unit-missing"),
        ({"valueString": "< 0.4"}, "unit-missing"),
        ({"valueInteger": 2}, "unit-missing"),
        ({"valueQuantity": quantity(1.7, "nmol/L")}, "unit-unknown"),
        ({"valueQuantity": quantity(1700, "ng/mL")}, "unit-needs-review"),
        ({"valueQuantity": quantity(17, "ug/mL") | {"unit": "ng/mL"}}, "unit-contradictory"),
        ({"valueQuantity": quantity(1.7, "ug/mL", comparator="~")}, "comparator-unknown"),
        ({"valueQuantity": {"unit": "ug/mL"}}, "value-missing"),
        ({"valueString": "Not detected"}, "value-not-a-number"),
        ({"valueString": "?0.4 ug/mL"}, "value-not-a-number"),
        ({"valueString": "1:40"}, "unit-unknown"),  # a titre is no concentration
        ({"valueString": "2:40"}, "value-not-a-number"),
        ({"valueString": "1,234 ug/mL"}, "number-ambiguous"),  # a thousand or little more than one
        ({"valueString": "12,345 ug/mL"}, "number-ambiguous"),
        ({"valueString": "1,234,567 ug/mL"}, "value-not-a-number"),
        ({"valueString": "1.234,5 ug/mL"}, "value-not-a-number"),
        ({"valueString": "1.7" + " " * 70 + "ug/mL"}, "value-not-a-number"),
        ({"valueCodeableConcept": {"text": "low"}}, "value-not-a-number"),
        ({"valueRatio": {}}, "value-form"),
        ({"valueQuantity": quantity(1.7, "ug/mL"), "valueString": "1.7"}, "several-values"),
        ({"dataAbsentReason": {"text": "masked"}}, "value-absent"),
        ({}, "value-absent"),
        ({"valueString": "  "}, "value-absent"),
    ],
)
def test_a_level_that_cannot_be_used_says_why(value: dict[str, Any], code: str) -> None:
    record = read(level(value))
    assert codes(record.issues) == [code]
    assert all(found.reading is None for found in record.levels)
    assert record.issues[0].level is IssueLevel.LIMITING
    assert record.issues[0].evidence == "Observation/level-1"


def test_a_level_without_value_but_with_a_reason_stays_on_record() -> None:
    record = read(level({"dataAbsentReason": {"text": "haemolysed"}}))
    assert [found.evidence for found in record.levels] == ["Observation/level-1"]


@pytest.mark.parametrize("text", ["Infliximab antibodies", "Anti-infliximab", "ATI"])
@pytest.mark.parametrize("code", ["39803-2", "86896-8"])
def test_an_antibody_under_a_drug_level_code_is_nobodys_result(code: str, text: str) -> None:
    record = read(observation(coded(LOINC, code, text=text), {"valueQuantity": quantity(0.012, "ug/mL")}))
    assert record.levels == ()
    assert record.antibodies == ()
    assert codes(record.issues) == ["level-or-antibody"]


@pytest.mark.parametrize(
    ("status", "pending", "found", "issues"),
    [
        ("final", False, 1, []),
        ("amended", False, 1, []),
        ("corrected", False, 1, []),
        ("appended", False, 1, []),
        ("preliminary", True, 1, []),
        ("registered", True, 1, []),
        ("cancelled", False, 0, ["result-withdrawn"]),
        ("entered-in-error ", False, 0, ["result-withdrawn"]),
        ("unknown", False, 0, ["status-unknown"]),
        (None, False, 0, ["status-unknown"]),
    ],
)
def test_the_status_decides_whether_a_level_counts(
    status: str | None, pending: bool, found: int, issues: list[str]
) -> None:
    record = read(level(status=status))
    assert [one.pending for one in record.levels] == [pending] * found
    assert codes(record.issues) == issues


def test_a_pending_level_needs_neither_date_nor_value() -> None:
    record = read(without(level({}, status="registered"), "effectiveDateTime"))
    assert [(one.pending, one.reading, one.drawn) for one in record.levels] == [(True, None, None)]
    assert record.issues == ()


def test_a_pending_panel_is_a_pending_level_and_a_pending_antibody() -> None:
    record = read(observation({"text": "Infliximab and infliximab Ab panel"}, status="registered"))
    assert [one.pending for one in record.levels] == [True]
    assert [one.pending for one in record.antibodies] == [True]


@pytest.mark.parametrize(
    "more",
    [
        {"effectiveDateTime": "2026-11"},
        {"effectiveDateTime": "2026"},
        {"effectiveDateTime": "2026-11-31"},
        {"effectiveDateTime": "2026-11-22T08:00:00"},  # an instant without its offset
        {"effectiveDateTime": "yesterday"},
        {"effectiveDateTime": None, "issued": "2026-11-22T08:00:00Z"},  # reported is not drawn
    ],
)
def test_a_level_without_a_date_stays_and_says_so(more: dict[str, Any]) -> None:
    record = read(level(**more))
    assert [(one.drawn, one.reading) for one in record.levels] == [(None, Reading(1.7))]
    assert codes(record.issues) == ["result-without-date"]


EIGHT = Moment(datetime(2026, 11, 22, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    ("more", "drawn"),
    [
        ({}, EIGHT),
        ({"effectiveDateTime": "2026-11-22T08:00Z"}, EIGHT),
        ({"effectiveDateTime": None, "effectivePeriod": {"start": "2026-11-22T09:00:00+01:00"}}, EIGHT),
        ({"effectiveDateTime": None, "effectiveInstant": "2026-11-22T08:00:00.000Z"}, EIGHT),
        ({"effectiveDateTime": "2026-11-22"}, Moment(datetime(2026, 11, 22, tzinfo=UTC), day_only=True)),
        (
            {
                "effectiveDateTime": "2026-11-22T08:55:00Z",
                "specimen": {"reference": "#s"},
                "contained": [{"id": "s", "collection": {"collectedDateTime": "2026-11-22T08:00:00Z"}}],
            },
            EIGHT,
        ),
    ],
)
def test_a_sample_is_dated_by_its_collection(more: dict[str, Any], drawn: Moment) -> None:
    assert [one.drawn for one in read(level(**more)).levels] == [drawn]


@pytest.mark.parametrize(
    ("more", "specimen"),
    [
        ({}, None),
        ({"specimen": {"reference": "https://ehr.example/fhir/Specimen/s-1"}}, "Specimen/s-1"),
        ({"specimen": {"reference": "#gone"}}, None),
        (
            {
                "specimen": {"reference": "#s"},
                "contained": [{"id": "s", "accessionIdentifier": {"value": "A-17"}}],
            },
            "A-17",
        ),
    ],
)
def test_a_specimen_tells_two_samples_apart(more: dict[str, Any], specimen: str | None) -> None:
    assert [one.specimen for one in read(level(**more)).levels] == [specimen]


def test_remarks_after_the_value_are_not_dropped_in_silence() -> None:
    record = read(level({"valueString": "> 30 ug/mL\r\n* sample haemolysed"}))
    assert record.levels[0].reading == Reading(30.0, Comparator.GREATER)
    assert codes(record.issues) == ["text-not-read"]


def test_components_are_results_of_their_own_and_the_panel_is_not() -> None:
    panel = observation(
        {"text": "Infliximab and infliximab Ab panel"},
        id="panel",
        method={"text": "Mayo"},
        component=[
            {"code": coded(LOINC, "39803-2"), "valueQuantity": quantity(1.7, "ug/mL")},
            {"code": {"text": "Infliximab Ab"}, "valueQuantity": quantity(20, "U/mL", comparator="<")},
        ],
    )
    record = read(panel)
    assert [(one.evidence, one.assay) for one in record.levels] == [("Observation/panel#component-1", "mayo-ecl")]
    assert [one.evidence for one in record.antibodies] == ["Observation/panel#component-2"]
    assert codes(record.issues) == ["recognised-by-name"]


def test_a_coded_panel_is_told_by_its_members() -> None:
    assert read(level({}, hasMember=[{"reference": "Observation/x"}])).issues == ()


@pytest.mark.parametrize("member", ["unit", "code", "comparator"])
def test_a_ratio_of_anything_but_bare_numbers_is_no_titre(member: str) -> None:
    ratio = {"numerator": {"value": 1}, "denominator": {"value": 40, member: "mL"}}
    assert codes(read(level({"valueRatio": ratio})).issues) == ["value-form"]


def test_a_contained_specimen_of_the_wrong_shape_is_the_results_own_fault() -> None:
    record = read(level(specimen={"reference": "#s"}, contained=[{"id": "s", "collection": "yesterday"}]))
    assert record.levels == ()
    assert codes(record.issues) == ["resource-unreadable"]


def test_a_specimen_of_the_wrong_shape_is_one_issue_and_costs_no_result() -> None:
    broken = {"resourceType": "Specimen", "id": "s", "collection": "yesterday"}
    record = read(*(level(id=f"level-{n}", specimen={"reference": "Specimen/s"}) for n in range(2)), broken)
    assert [one.drawn for one in record.levels] == [EIGHT, EIGHT]
    assert [(one.code, one.evidence) for one in record.issues] == [("resource-unreadable", "Specimen/s")]


@pytest.mark.parametrize(("code", "kept"), [("39803-2", 1), ("8339-4", 0), ("00000-0", 0)])
def test_a_number_without_a_code_system_is_loincs_or_nothing(code: str, kept: int) -> None:
    record = read(observation({"coding": [{"code": code}]}, {"valueQuantity": quantity(1.7, "ug/mL")}))
    assert (len(record.levels), codes(record.issues)) == (kept, ["code-without-system"] * kept)
