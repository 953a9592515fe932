"""What a FHIR server does with a synthetic chart: answer a search, take a transaction.

Source: HL7 FHIR R4, RESTful API (search, transaction). Only the parameters of our own searches are known; any
other is refused, as a strict server does.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from cds_service.patients.build import SYNTHETIC, Resource, resources
from cds_service.patients.patient import SyntheticPatient

CLINICIAN = {"resourceType": "Practitioner", "id": "ifxcds-clinician", "meta": SYNTHETIC}


def searchset(chart: Sequence[Resource], resource_type: str, parameters: Iterable[tuple[str, str]]) -> Resource:
    """The searchset Bundle of one search; the Medications that matches refer to are included."""
    wanted = tuple(parameters)
    matches = [
        resource
        for resource in chart
        if resource["resourceType"] == resource_type and all(_matches(resource, name, value) for name, value in wanted)
    ]
    entries = [_entry(resource, "match") for resource in matches]
    entries += [_entry(resource, "include") for resource in _referred(chart, matches)]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(matches)}
    return bundle | {"entry": entries} if entries else bundle


def transaction(patients: Iterable[SyntheticPatient], as_of: datetime) -> Resource:
    """A transaction Bundle that puts whole charts on a server under their own ids."""
    charts = [CLINICIAN, *(resource for patient in patients for resource in resources(patient, as_of))]
    entries = [
        {
            "resource": resource,
            "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
        }
        for resource in charts
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _entry(resource: Resource, mode: str) -> Resource:
    return {"resource": resource, "search": {"mode": mode}}


def _matches(resource: Resource, parameter: str, value: str) -> bool:
    match parameter:
        case "patient" | "subject" | "_count":
            return True  # a chart holds one child and is answered on one page
        case "status" | "intent":
            return resource.get(parameter) in value.split(",")
        case "category" | "code":
            return any(_has_token(resource.get(parameter), token) for token in value.split(","))
        case _:
            raise ValueError(f"the synthetic server knows no search parameter {parameter!r}")


def _has_token(concepts: Any, token: str) -> bool:
    system, _, code = token.rpartition("|")
    rows = concepts if isinstance(concepts, list) else [concepts] if concepts else []
    codings = [coding for row in rows for coding in row.get("coding", ())]
    return any(coding["code"] == code and system in ("", coding["system"]) for coding in codings)


def _referred(chart: Sequence[Resource], matches: Sequence[Resource]) -> Iterator[Resource]:
    by_reference = {f"Medication/{r['id']}": r for r in chart if r["resourceType"] == "Medication"}
    waiting = [reference for resource in matches for reference in _medication_references(resource)]
    seen: set[str] = set()
    while waiting:
        reference = waiting.pop(0)
        if reference in seen or reference not in by_reference:
            continue
        seen.add(reference)
        yield by_reference[reference]
        waiting += _medication_references(by_reference[reference])


def _medication_references(resource: Resource) -> list[str]:
    held = [
        resource.get("medicationReference"),
        *(row.get("itemReference") for row in resource.get("ingredient", ())),
    ]
    return [reference["reference"] for reference in held if reference]
