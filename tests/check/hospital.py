"""A hospital's FHIR server on a real socket: several synthetic children, under public codes or under its own."""

import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhir_mappings.searches import POINTED_TO, load_searches

Json = dict[str, Any]
FHIR_JSON = "application/fhir+json"
LAB, DRUGS, SYSTEMS = "https://lab.hospital.example/codes", "urn:oid:1.2.3.4", {"loinc": "http://loinc.org"}
RXNORM, ICD10 = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"


def coded(system: str | None, code: str, display: str | None = None, text: str | None = None) -> Json:
    coding = {"system": system, "code": code, "display": display}
    concept: Json = {"coding": [{name: value for name, value in coding.items() if value}]}
    return {**concept, "text": text} if text else concept


def quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def observation(child: str, name: str, code: Json, value: Json, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"{child}-{name}",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": code,
        "subject": {"reference": f"Patient/{child}"},
        "effectiveDateTime": "2026-11-20T08:00:00Z",
        **value,
        **more,
    }


def chart(child: str, *, local: bool = False) -> list[Json]:
    """One child with one of everything that matters, under public codes or under the hospital's own."""
    subject = {"reference": f"Patient/{child}"}
    level = coded(LAB, "IFX1", "Infliximab trough, serum") if local else coded(SYSTEMS["loinc"], "39803-2")
    antibody = coded(LAB, "IFXAB", "Infliximab antibodies") if local else {"text": "Infliximab antibodies"}
    weight = coded(LAB, "WT", "Body weight") if local else coded(SYSTEMS["loinc"], "29463-7")
    drug = coded(DRUGS, "4711", "Remicade 100 mg vial") if local else coded(RXNORM, "191831")
    crohns = coded(LAB, "CD", "Crohn's disease of colon") if local else coded(ICD10, "K50.10")
    return [
        {"resourceType": "Patient", "id": child, "birthDate": "2014-07-01"},
        {"resourceType": "Condition", "id": f"{child}-crohns", "code": crohns, "subject": subject},
        {
            "resourceType": "MedicationAdministration",
            "id": f"{child}-infusion",
            "status": "completed",
            "medicationCodeableConcept": drug,
            "subject": subject,
            "effectivePeriod": {"start": "2026-10-01T08:00:00Z", "end": "2026-10-01T10:00:00Z"},
            "dosage": {"dose": quantity(300, "mg"), "route": {"text": "intravenous"}},
        },
        observation(child, "level", level, {"valueQuantity": quantity(1.7, "ug/mL")}, method={"text": "Mayo"}),
        observation(child, "antibody", antibody, {"valueQuantity": quantity(9.5, "U/mL")}, method={"text": "Mayo"}),
        observation(child, "weight", weight, {"valueQuantity": quantity(41, "kg")}),
    ]


def statement(*, without: Iterable[str] = (), **more: Any) -> Json:
    """A CapabilityStatement that announces all that is needed, but for the search parameters named."""
    kinds: dict[str, set[str]] = {}
    for search in load_searches():
        names = {"patient", *(name for name, _ in search.parameters), search.date_parameter or "patient"}
        kinds.setdefault(search.resource_type, set()).update(names - set(without))
    kinds |= {kind: set() for kind in POINTED_TO}
    resources = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": [{"name": name, "type": "token"} for name in sorted(names)],
        }
        for kind, names in kinds.items()
    ]
    rest = [{"mode": "server", "resource": resources}]
    form = {"fhirVersion": "4.0.1", "format": ["application/fhir+json"], "rest": rest}
    return {"resourceType": "CapabilityStatement", **form, **more}


def answer(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type=FHIR_JSON)


def searchset(resources: Iterable[Json]) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}


@dataclass
class Hospital:
    """Answers reads and searches over `resources`; `quirks` answer a path below the base before anything else."""

    server: HTTPServer
    resources: list[Json] = field(default_factory=list)
    statement: Json = field(default_factory=statement)
    quirks: dict[str, Callable[[Request], Response]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    wait: float = 0.0

    @property
    def base(self) -> str:
        return self.server.url_for("/fhir")

    def holds(self, *charts: list[Json]) -> None:
        self.resources += [resource for one in charts for resource in one]

    def serve(self) -> None:
        self.server.expect_request(re.compile("/fhir/.*")).respond_with_handler(self.respond)

    def respond(self, request: Request) -> Response:
        self.requests.append(request)
        path = request.path.removeprefix("/fhir/")
        if path in self.quirks:
            return self.quirks[path](request)
        if path == "metadata":
            return answer(self.statement)
        time.sleep(self.wait)
        kind, _, wanted = path.partition("/")
        found = [r for r in self.resources if r["resourceType"] == kind]
        if wanted:
            named = [r for r in found if r["id"] == wanted]
            return answer(named[0]) if named else answer({"resourceType": "OperationOutcome", "issue": []}, 404)
        return answer(searchset(r for r in found if _matches(r, request)))


def _matches(resource: Json, request: Request) -> bool:
    patient, codes = request.args.get("patient"), request.args.get("code")
    concept = resource.get("code") or resource.get("medicationCodeableConcept") or {}
    held = {f"{coding.get('system')}|{coding.get('code')}" for coding in concept.get("coding", [])}
    subject = (resource.get("subject") or resource.get("patient") or {}).get("reference")
    return (patient is None or subject == f"Patient/{patient}") and (
        codes is None or bool(held & set(codes.split(",")))
    )
