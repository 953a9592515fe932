"""Dispenses and filled-in forms: searched for, and an EHR that does not serve them costs a note and no more."""

from typing import Any

import pytest

from cds_service.clinical.record import IssueLevel, SourceState
from fhir_mappings.read import read_record
from tests.fhir_mappings.charts import AS_OF, SINCE

KINDS = {"dispenses": "MedicationDispense", "forms": "QuestionnaireResponse"}
PEN = {
    "resourceType": "MedicationDispense",
    "id": "pen",
    "status": "completed",
    "subject": {"reference": "Patient/p1"},
    "whenHandedOver": "2026-11-01",
    "medicationCodeableConcept": {"text": "Zymfentra 120 mg/mL"},
}
FORM = {
    "resourceType": "QuestionnaireResponse",
    "id": "form",
    "status": "completed",
    "subject": {"reference": "Patient/p1"},
    "authored": "2026-11-20T09:00:00Z",
    "item": [{"linkId": "1", "text": "PCDAI total", "answer": [{"valueInteger": 20}]}],
}


def record(chart: Any) -> Any:
    return read_record(chart, since=SINCE, until=AS_OF)


def test_a_dispense_is_inferred_and_a_form_is_read_for_its_score(ehr: Any, read_chart: Any) -> None:
    ehr.holds(PEN, FORM)
    found = record(read_chart(None, ehr))
    assert found.infusions == ()
    assert [(i.code, i.evidence) for i in found.issues if i.about == "infusion"] == [
        ("infusion-inferred", "MedicationDispense/pen")
    ]
    assert [(one.concept, one.evidence) for one in found.measurements] == [
        ("pcdai", "QuestionnaireResponse/form#item-1")
    ]


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("name", KINDS)
def test_a_server_without_them_costs_a_note(ehr: Any, read_chart: Any, synthetic: Any, name: str, status: int) -> None:
    ehr.quirks[KINDS[name]] = lambda _: synthetic.answer(synthetic.outcome("error", "not-supported"), status)
    found = record(read_chart(None, ehr))
    assert found.source(name) is SourceState.UNREADABLE
    assert [(i.code, i.level) for i in found.issues] == [(f"{name}-unreadable", IssueLevel.NOTE)]


def test_without_a_server_the_note_is_the_same(full_prefetch: Any, read_chart: Any) -> None:
    for name in KINDS:
        del full_prefetch[name]
    found = record(read_chart(full_prefetch))
    assert [(i.code, i.level) for i in found.issues] == [(f"{name}-unreadable", IssueLevel.NOTE) for name in KINDS]
