"""Drug levels and antibodies: the number in its unit, what the laboratory itself said, and which assay it was.

Source: FHIR R4 Observation. Levels come in ug/mL; antibody units share nothing between assays and are never
converted. `<0.4` stays a bound. A missing or doubtful value gives a result without a reading and an issue.
"""

from collections.abc import Iterator

from cds_service.clinical.record import AntibodyLevel, DataIssue, DrugLevel, IssueLevel, Reading, ReportedSign
from fhir_mappings.assays import read_assay
from fhir_mappings.codings import CodedText
from fhir_mappings.doubts import Doubt, quote
from fhir_mappings.quantities import Amount, Value, read_value, to_unit
from fhir_mappings.recognition import ANTIBODY, LEVEL, is_panel
from fhir_mappings.samples import Sample, specimen_of, upper_limit
from fhir_mappings.signs import sign_in, signs_of
from fhir_mappings.vocabulary import spelling


def read_infliximab(sample: Sample, *, by_name: bool) -> Iterator[DrugLevel | AntibodyLevel | DataIssue]:
    """A level or an antibody, pending ones included. A panel without a value of its own gives nothing."""
    value = read_value(sample.resource, sample.tables)
    if sample.pending:
        yield from _pending(sample, value)
    elif value is not None or sample.resource.get("dataAbsentReason"):
        yield from _reported(sample, value)
    elif not by_name and not (sample.resource.get("component") or sample.resource.get("hasMember")):
        yield sample.issue(Doubt("value-absent", "has no value"))


def _pending(sample: Sample, value: Value) -> Iterator[DrugLevel | AntibodyLevel]:
    both = value is None and is_panel(sample.code, sample.tables)
    shown = to_unit(value, sample.concept, sample.tables) if isinstance(value, Amount) else None
    if both or sample.concept.name == LEVEL:
        reading = shown if isinstance(shown, Reading) else None
        yield DrugLevel(sample.evidence, reading, sample.drawn, pending=True, specimen=specimen_of(sample.resource))
    if both or sample.concept.name == ANTIBODY:
        specimen = specimen_of(sample.resource)
        yield AntibodyLevel(sample.evidence, None, None, sample.drawn, pending=True, specimen=specimen)


def _reported(sample: Sample, value: Value) -> Iterator[DrugLevel | AntibodyLevel | DataIssue]:
    if sample.drawn is None:
        yield sample.issue(Doubt("result-without-date", "has no usable date"))
    if value is None:
        yield sample.issue(Doubt("value-absent", "has no value, only a reason for its absence"))
    elif isinstance(value, Doubt):
        yield sample.issue(value)
    elif isinstance(value, Amount) and value.more:
        yield sample.issue(Doubt("text-not-read", "carries further text that was not read", IssueLevel.NOTE))
    assay = read_assay(sample.resource, sample.code, sample.tables)
    if isinstance(assay, Doubt):
        yield sample.issue(assay)
        assay = None
    yield from (_level if sample.concept.name == LEVEL else _antibody)(sample, value, *(assay or (None, None)))


def _level(sample: Sample, value: Value, assay: str | None, place: str | None) -> Iterator[DrugLevel | DataIssue]:
    reading: Reading | Doubt | None = None
    if isinstance(value, Amount):
        reading = to_unit(value, sample.concept, sample.tables)
    elif isinstance(value, CodedText):
        reading = _no_number(value)
    if isinstance(reading, Doubt):
        yield sample.issue(reading)
        reading = None
    specimen = specimen_of(sample.resource)
    yield DrugLevel(sample.evidence, reading, sample.drawn, assay, place, specimen=specimen)


def _antibody(
    sample: Sample, value: Value, assay: str | None, place: str | None
) -> Iterator[AntibodyLevel | DataIssue]:
    unit, doubt = _unit(sample, value) if isinstance(value, Amount) else (None, None)
    signs = set(signs_of(sample, value))
    if isinstance(value, CodedText) and sign_in(value, sample) is None:
        doubt = _no_number(value)
    if len(signs) > 1:
        doubt = Doubt("antibody-contradictory", "is reported both as negative and as positive")
    if doubt is not None:
        yield sample.issue(doubt)
    sign = _against_range(sample, value) if not signs else signs.pop() if len(signs) == 1 else None
    # A bare number is no result: 9.5 is negative on one assay and high on another.
    reading = Reading(float(value.number), value.comparator) if isinstance(value, Amount) and unit else None
    specimen = specimen_of(sample.resource)
    yield AntibodyLevel(sample.evidence, reading, unit, sample.drawn, assay, place, sign, specimen=specimen)


def _no_number(value: CodedText) -> Doubt:
    return Doubt("value-not-a-number", f"came as words ({quote(value.label)}), not as a number")


def _unit(sample: Sample, amount: Amount) -> tuple[str | None, Doubt | None]:
    """The unit in our spelling; one we do not know stays as the laboratory wrote it, with a doubt."""
    known = {
        written
        for unit in (amount.code, amount.unit)
        if unit and (written := sample.tables.antibody_units.get(spelling(unit)))
    }
    if len(known) > 1:
        return None, Doubt("unit-contradictory", f"has two units that contradict each other ({amount.written})")
    if known:
        return known.pop(), None
    if amount.unit is None:
        return None, Doubt("unit-missing", f"has no unit ({amount.written}), so that it belongs to no scale")
    return amount.unit[:32], Doubt("unit-unknown", f"is in a unit that no assay here uses ({amount.written})")


def _against_range(sample: Sample, value: Value) -> ReportedSign | None:
    """The sign by the report's own reference range, where value and range share one unit."""
    limit = upper_limit(sample) if isinstance(value, Amount) else None
    if limit is None or not isinstance(value, Amount) or _unit(sample, value)[0] != _unit(sample, limit)[0]:
        return None
    reading, high = Reading(float(value.number), value.comparator), float(limit.number)
    if reading.high <= high:
        return ReportedSign.NEGATIVE
    return ReportedSign.POSITIVE if reading.surely_above(high) else None
