"""Small synthetic FHIR resources, authored for these tests: no real child stands behind any of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cds_service.clinical.record import DataIssue, TreatmentRecord
from fhir_mappings.chart import ChartPart, RawChart
from fhir_mappings.read import read_record

Resource = dict[str, Any]

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)
SINCE = AS_OF - timedelta(days=1095)
MORNING = "2026-11-22T08:00:00+00:00"
LOINC, SNOMED, ICD = "http://loinc.org", "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM, ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"
NDC, UCUM = "http://hl7.org/fhir/sid/ndc", "http://unitsofmeasure.org"

BOY: Resource = {"resourceType": "Patient", "id": "synthetic-boy", "birthDate": "2014-07-01"}


def coded(system: str, code: str, display: str | None = None, text: str | None = None) -> Resource:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


def quantity(value: float, unit: str, **more: Any) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit} | more


def observation(code: Resource, value: Resource | None = None, /, **more: Any) -> Resource:
    resource: Resource = {
        "resourceType": "Observation",
        "id": "result-1",
        "status": "final",
        "code": code,
        "effectiveDateTime": MORNING,
    }
    return resource | (value or {}) | more


def level(value: Resource | None = None, **more: Any) -> Resource:
    given = {"valueQuantity": quantity(1.7, "ug/mL")} if value is None else value
    return observation(coded(LOINC, "39803-2"), given, **({"id": "level-1"} | more))


def antibody(value: Resource | None = None, **more: Any) -> Resource:
    given = {"valueQuantity": quantity(20, "U/mL")} if value is None else value
    return observation({"text": "Infliximab antibodies"}, given, **({"id": "antibody-1"} | more))


def infusion(**more: Any) -> Resource:
    resource: Resource = {
        "resourceType": "MedicationAdministration",
        "id": "infusion-1",
        "status": "completed",
        "medicationCodeableConcept": coded(RXNORM, "191831", "infliximab"),
        "effectivePeriod": {"start": "2026-09-27T10:00:00Z", "end": "2026-09-27T12:00:00Z"},
        "dosage": {"dose": quantity(200, "mg"), "route": {"text": "Intravenous"}},
    }
    return resource | more


def condition(code: Resource, **more: Any) -> Resource:
    resource: Resource = {
        "resourceType": "Condition",
        "id": "condition-1",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": code,
    }
    return resource | more


def allergy(**more: Any) -> Resource:
    return {"resourceType": "AllergyIntolerance", "id": "allergy-1", "code": coded(RXNORM, "191831")} | more


def prescription(code: Resource, **more: Any) -> Resource:
    resource: Resource = {
        "resourceType": "MedicationRequest",
        "id": "prescription-1",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-08-01",
        "medicationCodeableConcept": code,
    }
    return resource | more


def read(*resources: Any, referenced: Mapping[str, Resource] | None = None, **options: Any) -> TreatmentRecord:
    chart = RawChart(BOY["id"], {"everything": ChartPart((BOY, *resources))}, referenced or {})
    return read_record(chart, **({"since": SINCE, "until": AS_OF} | options))


def codes(issues: Sequence[DataIssue]) -> list[str]:
    return [issue.code for issue in issues]


def without(resource: Resource, *members: str) -> Resource:
    return {member: value for member, value in resource.items() if member not in members}
