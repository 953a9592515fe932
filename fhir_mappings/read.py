"""From the raw chart to the TreatmentRecord: every resource is read alone, everything is sorted, every doubt kept.

Question: what does the chart say about this child, whatever way it came? Source: FHIR R4 resources by search. A
resource of the wrong shape is one issue about that resource and never hides its neighbour.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from cds_service.clinical.record import (
    AntibodyLevel,
    DataIssue,
    Diagnosis,
    DrugLevel,
    Finding,
    Infusion,
    IssueLevel,
    LevelOrder,
    Measurement,
    MedicationUse,
    Moment,
    Patient,
    Procedure,
    Reaction,
    SourceState,
    SuspectedDiagnosis,
    TreatmentRecord,
)
from fhir_mappings.administrations import read_administration
from fhir_mappings.allergies import read_allergy
from fhir_mappings.chart import RawChart, Resource
from fhir_mappings.conditions import read_condition
from fhir_mappings.doubts import Doubt, SeenByName, issue, quote
from fhir_mappings.drugs import read_medication
from fhir_mappings.identity import evidence, newest_versions
from fhir_mappings.inferred import Inferred, read_dispense, unproven
from fhir_mappings.level_orders import read_test_order
from fhir_mappings.observations import read_observation
from fhir_mappings.patient import read_patient
from fhir_mappings.procedures import read_procedure
from fhir_mappings.questionnaires import read_answers
from fhir_mappings.samples import collected_at
from fhir_mappings.scope import Scope, sorting_instant, window
from fhir_mappings.searches import load_searches
from fhir_mappings.shape import OBJECTS, Misshapen
from fhir_mappings.tables import load_tables
from fhir_mappings.uses import read_prescribed
from fhir_mappings.vocabulary import Tables


def _check_medication(resource: Resource, scope: Scope) -> Iterable[object]:
    read_medication(resource, resource, scope.tables, scope.referenced)
    return ()


def _check_specimen(resource: Resource, scope: Scope) -> Iterable[object]:
    collected_at(resource, scope)
    return ()


# Read through what refers to them; by themselves they only tell that they cannot be read.
POINTED_TO: Mapping[str, Callable[[Resource, Scope], Iterable[object]]] = {
    "Medication": _check_medication,
    "Specimen": _check_specimen,
}
READERS: Mapping[str, Callable[[Resource, Scope], Iterable[object]]] = {
    "Observation": read_observation,
    "MedicationAdministration": read_administration,
    "MedicationRequest": read_prescribed,
    "Condition": read_condition,
    "Procedure": read_procedure,
    "AllergyIntolerance": read_allergy,
    "ServiceRequest": read_test_order,
    "MedicationDispense": read_dispense,
    "QuestionnaireResponse": read_answers,
    **POINTED_TO,
}
TIMES: Mapping[type, Callable[[Any], Moment | None]] = {
    Infusion: attrgetter("start"),
    DrugLevel: attrgetter("drawn"),
    AntibodyLevel: attrgetter("drawn"),
    Finding: attrgetter("at"),
    Measurement: attrgetter("at"),
    MedicationUse: attrgetter("start"),
    Diagnosis: attrgetter("newest_date"),
    SuspectedDiagnosis: attrgetter("newest_date"),
    Procedure: attrgetter("at"),
    Reaction: attrgetter("recorded"),
    LevelOrder: attrgetter("written"),
}
UNREADABLE = "-unreadable"
CHUNK = re.compile(r"_\d+$")  # laboratory_2 is a further request of laboratory
WORST = (SourceState.UNREADABLE, SourceState.INCOMPLETE, SourceState.READ)


def read_record(
    chart: RawChart,
    *,
    since: datetime,
    until: datetime,
    time_zone: tzinfo = UTC,
    tables: Tables | None = None,
    drug_by_name: bool = False,
    procedure_by_name: bool = False,
) -> TreatmentRecord:
    """All that the chart says from `since` (look-back) to `until` (the present), both aware instants.

    `time_zone` is where a bare day begins. With `drug_by_name` an administration counts by the drug's name alone,
    with `procedure_by_name` a procedure by its own.
    Equal charts give equal records, whatever the order or the number of copies; nothing in a chart raises.
    """
    resources = newest_versions([r for part in chart.parts.values() for r in part.resources if isinstance(r, OBJECTS)])
    pointed_to = {evidence(r): r for r in resources if _is_pointed_to(r)}
    referenced = {**pointed_to, **chart.referenced}
    by_name = drug_by_name, procedure_by_name
    scope = Scope(tables or load_tables(), *window(since, until, time_zone), time_zone, referenced, *by_name)
    found: defaultdict[type, list[Any]] = defaultdict(list)
    apart = [found for found in chart.referenced.values() if isinstance(found, OBJECTS) and _is_pointed_to(found)]
    for resource in [*resources, *apart]:
        for item in _read(resource, scope):
            found[type(item)].append(item)
    patient, doubts = read_patient((r for r in resources if r.get("resourceType") == "Patient"), chart.patient_id)
    named = _named_only(found[SeenByName], scope.tables)
    inferred = unproven(found[Inferred], found[Infusion])
    return _record(chart, patient, found, {*found[DataIssue], *doubts, *named, *inferred, *_part_issues(chart)})


def _record(
    chart: RawChart, patient: Patient, found: Mapping[type, list[Any]], issues: set[DataIssue]
) -> TreatmentRecord:
    return TreatmentRecord(
        patient=patient,
        infusions=_sorted(found, Infusion),
        levels=_sorted(found, DrugLevel),
        antibodies=_sorted(found, AntibodyLevel),
        findings=_sorted(found, Finding),
        measurements=_sorted(found, Measurement),
        medications=_sorted(found, MedicationUse),
        diagnoses=_sorted(found, Diagnosis),
        suspected=_sorted(found, SuspectedDiagnosis),
        procedures=_sorted(found, Procedure),
        reactions=_sorted(found, Reaction),
        level_ordered=_sorted(found, LevelOrder),
        sources=_sources(chart),
        issues=tuple(sorted(issues, key=lambda i: (i.about, i.code, i.evidence or "", i.message, i.level))),
    )


def _is_pointed_to(resource: Resource) -> bool:
    kind = resource.get("resourceType")
    return isinstance(kind, str) and kind in POINTED_TO


def _read(resource: Resource, scope: Scope) -> list[object]:
    kind = resource.get("resourceType")
    reader = READERS.get(kind) if isinstance(kind, str) else None
    try:
        return [] if reader is None else list(reader(resource, scope))
    except Misshapen as problem:
        subject = f"A resource of type {kind}"
        return [
            issue(Doubt("resource-unreadable", f"could not be read: {problem}"), "chart", subject, evidence(resource))
        ]


def _sorted(found: Mapping[type, list[Any]], kind: type) -> tuple[Any, ...]:
    when = TIMES[kind]
    return tuple(sorted(found.get(kind, ()), key=lambda fact: (sorting_instant(when(fact)), fact.evidence)))


def _named_only(seen: Iterable[SeenByName], tables: Tables) -> Iterator[DataIssue]:
    names: defaultdict[str, set[str]] = defaultdict(set)
    for name in seen:
        names[name.concept].add(name.text)
    for concept, texts in names.items():
        title = tables.concepts[concept].title if concept in tables.concepts else concept.replace("_", " ")
        shown = ", ".join(quote(text) for text in sorted(texts)[:3]) + (", …" if len(texts) > 3 else "")
        says = f"was recognised by its name only ({shown}): no code is mapped"
        yield issue(Doubt("recognised-by-name", says, IssueLevel.NOTE), concept, f"The {title}")


def _sources(chart: RawChart) -> Mapping[str, SourceState]:
    states: dict[str, SourceState] = {}
    for name, part in sorted(chart.parts.items()):
        whole = _whole(name)
        states[whole] = min(part.state, states.get(whole, part.state), key=WORST.index)
    return MappingProxyType(states)


def _part_issues(chart: RawChart) -> Iterator[DataIssue]:
    for name, part in chart.parts.items():
        yield from part.issues
        strays = [resource for resource in part.resources if not isinstance(resource, OBJECTS)]
        if strays:
            yield _part_issue(Doubt("resource-unreadable", "held something that is no FHIR resource"), name)
        # The room that asked for the part usually says itself that it could not be had.
        told = any(i.level is not IssueLevel.NOTE or i.code.endswith(UNREADABLE) for i in part.issues)
        if part.state is SourceState.UNREADABLE and not told:
            yield _part_issue(Doubt("part-unreadable", "could not be read"), name)


def _part_issue(doubt: Doubt, name: str) -> DataIssue:
    whole = _whole(name)
    title = next((search.title for search in load_searches() if search.name == whole), whole)
    return issue(doubt, whole, f"Part of the chart ({title})")


@lru_cache(maxsize=64)
def _whole(name: str) -> str:
    return CHUNK.sub("", name)
