"""Positive or negative, in the laboratory's own words: of an antibody, and of tests that have no number.

Question: what does the report itself say? Source: FHIR R4 Observation.value[x], interpretation; `tables/signs.csv`.
A bare number says neither, and neither does any word that is not in the table ("indeterminate").
"""

from collections.abc import Iterator

from cds_service.clinical.record import DataIssue, Finding, ReportedSign
from fhir_mappings.codings import CodedText, read_coded
from fhir_mappings.doubts import Doubt
from fhir_mappings.quantities import Value, read_value
from fhir_mappings.samples import Sample
from fhir_mappings.shape import structs


def read_finding(sample: Sample) -> Iterator[Finding | DataIssue]:
    """A result of a test that is positive or negative; nothing for one that has not been answered. Raises Misshapen."""
    value = read_value(sample.resource, sample.tables)
    signs = set(signs_of(sample, value))
    if value is None and not signs:
        return
    if isinstance(value, CodedText) and sign_in(value, sample) is None:
        signs = set()  # an indeterminate result that is flagged as abnormal is not a positive one
    if len(signs) > 1:
        yield sample.issue(Doubt("sign-contradictory", "is reported both as negative and as positive"))
    if sample.drawn is None:
        yield sample.issue(Doubt("result-without-date", "has no usable date"))
    yield Finding(
        concept=sample.concept.name,
        sign=signs.pop() if len(signs) == 1 else None,
        code=sample.recognised_by,
        evidence=sample.evidence,
        at=sample.drawn,
        pending=sample.pending,
    )


def signs_of(sample: Sample, value: Value) -> Iterator[ReportedSign]:
    """What the laboratory says itself, in the value's words or codes and in its interpretation."""
    said = [value] if isinstance(value, CodedText) else []
    said += [read_coded(row, sample.tables) for row in structs(sample.resource, "interpretation")]
    yield from (sign for words in said if (sign := sign_in(words, sample)))


def sign_in(words: CodedText, sample: Sample) -> ReportedSign | None:
    """The sign that a value or interpretation stands for, by code before words."""
    signs = sample.tables.signs
    for coding in words.codings:
        system = coding.system or "interpretation"
        if sign := signs.get((system, coding.code.upper())):
            return sign
    phrases = (text.casefold().strip(" .") for text in words.texts)
    return next((sign for phrase in phrases if (sign := signs.get(("text", phrase)))), None)
