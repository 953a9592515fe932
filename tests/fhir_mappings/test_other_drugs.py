"""Steroids and immunomodulators: an inhaler, a cream and an enema are no systemic steroid (synthetic children)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.clinical.record import Moment
from tests.fhir_mappings.charts import ATC, RXNORM, SNOMED, coded, codes, infusion, prescription, read

ORAL, INHALED = {"route": coded(SNOMED, "26643006")}, {"route": {"text": "oral inhalation"}}


def both(rxnorm: str, atc: str) -> dict[str, Any]:
    return {"coding": [{"system": RXNORM, "code": rxnorm}, {"system": ATC, "code": atc}]}


@pytest.mark.parametrize(
    ("drug", "dosage", "concept", "assumed"),
    [
        (coded(RXNORM, "8640"), ORAL, "systemic_steroid", False),
        (coded(RXNORM, "8638"), {"route": {"text": "PO"}}, "systemic_steroid", False),
        (coded(RXNORM, "6902"), {"route": {"text": "intravenous"}}, "systemic_steroid", False),
        (coded(RXNORM, "8640", "predniSONE 5 mg tablet PR"), {}, "systemic_steroid", False),
        (coded(RXNORM, "8640"), {}, "systemic_steroid", True),
        (coded(ATC, "H02AB07"), {}, "systemic_steroid", True),
        (both("8638", "H02AB06"), {}, "systemic_steroid", True),
        (coded(RXNORM, "5492"), {"route": {"text": "topical"}}, None, False),
        (coded(RXNORM, "5492", "hydrocortisone 1 % cream"), {}, None, False),
        (coded(RXNORM, "3264"), {"route": coded(SNOMED, "54485002")}, None, False),
        (both("5492", "D07AA02"), {}, None, False),
        (coded(RXNORM, "5492"), {"route": {"text": "rectal"}}, "gut_steroid", False),
        (coded(ATC, "A07EA01"), {}, "gut_steroid", False),
        (coded(RXNORM, "19831"), {}, "gut_steroid", False),
        (coded(RXNORM, "19831"), ORAL, "gut_steroid", False),
        (both("19831", "A07EA06"), {}, "gut_steroid", False),
        (both("19831", "R03BA02"), {}, None, False),  # an inhaler under the code of its ingredient
        (coded(RXNORM, "19831"), INHALED, None, False),
        (coded(RXNORM, "1256"), ORAL, "immunomodulator", False),
        (coded(RXNORM, "103"), {}, "immunomodulator", False),
        (coded(ATC, "L04AX03"), {}, "immunomodulator", False),
        (coded(RXNORM, "161"), ORAL, None, False),  # paracetamol
        (coded(RXNORM, "312617"), ORAL, "systemic_steroid", False),  # a clinical drug: prednisone 5 MG Oral Tablet
        (coded(RXNORM, "105585"), {}, "immunomodulator", False),
    ],
)
def test_route_and_form_decide_what_reaches_the_whole_body(
    drug: dict[str, Any], dosage: dict[str, Any], concept: str | None, assumed: bool
) -> None:
    given = infusion(medicationCodeableConcept=drug, dosage=dosage)
    ordered = prescription(drug, dosageInstruction=[dosage])
    record = read(given, ordered)
    expected = [] if concept is None else [(concept, False), (concept, True)]
    assert sorted((one.concept, one.given) for one in record.medications) == expected
    assert codes(record.issues) == (["route-assumed"] if assumed else [])
    assert record.infusions == ()


@pytest.mark.parametrize(
    ("text", "dosage", "concept"),
    [
        ("predniSONE 5 mg tablet", {}, "systemic_steroid"),
        ("methylPREDNISolone sod succ 40 mg injection", {}, "systemic_steroid"),
        ("prednisolone 15 mg/5 mL", ORAL, "systemic_steroid"),
        ("budesonide EC 3 mg capsule", ORAL, "gut_steroid"),
        ("hydrocortisone enema", {}, "gut_steroid"),
        ("azaTHIOprine 50 mg tablet", {}, "immunomodulator"),
        ("budesonide 0.5 mg/2 mL nebulizer suspension", {}, None),
        ("budesonide", INHALED, None),
        ("hydrocortisone 1 % cream", {}, None),
        ("prednisolone acetate 1 % ophthalmic", {}, None),
        ("prednicarbate tablet", {}, None),
    ],
)
def test_a_name_alone_counts_only_where_the_site_says_so(
    text: str, dosage: dict[str, Any], concept: str | None
) -> None:
    named = coded("urn:local", "4711", None, text)
    chart = infusion(medicationCodeableConcept=named, dosage=dosage), prescription(named, dosageInstruction=[dosage])
    refused, counted = read(*chart), read(*chart, drug_by_name=True)
    assert refused.medications == counted.infusions == ()
    assert [(i.about, i.code) for i in refused.issues] == ([(concept, "medication-by-name-only")] if concept else [])
    assert refused.only_named(concept or "systemic_steroid") is (concept is not None)
    assert [(one.concept, one.given) for one in counted.medications] == (
        [(concept, True), (concept, False)][::-1] if concept else []
    )
    assert codes(counted.issues) == (["recognised-by-name"] if concept else [])


def test_a_steroid_without_a_route_that_is_only_named_is_assumed_to_be_systemic() -> None:
    record = read(prescription({"text": "prednisone"}), drug_by_name=True)
    assert codes(record.issues) == ["recognised-by-name", "route-assumed"]


def test_a_name_that_ended_before_the_look_back_is_nobody_s_doubt() -> None:
    assert read(prescription({"text": "prednisone 5 mg tablet"}, authoredOn="2019-01-01")).issues == ()
    assert codes(read(prescription({"text": "prednisone 5 mg tablet"}, authoredOn=None)).issues) == [
        "medication-by-name-only"
    ]


def test_a_premedication_that_names_infliximab_is_not_taken_for_a_steroid() -> None:
    assert codes(read(prescription({"text": "hydrocortisone before infliximab"})).issues) == ["infusion-inferred"]


@pytest.mark.parametrize(
    ("status", "counted", "issues"),
    [
        ("completed", 1, []),
        ("in-progress", 1, []),
        ("stopped", 1, []),
        ("not-done", 0, []),
        ("entered-in-error", 0, []),
        ("on-hold", 0, ["status-unknown"]),
        (None, 0, ["status-unknown"]),
    ],
)
def test_the_status_decides_whether_a_drug_was_given(status: str | None, counted: int, issues: list[str]) -> None:
    record = read(infusion(medicationCodeableConcept=coded(RXNORM, "8640"), dosage=ORAL, status=status))
    assert len(record.medications) == counted
    assert codes(record.issues) == issues


@pytest.mark.parametrize(
    ("more", "counted", "issues"),
    [
        ({}, 1, []),
        ({"status": "stopped"}, 1, []),
        ({"status": "completed"}, 1, []),
        ({"status": "on-hold"}, 1, []),
        ({"status": "unknown"}, 1, ["status-unknown"]),
        ({"status": "draft"}, 0, []),
        ({"status": "cancelled"}, 0, []),
        ({"status": "entered-in-error"}, 0, []),
        ({"intent": "proposal"}, 0, []),
        ({"intent": "plan"}, 0, []),
        ({"doNotPerform": True}, 0, []),
        ({"doNotPerform": "yes"}, 0, ["resource-unreadable"]),
        ({"authoredOn": "2026-11-24"}, 0, ["in-the-future"]),
        ({"authoredOn": None}, 1, []),
        ({"authoredOn": "2009-01-01"}, 1, []),  # prescriptions have no look-back
    ],
)
def test_an_order_counts_when_it_was_an_order(more: dict[str, Any], counted: int, issues: list[str]) -> None:
    record = read(prescription(coded(RXNORM, "1256"), **more))
    assert len(record.medications) == counted
    assert codes(record.issues) == issues


def test_the_period_of_the_timing_goes_before_the_day_of_writing() -> None:
    repeat = {"boundsPeriod": {"start": "2026-07-01", "end": "2026-08-15"}}
    record = read(prescription(coded(RXNORM, "8640"), dosageInstruction=[ORAL | {"timing": {"repeat": repeat}}]))
    assert [(one.start, one.end) for one in record.medications] == [
        (
            Moment(datetime(2026, 7, 1, tzinfo=UTC), day_only=True),
            Moment(datetime(2026, 8, 15, tzinfo=UTC), day_only=True),
        )
    ]


def test_a_drug_given_without_a_date_counts_and_says_so() -> None:
    record = read(infusion(medicationCodeableConcept=coded(RXNORM, "8640"), dosage=ORAL, effectivePeriod=None))
    assert [one.start for one in record.medications] == [None]
    assert codes(record.issues) == ["medication-without-date"]


@pytest.mark.parametrize(("start", "issues"), [("2020-01-01", []), ("2026-12-01", ["in-the-future"])])
def test_drugs_given_outside_the_window_are_left_out(start: str, issues: list[str]) -> None:
    given = infusion(medicationCodeableConcept=coded(RXNORM, "8640"), dosage=ORAL, effectivePeriod={"start": start})
    record = read(given)
    assert record.medications == ()
    assert codes(record.issues) == issues


def test_a_steroid_that_mentions_infliximab_is_a_steroid() -> None:
    premedication = coded(RXNORM, "5492", text="hydrocortisone before infliximab")
    record = read(infusion(medicationCodeableConcept=premedication))
    assert [one.concept for one in record.medications] == ["systemic_steroid"]
    assert record.issues == ()


def test_a_prescription_whose_drug_was_not_found_says_so() -> None:
    record = read(prescription({}, medicationReference={"reference": "Medication/lost"}))
    assert codes(record.issues) == ["medication-unresolved"]


def test_a_prescription_of_infliximab_proves_no_infusion() -> None:
    record = read(prescription(coded(RXNORM, "191831")))
    assert (record.infusions, record.medications) == ((), ())
