"""A synthetic child as FHIR R4 resources, in the shapes in which EHRs keep them.

Question: what would the FHIR server of a hospital hold for this child at that moment?
Source: HL7 FHIR R4 (4.0.1). Every time is counted back from `as_of`; the clock is not read.
"""

from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import Any

from cds_service.patients import infusions
from cds_service.patients.codings import (
    ICD_10_CM,
    LOINC,
    SNOMED,
    TERMINOLOGY,
    codings,
    concept,
    drug_concept,
    quantity,
)
from cds_service.patients.codings import route_concept as route
from cds_service.patients.patient import (
    OtherDrug,
    PastProcedure,
    PastReaction,
    Problem,
    Result,
    SyntheticPatient,
    TestOrdered,
)
from cds_service.patients.phrases import Amount, Span
from cds_service.patients.times import instant

Resource = dict[str, Any]

SYNTHETIC = {"tag": [{"system": f"{TERMINOLOGY}/v3-ActReason", "code": "HTEST", "display": "test health data"}]}
_TODAY = Span(0, infusions.HOUR)


def resources(patient: SyntheticPatient, as_of: datetime) -> list[Resource]:
    """One child's chart at `as_of` (aware instant); every id starts with the child's name."""
    subject = {"reference": f"Patient/{patient.id}"}
    return [
        _patient(patient, as_of),
        *_observations(patient, as_of),
        *infusions.administrations(patient, as_of),
        *(_condition(f"{patient.id}-problem-{n}", subject, p, as_of) for n, p in enumerate(patient.history.problems)),
        *(
            _procedure(f"{patient.id}-procedure-{n}", subject, p, as_of)
            for n, p in enumerate(patient.history.procedures)
        ),
        *(_prescription(f"{patient.id}-drug-{n}", subject, d, as_of) for n, d in enumerate(patient.history.drugs)),
        *(_reaction(f"{patient.id}-reaction-{n}", subject, r, as_of) for n, r in enumerate(patient.history.reactions)),
        *(_test(f"{patient.id}-test-{n}", subject, t, as_of) for n, t in enumerate(patient.history.tests_ordered)),
    ]


def _patient(patient: SyntheticPatient, as_of: datetime) -> Resource:
    told = f"Synthetic child, invented for this software: {patient.title}"
    return {
        "resourceType": "Patient",
        "id": patient.id,
        "meta": SYNTHETIC,
        "text": {
            "status": "additional",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(told, quote=False)}</div>',
        },
        "name": [{"family": "Synthetic", "given": [patient.name]}],
        "gender": patient.child.sex,
        "birthDate": patient.child.age.date_before(as_of).isoformat(),
    }


def _observations(patient: SyntheticPatient, as_of: datetime) -> Iterator[Resource]:
    weighed = Result(Amount(patient.child.weight_kg, None, "kg"), _TODAY)
    for concept_name, results in {"weight": (weighed,), **patient.results}.items():
        for n, result in enumerate(results):
            yield _observation(patient.id, concept_name, n, result, as_of)


def _observation(name: str, concept_name: str, n: int, result: Result, as_of: datetime) -> Resource:
    row = codings().results[concept_name]
    loinc = (result.loinc or row.loinc) if result.coded else None
    made: Resource = {
        "resourceType": "Observation",
        "id": f"{name}-{concept_name.replace('_', '-')}-{n}",
        "status": result.status,
        "code": concept(row.text, LOINC, loinc),
        "subject": {"reference": f"Patient/{name}"},
    }
    if row.category is not None:
        made["category"] = [concept(row.category, f"{TERMINOLOGY}/observation-category", row.category)]
    if result.before is not None:
        made["effectiveDateTime"] = instant(result.before.before(as_of), day_only=result.day_only)
    if result.method is not None:
        made["method"] = {"text": result.method}
    if result.interpretation is not None:
        coding = concept(result.interpretation, f"{TERMINOLOGY}/v3-ObservationInterpretation", result.interpretation)
        made["interpretation"] = [coding]
    if result.sign is not None:
        sign = codings().signs[result.sign]
        made["valueCodeableConcept"] = concept(sign.text, SNOMED, sign.snomed)
    return made | _value(result.value, row.normal_up_to)


def _value(amount: Amount | None, normal_up_to: float | None) -> Resource:
    if amount is None:
        return {}
    if amount.unit is None and isinstance(amount.value, int):
        return {"valueInteger": amount.value}
    sent: Resource = {"valueQuantity": quantity(amount.value, amount.unit, amount.comparator)}
    if normal_up_to is not None:
        sent["referenceRange"] = [{"high": quantity(normal_up_to, amount.unit)}]
    return sent


def _condition(identity: str, subject: Resource, problem: Problem, as_of: datetime) -> Resource:
    made: Resource = {
        "resourceType": "Condition",
        "id": identity,
        "clinicalStatus": concept(problem.status, f"{TERMINOLOGY}/condition-clinical", problem.status),
        "verificationStatus": concept("confirmed", f"{TERMINOLOGY}/condition-ver-status", "confirmed"),
        "category": [concept("problem-list-item", f"{TERMINOLOGY}/condition-category", "problem-list-item")],
        "code": concept(problem.text, ICD_10_CM, problem.code),
        "subject": subject,
    }
    if problem.recorded is not None:
        made["recordedDate"] = instant(problem.recorded.before(as_of))
    return made


def _procedure(identity: str, subject: Resource, done: PastProcedure, as_of: datetime) -> Resource:
    return {
        "resourceType": "Procedure",
        "id": identity,
        "status": "completed",
        "code": concept(codings().procedures[done.procedure]),
        "subject": subject,
        "performedDateTime": instant(done.before.before(as_of)),
    }


def _prescription(identity: str, subject: Resource, drug: OtherDrug, as_of: datetime) -> Resource:
    start = instant(drug.since.before(as_of))
    bounds = {"start": start, "end": instant(drug.until.before(as_of))} if drug.until else {"start": start}
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": "completed" if drug.until else "active",
        "intent": "order",
        "medicationCodeableConcept": drug_concept(drug.drug),
        "subject": subject,
        "authoredOn": start,
        "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": bounds}}, "route": route(drug.drug)}],
    }


def _reaction(identity: str, subject: Resource, reaction: PastReaction, as_of: datetime) -> Resource:
    severity = "severe" if reaction.severe else "mild"
    made: Resource = {
        "resourceType": "AllergyIntolerance",
        "id": identity,
        "clinicalStatus": concept("active", f"{TERMINOLOGY}/allergyintolerance-clinical", "active"),
        "verificationStatus": concept("confirmed", f"{TERMINOLOGY}/allergyintolerance-verification", "confirmed"),
        "criticality": "high" if reaction.severe else "low",
        "code": drug_concept("infliximab"),
        "patient": subject,
        "reaction": [{"manifestation": [{"text": reaction.reaction}], "severity": severity}],
    }
    if reaction.recorded is not None:
        made["recordedDate"] = instant(reaction.recorded.before(as_of))
    return made


def _test(identity: str, subject: Resource, test: TestOrdered, as_of: datetime) -> Resource:
    row = codings().results[test.test]
    return {
        "resourceType": "ServiceRequest",
        "id": identity,
        "status": "active",
        "intent": "order",
        "code": concept(row.text, LOINC, row.loinc),
        "subject": subject,
        "authoredOn": instant(test.before.before(as_of)),
    }
