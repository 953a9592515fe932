"""The Patient resource to the child: the birth date to the day, or an issue. Source: FHIR R4 Patient."""

from collections.abc import Iterable
from datetime import date

from cds_service.clinical.record import DataIssue, IssueLevel, Patient
from fhir_mappings.chart import Resource
from fhir_mappings.doubts import Doubt, issue, quote
from fhir_mappings.identity import evidence
from fhir_mappings.scope import DAY
from fhir_mappings.shape import Misshapen, text

ABOUT = "patient"


def read_patient(resources: Iterable[Resource], patient_id: str) -> tuple[Patient, list[DataIssue]]:
    """The child of that id; without a readable Patient resource only the id is known."""
    own = next((found for found in resources if found.get("id") == patient_id), None)
    if own is None:
        says = "could not be read: neither age nor birth date is known"
        return Patient(patient_id), [issue(Doubt("patient-missing", says), ABOUT, "The patient")]
    try:
        born = text(own, "birthDate")
    except Misshapen as problem:
        doubt = Doubt("birth-date-unknown", f"could not be read: {problem}")
        return Patient(patient_id), [issue(doubt, ABOUT, "The birth date", evidence(own))]
    issues = []
    day = _day(born)
    if day is None:
        says = "is not known" if born is None else f"is not known to the day ({quote(born)})"
        issues.append(issue(Doubt("birth-date-unknown", says), ABOUT, "The birth date", evidence(own)))
    if own.get("deceasedBoolean") is True or own.get("deceasedDateTime"):
        doubt = Doubt("patient-deceased", "is recorded as deceased", IssueLevel.NOTE)
        issues.append(issue(doubt, ABOUT, "The patient", evidence(own)))
    return Patient(patient_id, day), issues


def _day(written: str | None) -> date | None:
    try:
        return date.fromisoformat(written) if written is not None and DAY.fullmatch(written) else None
    except ValueError:
        return None
