"""One result that concerns us, before its value is read: when it was drawn, from what, and how a sentence names it.

Source: FHIR R4 Observation.effective[x], Specimen.collection. `issued` is when it was reported, never when drawn.
"""

from typing import NamedTuple

from cds_service.clinical.record import DataIssue, Moment
from fhir_mappings.chart import Resource
from fhir_mappings.codings import CodedText, is_contained, relative, resolve
from fhir_mappings.doubts import Doubt, issue, quote
from fhir_mappings.quantities import Amount, read_amount
from fhir_mappings.scope import Scope
from fhir_mappings.shape import Misshapen, struct, structs, text
from fhir_mappings.vocabulary import Concept, Tables

PENDING = frozenset({"registered", "preliminary"})


class Sample(NamedTuple):
    """An Observation (or one of its components) with its concept; `drawn` is None without a usable date."""

    resource: Resource
    code: CodedText
    concept: Concept
    drawn: Moment | None
    status: str
    evidence: str
    scope: Scope

    @property
    def tables(self) -> Tables:
        """The tables of this reading."""
        return self.scope.tables

    @property
    def pending(self) -> bool:
        """Whether the laboratory has not released it yet."""
        return self.status in PENDING

    @property
    def recognised_by(self) -> str:
        """The code by which it was recognised, as the chart wrote it, else the name."""
        known = (coding.written for coding in self.code.codings if coding.key in self.tables.laboratory)
        return next(known, None) or quote(self.code.label)

    @property
    def subject(self) -> str:
        """How a sentence about it begins."""
        return f"The {self.concept.title}" + (f" of {self.drawn.day_in_words}" if self.drawn else "")

    def issue(self, doubt: Doubt) -> DataIssue:
        """A doubt about this result."""
        return issue(doubt, self.concept.name, self.subject, self.evidence, self.drawn)


def collected(observation: Resource, scope: Scope) -> Moment | None:
    """When the sample was taken: as its Specimen says where that is at hand, else the effective time.

    None where neither is known to the day.
    """
    effective = scope.begin(observation, "effective")
    reference = struct(observation, "specimen")
    specimen = resolve(reference, observation, scope.referenced)
    try:
        drawn = None if specimen is None else collected_at(specimen, scope)
    except Misshapen:
        if is_contained(reference):
            raise
        drawn = None  # the Specimen is told as a resource of its own, and costs no result
    if drawn is None or (drawn.day_only and effective is not None and drawn.same_day(effective)):
        return effective  # an hour of that day says more than the day
    return drawn


def collected_at(specimen: Resource, scope: Scope) -> Moment | None:
    """When a Specimen was taken, None if not known to the day. Raises Misshapen."""
    return scope.begin(struct(specimen, "collection"), "collected")


def specimen_of(observation: Resource) -> str | None:
    """What tells two samples apart: the Specimen's reference, or the accession number of a contained one."""
    specimen = _contained_specimen(observation)
    if specimen is not None:
        return text(struct(specimen, "accessionIdentifier"), "value")
    reference = text(struct(observation, "specimen"), "reference")
    return None if reference is None or reference.startswith("#") else relative(reference)


def upper_limit(sample: Sample) -> Amount | None:
    """The upper end of the report's reference range, where it gives exactly one."""
    highs = [high for row in structs(sample.resource, "referenceRange") if (high := struct(row, "high"))]
    limit = read_amount(highs[0], sample.tables) if len(highs) == 1 else None
    return limit if isinstance(limit, Amount) and limit.comparator is None else None


def _contained_specimen(observation: Resource) -> Resource | None:
    reference = struct(observation, "specimen")
    return resolve(reference, observation, {}) if is_contained(reference) else None
