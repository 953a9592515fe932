"""The request that is measured: a bundled synthetic child whose chart is as full as a real one.

Question: what does an EHR send for a child with 50 Observations and 12 MedicationAdministrations? Several of our
searches match the same Observation (the search for scores finds all of them), so an EHR sends it under each key.
"""

import csv
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cds_service import patients
from cds_service.patients.codings import LOINC, RXNORM, SNOMED, TERMINOLOGY, UCUM, concept
from cds_service.patients.serve import searchset
from fhir_mappings.searches import load_searches

Resource = dict[str, Any]

HOOK = "order-sign"
PATH = f"/cds-services/infliximab-{HOOK}"
CHILD = "low-trough"
OBSERVATIONS = 50
ADMINISTRATIONS = 12
VISIT = timedelta(weeks=8)
ROWS = Path(__file__).with_name("laboratory.csv")


@dataclass(frozen=True, slots=True)
class Workload:
    """One synthetic chart, what each of our searches finds in it, and the hook request without either."""

    chart: tuple[Resource, ...]
    found: Mapping[str, Resource]
    request: Resource

    def prefetched(self) -> bytes:
        """The request that carries all that the searches find."""
        return _json(self.request | {"prefetch": self.found})

    def prefetched_once(self) -> bytes:
        """The request that carries every resource under the first key that finds it, and under no other."""
        return _json(self.request | {"prefetch": _without_repetition(self.found)})

    def pulling(self, fhir_server: str) -> bytes:
        """The request that carries only the address of a FHIR server."""
        return _json(self.request | {"fhirServer": fhir_server})

    def transaction(self) -> bytes:
        """The Bundle that puts the chart on a FHIR server under its own ids."""
        rows = [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in self.chart
        ]
        return _json({"resourceType": "Bundle", "type": "transaction", "entry": rows})


def build_workload(as_of: datetime) -> Workload:
    """The padded chart of the bundled child as of one aware instant; what is added changes no conclusion."""
    child = patients.load(CHILD)
    chart = _padded(patients.resources(child, as_of), as_of)
    found = {
        search.name: chart[0]
        if search.resource_type == "Patient"
        else searchset(chart, search.resource_type, search.parameters)
        for search in load_searches()
    }
    return Workload(tuple(chart), found, patients.hook_request(child, HOOK, as_of, prefetch=False))


def _without_repetition(found: Mapping[str, Resource]) -> dict[str, Resource]:
    sent: set[str] = set()
    once = {}
    for name, answer in found.items():
        rows = [row for row in answer.get("entry", ()) if row["resource"]["id"] not in sent]
        sent |= {row["resource"]["id"] for row in rows}
        once[name] = answer | {"entry": rows, "total": len(rows)} if "entry" in answer else answer
    return once


def _padded(chart: Sequence[Resource], as_of: datetime) -> list[Resource]:
    padded = list(chart)
    for resource_type, wanted, more in (
        ("Observation", OBSERVATIONS, _laboratory(as_of)),
        ("MedicationAdministration", ADMINISTRATIONS, _premedication(as_of)),
    ):
        missing = wanted - sum(resource["resourceType"] == resource_type for resource in chart)
        if missing < 0:
            raise ValueError(f"at most {wanted} {resource_type} in the bundled chart expected")
        padded += itertools.islice(more, missing)
    return padded


def _laboratory(as_of: datetime) -> Iterator[Resource]:
    """Earlier blood counts and chemistry, visit by visit, the newest first."""
    with ROWS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for visit in itertools.count(1):
        for row in rows:
            yield _result(row, f"{CHILD}-more-{row['loinc']}-{visit}", as_of - visit * VISIT)


def _result(row: Mapping[str, str], identity: str, at: datetime) -> Resource:
    low, high = (_quantity(row[limit], row["unit"]) for limit in ("low", "high"))
    reported = (at + timedelta(hours=3)).replace(microsecond=0).isoformat()
    return {
        "resourceType": "Observation",
        "id": identity,
        "meta": {"versionId": "1", "lastUpdated": reported},
        "identifier": [{"system": "urn:synthetic:laboratory", "value": identity}],
        "status": "final",
        "category": [concept("laboratory", f"{TERMINOLOGY}/observation-category", "laboratory")],
        "code": concept(row["text"], LOINC, row["loinc"]),
        "subject": {"reference": f"Patient/{patients.load(CHILD).id}"},
        "effectiveDateTime": at.replace(microsecond=0).isoformat(),
        "issued": reported,
        "performer": [{"display": "Synthetic hospital laboratory"}],
        "interpretation": [concept("N", f"{TERMINOLOGY}/v3-ObservationInterpretation", "N")],
        "valueQuantity": _quantity(row["value"], row["unit"]),
        "referenceRange": [{"low": low, "high": high}],
    }


def _premedication(as_of: datetime) -> Iterator[Resource]:
    for visit in itertools.count(1):
        yield {
            "resourceType": "MedicationAdministration",
            "id": f"{CHILD}-premedication-{visit}",
            "status": "completed",
            "medicationCodeableConcept": concept("acetaminophen", RXNORM, "161"),
            "subject": {"reference": f"Patient/{patients.load(CHILD).id}"},
            "effectiveDateTime": (as_of - visit * VISIT).replace(microsecond=0).isoformat(),
            "dosage": {"route": concept("oral", SNOMED, "26643006"), "dose": _quantity("500", "mg")},
        }


def _quantity(value: str, unit: str) -> Resource:
    return {"value": float(value), "unit": unit, "system": UCUM, "code": unit}


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
