"""Observations to drug levels, antibodies, findings, laboratory values, weights and scores.

Question: what was measured, when, in our units? Source: FHIR R4 Observation (status, effective[x], value[x],
component, dataAbsentReason, referenceRange). Every component with its own code, and every contained member, is read
as an observation; a part of an activity index is also known by what it is a part of.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from cds_service.clinical.record import (
    AntibodyLevel,
    DataIssue,
    DrugLevel,
    Finding,
    IssueLevel,
    Measurement,
    Moment,
    Reading,
)
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, is_contained, resolve
from fhir_mappings.doubts import Doubt, SeenByName, issue, quote
from fhir_mappings.identity import evidence
from fhir_mappings.infliximab import read_infliximab
from fhir_mappings.quantities import Amount, in_unit, read_points, read_value
from fhir_mappings.recognition import Recognised, recognise, recognise_part
from fhir_mappings.samples import PENDING, Sample, collected, upper_limit
from fhir_mappings.scope import Scope
from fhir_mappings.shape import struct, structs, text
from fhir_mappings.signs import read_finding

SCORES = "scores"  # the search that brings them, as concepts.csv names it
USABLE = frozenset({"final", "amended", "corrected", "appended"})
WITHDRAWN = frozenset({"cancelled", "entered-in-error"})
# What a component takes from the observation that holds it (FHIR R4 Observation.component).
INHERITED = (
    "status",
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "specimen",
    "contained",
    "method",
    "performer",
)

Result: TypeAlias = DrugLevel | AntibodyLevel | Finding | Measurement | SeenByName | DataIssue


def read_observation(resource: Resource, scope: Scope) -> list[Result]:
    """All that one Observation says, its components included. Raises Misshapen."""
    code, whole = recognise(struct(resource, "code"), scope.tables)
    results = [*read_one(resource, code, whole, evidence(resource), scope)]
    for place, part in _parts(resource):
        inherited = {member: resource[member] for member in INHERITED if member in resource}
        code, found = recognise_part(struct(part, "code"), whole, scope.tables)
        results += read_one({**inherited, **part}, code, found, f"{evidence(resource)}#{place}", scope)
    return results


def _parts(resource: Resource) -> Iterator[tuple[str, Resource]]:
    """The components, and the members that the observation itself contains; other members come on their own."""
    for number, component in enumerate(structs(resource, "component"), 1):
        yield f"component-{number}", component
    for reference in structs(resource, "hasMember"):
        member = resolve(reference, resource, {}) if is_contained(reference) else None
        if member is not None:
            yield text(member, "id") or "", member


def read_one(resource: Resource, code: CodedText, found: Recognised | None, own: str, scope: Scope) -> Iterable[Result]:
    """What one result says, which may be a component or an answer; nothing where it is none of ours."""
    if found is None:
        return ()
    status = text(resource, "status") or "missing"
    return _read_found(Sample(resource, code, found.concept, collected(resource, scope), status, own, scope), found)


def _read_found(sample: Sample, found: Recognised) -> Iterable[Result]:
    concept, drawn, status = sample.concept, sample.drawn, sample.status
    if drawn is not None and not sample.scope.sees(drawn):
        return sample.scope.ahead(drawn, concept.name, f"The {concept.title}", sample.evidence)
    if status in WITHDRAWN:
        doubt = Doubt("result-withdrawn", f"was withdrawn ({status})", IssueLevel.NOTE)
        return [sample.issue(doubt)] if concept.kind in ("level", "antibody") and found.doubt is None else []
    if status not in USABLE and status not in PENDING:
        return [sample.issue(Doubt("status-unknown", f"has the status {quote(status)} and was not used"))]
    if found.doubt is not None:
        return _doubted(sample, found, found.doubt)
    return _read_sample(sample, found)


def _read_sample(sample: Sample, found: Recognised) -> list[Result]:
    made: list[Result]
    if found.concept.kind == "measurement":
        measured = _measurement(sample)
        made = [] if measured is None else [measured]
    elif found.concept.kind == "sign":
        made = list(read_finding(sample))
    else:
        made = list(read_infliximab(sample, by_name=found.by_name is not None))
    if made and found.by_name is not None:
        made.insert(0, SeenByName(found.concept.name, found.by_name))
    if made and found.note is not None:
        made.insert(0, issue(found.note, found.concept.name, f"The {found.concept.title}"))
    return made


def _doubted(sample: Sample, found: Recognised, doubt: Doubt) -> Iterator[DataIssue]:
    if found.by_name is None:
        yield sample.issue(doubt)
    elif read_value(sample.resource, sample.tables) is not None:
        # One sentence for each name, not for each result: many tests may mention the drug.
        yield issue(doubt, found.concept.name, f"A result named {quote(found.by_name)}")


def _measurement(sample: Sample) -> Measurement | DataIssue | None:
    read = read_points if sample.concept.search == SCORES else read_value
    value = read(sample.resource, sample.tables)
    if sample.pending:
        return sample.issue(Doubt("result-pending", "is not final and was not used", IssueLevel.NOTE))
    if value is None:
        return None
    if sample.drawn is None:
        return sample.issue(Doubt("result-without-date", "has no usable date and was not used"))
    if isinstance(value, Doubt):
        return sample.issue(value)
    if isinstance(value, CodedText):
        return sample.issue(Doubt("value-not-a-number", f"came as words ({quote(value.label)}) and was not used"))
    return _in_unit(sample, value, sample.drawn)


def _in_unit(sample: Sample, amount: Amount, drawn: Moment) -> Measurement | DataIssue:
    number = in_unit(amount, sample.concept, sample.tables)
    if isinstance(number, Doubt):
        return sample.issue(number)
    limit = upper_limit(sample)
    high = None if limit is None else in_unit(limit, sample.concept, sample.tables)
    return Measurement(
        concept=sample.concept.name,
        reading=Reading(number, amount.comparator),
        unit=sample.concept.unit,
        at=drawn,
        evidence=sample.evidence,
        upper_limit=None if isinstance(high, Doubt) else high,
    )
