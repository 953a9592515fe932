"""The draft order of a synthetic child, in the forms in which EHRs send it.

Source: CDS Hooks library, order-select and order-sign: `draftOrders` is a Bundle of orders
and the Medications they refer to.
"""

from datetime import datetime
from typing import Any

from cds_service.patients.codings import ICD_10_CM, codings, concept, drug_concept, quantity, route_concept
from cds_service.patients.patient import Order, SyntheticPatient
from cds_service.patients.times import instant

Resource = dict[str, Any]


def draft_orders(patient: SyntheticPatient, as_of: datetime) -> Resource:
    """The Bundle with the one draft order, and the Medication it refers to where the form asks for one."""
    order = patient.order
    draft = _service(patient, as_of) if order.form == "ServiceRequest" else _prescription(patient, as_of)
    entries = [draft]
    if order.form == "MedicationRequest" and order.medication == "entry":
        entries.append({"resourceType": "Medication", "id": _drug_id(patient), "code": drug_concept(order.drug)})
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": entry} for entry in entries],
    }


def _drug_id(patient: SyntheticPatient) -> str:
    return f"{patient.id}-draft-drug"


def _begun(patient: SyntheticPatient, as_of: datetime) -> Resource:
    """What both forms of order have in common."""
    made: Resource = {
        "resourceType": patient.order.form,
        "id": f"{patient.id}-draft",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient.id}"},
        "authoredOn": instant(as_of),
    }
    if patient.order.reason is not None:
        made["reasonCode"] = [concept(patient.order.reason, ICD_10_CM, patient.order.reason)]
    return made


def _timing(order: Order) -> Resource | None:
    if order.every is None:
        return None
    return {"repeat": {"frequency": 1, "period": order.every.period, "periodUnit": order.every.unit}}


def _prescription(patient: SyntheticPatient, as_of: datetime) -> Resource:
    order = patient.order
    dosage: Resource = {
        "route": route_concept(order.drug),
        "doseAndRate": [{"doseQuantity": quantity(order.dose.value, order.dose.unit)}],
    }
    if timing := _timing(order):
        dosage["timing"] = timing
    return _begun(patient, as_of) | _medication(patient) | {"dosageInstruction": [dosage]}


def _medication(patient: SyntheticPatient) -> Resource:
    row = codings().drugs[patient.order.drug]
    match patient.order.medication:
        case "entry":
            return {"medicationReference": {"reference": f"Medication/{_drug_id(patient)}"}}
        case "named":
            return {"medicationCodeableConcept": {"text": row.text}}
        case "coded":
            return {"medicationCodeableConcept": drug_concept(patient.order.drug)}


def _service(patient: SyntheticPatient, as_of: datetime) -> Resource:
    order = patient.order
    made = _begun(patient, as_of) | {
        "code": {"text": f"{codings().drugs[order.drug].text} infusion"},
        "quantityQuantity": quantity(order.dose.value, order.dose.unit),
    }
    if timing := _timing(order):
        made["occurrenceTiming"] = timing
    return made
