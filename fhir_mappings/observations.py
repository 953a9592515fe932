"""Observations to drug levels, antibodies, laboratory values, weights and scores.

Question: what was measured, when, in our units? Source: FHIR R4 Observation (status, effective[x], value[x],
component, dataAbsentReason, referenceRange). Every component with its own code is read as an observation.
"""

from collections.abc import Iterator
from typing import TypeAlias

from cds_service.clinical.record import AntibodyLevel, DataIssue, DrugLevel, IssueLevel, Measurement, Moment
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, read_coded
from fhir_mappings.doubts import Doubt, SeenByName, issue, quote
from fhir_mappings.identity import evidence
from fhir_mappings.infliximab import read_infliximab
from fhir_mappings.quantities import Amount, read_value, to_unit
from fhir_mappings.recognition import Recognised, recognise
from fhir_mappings.samples import PENDING, Sample, collected, upper_limit
from fhir_mappings.scope import Scope
from fhir_mappings.shape import struct, structs, text

USABLE = frozenset({"final", "amended", "corrected", "appended"})
WITHDRAWN = frozenset({"cancelled", "entered-in-error"})
# What a component takes from the observation that holds it (FHIR R4 Observation.component).
INHERITED = ("status", "effectiveDateTime", "effectivePeriod", "effectiveInstant", "specimen", "contained", "method")

Result: TypeAlias = DrugLevel | AntibodyLevel | Measurement | SeenByName | DataIssue


def read_observation(resource: Resource, scope: Scope) -> Iterator[Result]:
    """All that one Observation says, its components included. Raises Misshapen."""
    own = evidence(resource)
    yield from _read_one(resource, own, scope)
    for number, component in enumerate(structs(resource, "component"), 1):
        inherited = {member: resource[member] for member in INHERITED if member in resource}
        yield from _read_one({**inherited, **component}, f"{own}#component-{number}", scope)


def _read_one(resource: Resource, own: str, scope: Scope) -> Iterator[Result]:
    code = read_coded(struct(resource, "code"), scope.tables)
    found = recognise(code, scope.tables)
    if found is None:
        return
    drawn = collected(resource, scope)
    status = text(resource, "status") or "missing"
    sample = Sample(resource, code, found.concept, drawn, status, own, scope)
    if drawn is not None and not scope.sees(drawn):
        yield from scope.ahead(drawn, found.concept.name, f"The {found.concept.title}", own)
    elif status in WITHDRAWN:
        if found.concept.kind != "measurement" and found.doubt is None:
            yield sample.issue(Doubt("result-withdrawn", f"was withdrawn ({status})", IssueLevel.NOTE))
    elif status not in USABLE and status not in PENDING:
        yield sample.issue(Doubt("status-unknown", f"has the status {quote(status)} and was not used"))
    elif found.doubt is not None:
        yield from _doubted(sample, found, found.doubt)
    else:
        yield from _read_sample(sample, found)


def _read_sample(sample: Sample, found: Recognised) -> Iterator[Result]:
    is_measurement = found.concept.kind == "measurement"
    by_name = found.by_name is not None
    made: list[Result] = list(_measurement(sample) if is_measurement else read_infliximab(sample, by_name=by_name))
    if made and found.by_name is not None:
        yield SeenByName(found.concept.name, found.by_name)
    yield from made


def _doubted(sample: Sample, found: Recognised, doubt: Doubt) -> Iterator[DataIssue]:
    if found.by_name is None:
        yield sample.issue(doubt)
    elif read_value(sample.resource, sample.tables) is not None:
        # One sentence for each name, not for each result: many tests may mention the drug.
        yield issue(doubt, found.concept.name, f"A result named {quote(found.by_name)}")


def _measurement(sample: Sample) -> Iterator[Measurement | DataIssue]:
    value = read_value(sample.resource, sample.tables)
    if sample.pending:
        yield sample.issue(Doubt("result-pending", "is not final and was not used", IssueLevel.NOTE))
    elif value is None:
        return
    elif sample.drawn is None:
        yield sample.issue(Doubt("result-without-date", "has no usable date and was not used"))
    elif isinstance(value, Doubt):
        yield sample.issue(value)
    elif isinstance(value, CodedText):
        yield sample.issue(Doubt("value-not-a-number", f"came as words ({quote(value.label)}) and was not used"))
    else:
        yield _in_unit(sample, value, sample.drawn)


def _in_unit(sample: Sample, amount: Amount, drawn: Moment) -> Measurement | DataIssue:
    reading = to_unit(amount, sample.concept, sample.tables)
    if isinstance(reading, Doubt):
        return sample.issue(reading)
    limit = upper_limit(sample)
    high = to_unit(limit, sample.concept, sample.tables) if limit else None
    return Measurement(
        concept=sample.concept.name,
        reading=reading,
        unit=sample.concept.unit,
        at=drawn,
        evidence=sample.evidence,
        upper_limit=None if high is None or isinstance(high, Doubt) else high.value,
    )
