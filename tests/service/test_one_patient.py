"""One patient: a foreign resource stops everything, one that names nobody is not used."""

from typing import Any

import pytest

from cds_service.chart.identity import Belonging, check_drafts, classify_belonging
from cds_service.clinical.record import IssueLevel
from cds_service.errors import ForeignPatient


@pytest.mark.parametrize(
    ("reference", "belonging"),
    [
        ("Patient/p1", Belonging.THIS_PATIENT),
        ("Patient/p1/_history/2", Belonging.THIS_PATIENT),
        ("https://fhir.example/r4/Patient/p1", Belonging.THIS_PATIENT),
        ("http://127.0.0.1:8080/fhir/Patient/p1/_history/7", Belonging.THIS_PATIENT),
        ("Patient/p2", Belonging.ANOTHER_PATIENT),
        ("Patient/P1", Belonging.ANOTHER_PATIENT),
        ("Patient/p1x", Belonging.ANOTHER_PATIENT),
        ("https://fhir.example/r4/Patient/p2/_history/1", Belonging.ANOTHER_PATIENT),
        ("urn:uuid:6a3a1c1e-0000-4000-8000-000000000000", Belonging.UNVERIFIABLE),
        ("#p1", Belonging.UNVERIFIABLE),
        ("Group/p1", Belonging.UNVERIFIABLE),
        ("p1", Belonging.UNVERIFIABLE),
        ("Patient?identifier=1", Belonging.UNVERIFIABLE),
    ],
)
def test_a_reference_says_whose_a_resource_is(reference: str, belonging: Belonging, synthetic: Any) -> None:
    assert classify_belonging(synthetic.observation(1, reference), "p1") is belonging


def test_one_foreign_reference_among_several_is_foreign() -> None:
    resource = {"resourceType": "Task", "for": {"reference": "Patient/p1"}, "subject": {"reference": "Patient/p2"}}
    assert classify_belonging(resource, "p1") is Belonging.ANOTHER_PATIENT


@pytest.mark.parametrize("subject", [None, {}, {"identifier": {"value": "1"}}, {"reference": 7}, "x", []])
def test_a_resource_that_names_nobody_is_not_used(
    subject: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    nobody = synthetic.observation(2, subject=subject)
    full_prefetch["laboratory"] = synthetic.searchset(synthetic.observation(1), nobody)
    part = read_chart(full_prefetch).part("laboratory")
    assert [r["id"] for r in part.resources] == ["level-1"]
    assert [(i.code, i.level) for i in part.issues] == [("patient-not-verifiable", IssueLevel.LIMITING)]


FOREIGN = {
    "patient": {"resourceType": "Patient", "id": "p2"},
    "laboratory": {"resourceType": "Observation", "subject": {"reference": "Patient/p2"}},
    "weight": {"resourceType": "Observation", "subject": {"reference": "Patient/p2"}},
    "scores": {"resourceType": "Observation", "subject": {"reference": "Patient/p2"}},
    "infusions": {"resourceType": "MedicationAdministration", "subject": {"reference": "Patient/p2"}},
    "prescriptions": {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/p2"}},
    "conditions": {"resourceType": "Condition", "subject": {"reference": "Patient/p2"}},
    "allergies": {"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/p2"}},
    "test_orders": {"resourceType": "ServiceRequest", "subject": {"reference": "Patient/p2"}},
}


@pytest.mark.parametrize("part", FOREIGN)
def test_a_foreign_resource_in_the_prefetch_stops_everything(
    part: str, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    foreign = FOREIGN[part]
    full_prefetch[part] = foreign if part == "patient" else synthetic.searchset(foreign)
    with pytest.raises(ForeignPatient, match="another patient") as stopped:
        read_chart(full_prefetch)
    assert stopped.value.status == 412
    assert "p2" not in str(stopped.value)


def test_a_foreign_resource_on_page_two_stops_everything(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.page_size = 1
    ehr.holds(synthetic.observation(1), synthetic.observation(2, "Patient/p2"))
    with pytest.raises(ForeignPatient):
        read_chart(None, ehr)


def test_a_record_that_was_merged_into_another_stops_everything(full_prefetch: Any, read_chart: Any) -> None:
    full_prefetch["patient"]["link"] = [{"other": {"reference": "Patient/p9"}, "type": "replaced-by"}]
    with pytest.raises(ForeignPatient, match="replaced"):
        read_chart(full_prefetch)


def test_a_foreign_draft_stops_everything_whatever_it_orders() -> None:
    drafts = [
        {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/p1"}},
        {"resourceType": "NutritionOrder", "patient": {"reference": "Patient/p2"}},
    ]
    with pytest.raises(ForeignPatient, match="NutritionOrder"):
        check_drafts(drafts, "p1")


def test_a_draft_that_names_nobody_is_used_with_a_note() -> None:
    drafts = [
        {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/p1"}},
        {"resourceType": "MedicationRequest"},
        {"resourceType": "Medication", "id": "m"},
    ]
    assert {n: issue.level for n, issue in check_drafts(drafts, "p1").items()} == {1: IssueLevel.NOTE}
