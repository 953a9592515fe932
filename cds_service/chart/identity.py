"""One patient: whatever names another child stops everything, whatever names none is not used.

Question: is all of this about the child in the hook's context?
Source: hazard "patient mix-up"; CVE-2026-24487 (a patient-scoped token returned other patients' rows).
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any

from cds_service.clinical.record import DataIssue, IssueLevel
from cds_service.errors import ForeignPatient
from fhir_mappings.chart import ChartPart, RawChart, Resource
from fhir_mappings.identity import subjects

_PATIENT = re.compile(r"(?:https?://[^\s#?]+/)?Patient/([^/\s#?]+)(?:/_history/[^/\s#?]+)?")


class Belonging(Enum):
    """Whose a resource is."""

    THIS_PATIENT = "this patient"
    ANOTHER_PATIENT = "another patient"
    UNVERIFIABLE = "unverifiable"  # no reference, or one to a contained, urn: or identifier-only patient


def patients_of(resource: Resource) -> list[str | None]:
    """The id of each patient that a resource names; None for a reference that gives no id."""
    matches = [_PATIENT.fullmatch(reference) for reference in subjects(resource)]
    return [match[1] if match else None for match in matches]


def classify_belonging(resource: Resource, patient_id: str) -> Belonging:
    """Whose the resource is, by every patient reference it carries; the base of an absolute URL is not compared."""
    if resource.get("resourceType") == "Patient":
        return Belonging.THIS_PATIENT if resource.get("id") == patient_id else Belonging.ANOTHER_PATIENT
    owners = set(patients_of(resource))
    if owners == {patient_id}:
        return Belonging.THIS_PATIENT
    return Belonging.ANOTHER_PATIENT if owners - {patient_id, None} else Belonging.UNVERIFIABLE


def check_one_patient(chart: RawChart) -> RawChart:
    """The chart without what names no patient, which becomes a limiting issue per part.

    Raises ForeignPatient if anything names another patient, or if the record was merged into another.
    """
    patient = chart.part("patient").resources
    if any(_replaced(resource) for resource in patient):
        raise ForeignPatient("patient: this record was replaced by another one, nothing was used")
    parts = {name: _check_part(name, part, chart.patient_id) for name, part in chart.parts.items()}
    referenced = {name: r for name, r in chart.referenced.items() if _may_be_used(r, chart.patient_id)}
    return RawChart(chart.patient_id, parts, referenced)


def check_drafts(drafts: Iterable[Resource], patient_id: str) -> dict[int, DataIssue]:
    """What has to be said about drafts that name no patient, by their position.

    Such a draft is used: it came inside this patient's own hook context. Raises ForeignPatient for any that names
    another patient.
    """
    issues = {}
    for index, draft in enumerate(drafts):
        belonging = _whose_draft(draft, patient_id)
        if belonging is Belonging.ANOTHER_PATIENT:
            raise ForeignPatient(f"context.draftOrders: a {_type(draft)} is for another patient, nothing was used")
        if belonging is Belonging.UNVERIFIABLE:
            message = "The order names no patient that could be checked; it came with this patient's own order entry."
            issues[index] = DataIssue("order-without-patient", "order", IssueLevel.NOTE, message)
    return issues


def _whose_draft(draft: Resource, patient_id: str) -> Belonging:
    return Belonging.THIS_PATIENT if _type(draft) == "Medication" else classify_belonging(draft, patient_id)


def _check_part(name: str, part: ChartPart, patient_id: str) -> ChartPart:
    belongings = [classify_belonging(resource, patient_id) for resource in part.resources]
    if Belonging.ANOTHER_PATIENT in belongings:
        foreign = part.resources[belongings.index(Belonging.ANOTHER_PATIENT)]
        raise ForeignPatient(f"{name}: a {_type(foreign)} belongs to another patient, nothing was used")
    lost = belongings.count(Belonging.UNVERIFIABLE)
    if not lost:
        return part
    kept = tuple(r for r, b in zip(part.resources, belongings, strict=True) if b is Belonging.THIS_PATIENT)
    message = f"{lost} of the entries under {name} name no patient that could be checked and were not used."
    issue = DataIssue("patient-not-verifiable", name, IssueLevel.LIMITING, message)
    return ChartPart(kept, part.state, (*part.issues, issue))


def _may_be_used(referenced: Resource, patient_id: str) -> bool:
    """A Medication is nobody's; a Specimen that names no patient is left out, and the time of its result counts."""
    if _type(referenced) == "Medication":
        return True
    belonging = classify_belonging(referenced, patient_id)
    if belonging is Belonging.ANOTHER_PATIENT:
        raise ForeignPatient(f"laboratory: a {_type(referenced)} belongs to another patient, nothing was used")
    return belonging is Belonging.THIS_PATIENT


def _replaced(patient: Resource) -> bool:
    links: Any = patient.get("link")
    rows = links if isinstance(links, list) else []
    return any(isinstance(row, dict) and row.get("type") == "replaced-by" for row in rows)


def _type(resource: Resource) -> str:
    found = resource.get("resourceType")
    return found if isinstance(found, str) and found.isalpha() and len(found) < 60 else "resource"
