"""Diagnoses and open test orders (synthetic children)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.clinical.record import ConditionState, Moment
from tests.fhir_mappings.charts import ICD, LOINC, SNOMED, coded, codes, condition, read

FISTULA = {"perianal_fistula", "perianal_disease"}
OID = "urn:oid:2.16.840.1.113883.6.90"


@pytest.mark.parametrize(
    ("system", "code", "concepts"),
    [
        (ICD, "K50.90", {"crohns"}),
        (ICD, "K50113", {"crohns"}),
        (ICD, "k50.90", {"crohns"}),
        (OID, "K50.90", {"crohns"}),
        (SNOMED, "34000006", {"crohns"}),
        (SNOMED, "721702009", {"crohns", "perianal_disease"}),
        (ICD, "K50.014", {"crohns", "stop.abscess"}),
        (ICD, "K50.112", {"crohns", "stricture"}),
        (ICD, "K51.90", {"ulcerative_colitis", "other_indication.ulcerative_colitis"}),
        (ICD, "K52.3", {"ibd_unclassified"}),
        (ICD, "K60.3", FISTULA),
        (ICD, "K60.322", FISTULA),  # since October 2024 with six characters
        (ICD, "K60.5", FISTULA),
        (ICD, "K61.0", {"perianal_disease", "stop.abscess"}),
        (ICD, "M08.00", {"other_indication.juvenile_arthritis"}),
        (ICD, "L40.0", {"other_indication.psoriasis"}),
        (ICD, "A41.9", {"stop.sepsis"}),
        (ICD, "A15.0", {"stop.active_tuberculosis"}),
        (ICD, "A19.9", {"stop.active_tuberculosis"}),
        (ICD, "R76.11", {"stop.latent_tuberculosis"}),
        (ICD, "B18.1", {"stop.hepatitis_b"}),
        (ICD, "A04.72", {"stop.c_difficile"}),
        (ICD, "B39.4", {"stop.invasive_fungal"}),
        (ICD, "B02.7", {"stop.varicella_zoster"}),
        (ICD, "C81.90", {"stop.malignancy"}),
        (ICD, "C7A.00", {"stop.malignancy"}),
        (ICD, "G35", {"stop.demyelination"}),
        (ICD, "I50.9", {"stop.heart_failure"}),
        (ICD, "T88.6XXA", {"stop.severe_infusion_reaction"}),
        (ICD, "O09.90", {"pregnancy"}),
        (ICD, "K56.699", {"stricture"}),
    ],
)
def test_codes_are_matched_by_prefix_with_or_without_dot(system: str, code: str, concepts: set[str]) -> None:
    record = read(condition(coded(system, code)))
    assert [(set(one.concepts), one.code) for one in record.diagnoses] == [(concepts, code)]
    assert record.issues == ()


@pytest.mark.parametrize("code", ["K62.5", "K60.0", "A20.0", "C97", "K5", "J06.9", "B02.9", ""])
def test_conditions_that_no_row_knows_leave_no_trace(code: str) -> None:
    record = read(condition(coded(ICD, code)))
    assert (record.diagnoses, record.issues) == ((), ())


def test_the_same_digits_in_another_system_mean_nothing() -> None:
    assert read(condition(coded("urn:local", "K50.90"))).diagnoses == ()


def test_a_code_without_a_system_counts_with_a_note() -> None:
    record = read(condition({"coding": [{"code": "K50.90"}]}))
    assert [set(one.concepts) for one in record.diagnoses] == [{"crohns"}]
    assert codes(record.issues) == ["code-without-system"]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("active", ConditionState.ACTIVE),
        ("recurrence", ConditionState.RECURRENT),
        ("relapse", ConditionState.RECURRENT),
        ("remission", ConditionState.REMISSION),
        ("inactive", ConditionState.INACTIVE),
        ("resolved", ConditionState.INACTIVE),
        ("odd", ConditionState.UNKNOWN),
        (None, ConditionState.UNKNOWN),
    ],
)
def test_the_clinical_status_says_whether_it_counts_now(status: str | None, state: ConditionState) -> None:
    sent = {"coding": [{}, {"code": status}]} if status else None
    record = read(condition(coded(ICD, "K50.90"), clinicalStatus=sent))
    assert [one.state for one in record.diagnoses] == [state]


@pytest.mark.parametrize(
    ("certainty", "counted", "issues"),
    [
        ("confirmed", 1, []),
        ("refuted", 0, []),
        ("entered-in-error", 0, []),
        ("provisional", 0, ["diagnosis-suspected"]),
        ("differential", 0, ["diagnosis-suspected"]),
        ("unconfirmed", 0, ["diagnosis-suspected"]),
    ],
)
def test_only_what_is_not_doubted_counts(certainty: str, counted: int, issues: list[str]) -> None:
    record = read(condition(coded(ICD, "K50.90"), verificationStatus={"coding": [{"code": certainty}]}))
    assert (len(record.diagnoses), len(record.suspected)) == (counted, len(issues))
    assert codes(record.issues) == issues


def test_onset_and_recording_are_kept_apart() -> None:
    record = read(condition(coded(ICD, "K50.90", "Crohn's"), onsetDateTime="2019-03-04", recordedDate="2019-05"))
    assert [(one.onset, one.recorded, one.display) for one in record.diagnoses] == [
        (Moment(datetime(2019, 3, 4, tzinfo=UTC), day_only=True), None, "Crohn's")
    ]


def test_a_diagnosis_of_tomorrow_is_not_used() -> None:
    record = read(condition(coded(ICD, "K50.90"), recordedDate="2026-11-24"))
    assert record.diagnoses == ()
    assert codes(record.issues) == ["in-the-future"]


@pytest.mark.parametrize("text", ["Crohn's disease", "Crohn disease of ileum", "known crohns"])
def test_crohns_in_words_only_is_a_note(text: str) -> None:
    record = read(condition({"text": text}))
    assert record.diagnoses == ()
    assert codes(record.issues) == ["diagnosis-text-only"]


def request(code: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "id": "test-1", "status": "active", "code": code} | more


@pytest.mark.parametrize(
    ("code", "more", "ordered"),
    [
        (coded(LOINC, "39803-2"), {}, True),
        ({"text": "Infliximab level"}, {}, True),
        ({"text": "Infliximab antibodies"}, {}, True),
        (coded(LOINC, "39803-2", text="Infliximab Ab"), {}, True),
        ({"text": "Infliximab"}, {"category": [coded(SNOMED, "108252007")]}, True),
        ({"text": "Infliximab"}, {"category": coded(SNOMED, "108252007")}, True),
        ({"text": "Infliximab"}, {}, False),  # may be the infusion
        (coded(LOINC, "1988-5"), {}, False),
        ({"text": "MRI pelvis"}, {}, False),
        (coded(LOINC, "39803-2"), {"status": "completed"}, False),
        (coded(LOINC, "39803-2"), {"doNotPerform": True}, False),
        (coded(LOINC, "39803-2"), {"authoredOn": "2026-11-20"}, True),
        (coded(LOINC, "39803-2"), {"authoredOn": "2019-11-20"}, False),  # forgotten long ago
    ],
)
def test_an_open_order_for_a_level_is_known(code: dict[str, Any], more: dict[str, Any], ordered: bool) -> None:
    known = [order.evidence for order in read(request(code, **more)).level_ordered]
    assert known == (["ServiceRequest/test-1"] if ordered else [])


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        ("Infliximab antibodies", True),
        ("Anti-infliximab antibody", True),
        ("Infliximab level", False),
        ("Infliximab level and antibodies", False),
        ("Infliximab, quantitative, with reflex to antibodies to infliximab", False),
        ("Infliximab Ab panel", False),
    ],
)
def test_an_order_for_the_antibody_alone_is_no_order_for_a_level(name: str, alone: bool) -> None:
    [ordered] = read(request({"text": name})).level_ordered
    assert ordered.antibody is alone
