"""The infusions of a synthetic child, charted in the five shapes that EHRs use, with the weight of each day.

Source: shapes seen in Epic (bag with ingredients by reference, dose in mL), Oracle Health (contained
Medication) and the HL7 R4 examples (effectivePeriod, plain dose in mg).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from cds_service.patients.codings import (
    LOINC,
    TERMINOLOGY,
    codings,
    concept,
    drug_concept,
    quantity,
    route_concept,
)
from cds_service.patients.patient import SyntheticPatient
from cds_service.patients.times import instant

Resource = dict[str, Any]
Dose = float | Literal["not charted"]

HOUR = timedelta(hours=1)
_INFUSED_FOR = timedelta(hours=2)
_BAG_ML = 250


def administrations(patient: SyntheticPatient, as_of: datetime) -> Iterator[Resource]:
    """MedicationAdministration per infusion, the weight of that day, and the Medications they refer to."""
    for n, (weeks, dose, kg) in enumerate(patient.infliximab.infusions):
        start = as_of - timedelta(weeks=weeks)
        yield _weight(f"{patient.id}-weight-infusion-{n}", patient.id, kg, start)
        yield _administration(patient, n, start, dose)
    yield from _medications(patient)


def _weight(identity: str, name: str, kg: float, at: datetime) -> Resource:
    row = codings().results["weight"]
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "category": [concept("vital-signs", f"{TERMINOLOGY}/observation-category", "vital-signs")],
        "code": concept(row.text, LOINC, row.loinc),
        "subject": {"reference": f"Patient/{name}"},
        "effectiveDateTime": instant(at),
        "valueQuantity": quantity(kg, "kg"),
    }


def _administration(patient: SyntheticPatient, n: int, start: datetime, dose: Dose) -> Resource:
    shape = patient.infliximab.charted_as
    made: Resource = {
        "resourceType": "MedicationAdministration",
        "id": f"{patient.id}-infusion-{n}",
        "status": "completed",
        "subject": {"reference": f"Patient/{patient.id}"},
        **_drug(patient, dose),
    }
    if shape in ("instant", "bag"):
        made["effectiveDateTime"] = instant(start)
    else:
        made["effectivePeriod"] = {"start": instant(start), "end": instant(start + _INFUSED_FOR)}
    made["dosage"] = {"route": route_concept(patient.infliximab.drug)}
    if dose != "not charted":
        made["dosage"]["dose"] = quantity(_BAG_ML, "mL") if shape == "bag" else quantity(dose, "mg")
    return made


def _drug(patient: SyntheticPatient, dose: Dose) -> Resource:
    """The drug as this shape names it: a code, a contained Medication, or a reference to another resource."""
    drug, name = patient.infliximab.drug, patient.id
    match patient.infliximab.charted_as:
        case "contained":
            held = {"resourceType": "Medication", "id": "drug", "code": drug_concept(drug)}
            return {"contained": [held], "medicationReference": {"reference": "#drug"}}
        case "reference":
            return {"medicationReference": {"reference": f"Medication/{name}-drug"}}
        case "bag":
            return {"medicationReference": {"reference": f"Medication/{name}-bag-{_written(dose)}"}}
        case _:
            return {"medicationCodeableConcept": drug_concept(drug)}


def _medications(patient: SyntheticPatient) -> Iterator[Resource]:
    shape, name = patient.infliximab.charted_as, patient.id
    if shape in ("reference", "bag"):
        drug = drug_concept(patient.infliximab.drug)
        yield {"resourceType": "Medication", "id": f"{name}-drug", "code": drug}
    if shape == "bag":
        for dose in dict.fromkeys(dose for _, dose, _ in patient.infliximab.infusions):
            yield _bag(name, dose)


def _bag(name: str, dose: Dose) -> Resource:
    ingredient: Resource = {"itemReference": {"reference": f"Medication/{name}-drug"}, "isActive": True}
    if dose != "not charted":
        ingredient["strength"] = {"numerator": quantity(dose, "mg"), "denominator": quantity(_BAG_ML, "mL")}
    return {
        "resourceType": "Medication",
        "id": f"{name}-bag-{_written(dose)}",
        "code": {"text": f"{_written(dose)} mg in sodium chloride 0.9 % {_BAG_ML} mL"},
        "ingredient": [ingredient],
    }


def _written(dose: Dose) -> str:
    return "unknown" if dose == "not charted" else f"{dose:g}".replace(".", "-")
