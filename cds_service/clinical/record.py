"""What the chart says about one child, in our words and units, with every doubt beside its datum.

Question: what was given, measured and diagnosed, and what could not be read?
Source: FHIR R4 resources, read by `fhir_mappings`. Units: ug/mL (infliximab), mg, kg, weeks, others named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType


class IssueLevel(StrEnum):
    """How far a doubt limits what may be concluded."""

    NOTE = "note"  # worth saying
    LIMITING = "limiting"  # the conclusion stands on less than it should
    BLOCKING = "blocking"  # nothing may be concluded from this datum


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def calendar_day(day: date) -> str:
    """A calendar day, such as 12 Nov 2026, whatever the language of the machine."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A point in time as the chart knows it: an aware instant, or only a calendar day.

    For a day, `at` is that day's midnight in the site's time zone. Raises ValueError for a naive instant.
    """

    at: datetime
    day_only: bool = False

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a Moment needs a time zone, got a naive datetime")

    @property
    def day(self) -> date:
        """The calendar day in the time zone in which the chart wrote it."""
        return self.at.date()

    @property
    def day_in_words(self) -> str:
        """That day as a sentence tells it."""
        return calendar_day(self.day)

    def same_day(self, other: "Moment") -> bool:
        """Whether both fall on one calendar day, seen from this moment's time zone."""
        return self.day == other.at.astimezone(self.at.tzinfo).date() if not other.day_only else self.day == other.day


@dataclass(frozen=True, slots=True)
class DataIssue:
    """One doubt about one datum, in words a clinician reads.

    `code` is stable and lower-case with hyphens, `about` names the concept, `message` is one sentence that
    says what was found and what was expected, `evidence` is the FHIR reference it concerns, if there is one, `drawn`
    when the sample that it concerns was taken, if that is known.
    """

    code: str
    about: str
    level: IssueLevel
    message: str
    evidence: str | None = None
    drawn: Moment | None = None


class Comparator(StrEnum):
    """FHIR Quantity.comparator: a reported value that is a bound, not a number."""

    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class Reading:
    """A reported number with its comparator: a point, or one end of an interval. Never negative.

    `<0.4` is the interval [0, 0.4): it is never 0 and never 0.4.
    """

    value: float
    comparator: Comparator | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.value < float("inf"):
            raise ValueError(f"a reading is a finite number of at least 0, got {self.value}")

    @property
    def low(self) -> float:
        """The smallest value the report allows."""
        return 0.0 if self.comparator in (Comparator.LESS, Comparator.LESS_OR_EQUAL) else self.value

    @property
    def high(self) -> float:
        """The largest value the report allows."""
        return float("inf") if self.comparator in (Comparator.GREATER, Comparator.GREATER_OR_EQUAL) else self.value

    def surely_below(self, limit: float) -> bool:
        """Whether the whole interval lies under the limit."""
        return self.high < limit or (self.high == limit and self.comparator is Comparator.LESS)

    def surely_at_least(self, limit: float) -> bool:
        """Whether the whole interval reaches the limit."""
        return self.low >= limit

    def surely_above(self, limit: float) -> bool:
        """Whether the whole interval lies over the limit."""
        return self.low > limit or (self.low == limit and self.comparator is Comparator.GREATER)


@dataclass(frozen=True, slots=True)
class Patient:
    """The child. `birth_date` is None where the chart does not say it to the day."""

    id: str
    birth_date: date | None = None


class Route(StrEnum):
    """How infliximab was or will be given."""

    INTRAVENOUS = "intravenous"
    SUBCUTANEOUS = "subcutaneous"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Infusion:
    """One administration of infliximab as charted. `complete` is False for a stopped or running one.

    `dose_mg` is None where no milligrams could be read. `end` is None where the chart gives one instant only.
    """

    start: Moment
    evidence: str
    end: Moment | None = None
    dose_mg: float | None = None
    route: Route = Route.INTRAVENOUS
    complete: bool = True
    part_of: str | None = None  # the order that several records of one infusion share

    def __post_init__(self) -> None:
        if self.dose_mg is not None and not 0 < self.dose_mg < 10_000:
            raise ValueError(f"a dose is between 0 and 10,000 mg, got {self.dose_mg}")
        if self.end is not None and self.end.at < self.start.at:
            raise ValueError("an infusion ends after it starts")


@dataclass(frozen=True, slots=True)
class DrugLevel:
    """One infliximab level in ug/mL. `reading` is None where value or unit could not be used (an issue says why).

    `pending` means ordered or preliminary: shown, never used. `assay` is a key of the assay table or None.
    """

    evidence: str
    reading: Reading | None
    drawn: Moment | None
    assay: str | None = None
    assay_from: str | None = None
    pending: bool = False
    specimen: str | None = None


class ReportedSign(StrEnum):
    """What the laboratory itself said about a result: by coded value, interpretation, text or reference range."""

    NEGATIVE = "negative"
    POSITIVE = "positive"


@dataclass(frozen=True, slots=True)
class AntibodyLevel:
    """One antibody-to-infliximab result in the laboratory's own unit, which no other assay shares."""

    evidence: str
    reading: Reading | None
    unit: str | None
    drawn: Moment | None
    assay: str | None = None
    assay_from: str | None = None
    reported: ReportedSign | None = None
    pending: bool = False
    specimen: str | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One laboratory value, weight or score in the concept's canonical unit.

    `upper_limit` is the report's own upper reference limit in that unit, where it gives one.
    """

    concept: str
    reading: Reading
    unit: str
    at: Moment
    evidence: str
    upper_limit: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One result that is positive or negative and no number, such as the surface antigen of hepatitis B.

    `sign` is None where the report says neither (indeterminate, a bare number, both). `pending` means not final: never
    used, only told. `code` is the code or name by which the result was recognised.
    """

    concept: str
    sign: ReportedSign | None
    code: str
    evidence: str
    at: Moment | None
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure that was done and that a row of the procedure table knows; `title` is the row's own words."""

    concept: str
    title: str
    code: str
    at: Moment
    evidence: str


NAMED_ONLY = "medication-by-name-only"  # the issue of a drug that was not counted, because no code of it is known


@dataclass(frozen=True, slots=True)
class MedicationUse:
    """A drug other than infliximab that was given or prescribed (systemic steroid, immunomodulator).

    `given` tells an administration from an order; `end` is None where it is not known to have ended.
    """

    concept: str
    start: Moment | None
    evidence: str
    end: Moment | None = None
    given: bool = False


class ConditionState(StrEnum):
    """Whether a problem-list entry counts now."""

    ACTIVE = "active"
    RECURRENT = "recurrent"  # clinicalStatus recurrence or relapse
    REMISSION = "remission"
    INACTIVE = "inactive"  # inactive or resolved
    UNKNOWN = "unknown"  # no clinicalStatus: read as active


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One coded condition. `concepts` are the rows of the condition table that its code matches."""

    concepts: frozenset[str]
    code: str
    display: str
    state: ConditionState
    evidence: str
    onset: Moment | None = None
    recorded: Moment | None = None

    @property
    def current(self) -> bool:
        """Whether it is to be counted as present."""
        return self.state is not ConditionState.INACTIVE

    @property
    def newest_date(self) -> Moment | None:
        """The later of onset and recording."""
        dates = [d for d in (self.onset, self.recorded) if d is not None]
        return max(dates, key=lambda moment: moment.at) if dates else None


@dataclass(frozen=True, slots=True)
class SuspectedDiagnosis(Diagnosis):
    """One coded condition that is provisional, a differential diagnosis or unconfirmed: never counted as present."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """A recorded reaction or intolerance to infliximab. `severe` is None where the chart does not tell how severe."""

    severe: bool | None
    evidence: str
    recorded: Moment | None = None


UNREAD_TIMING = "order-timing-"  # how the issues of an order begin that say why its timing gives no interval


@dataclass(frozen=True, slots=True)
class InfusionOrder:
    """An order for infliximab: the draft being signed, or one on record.

    `interval_weeks` is None where the order carries no timing that can be read. `reasons` are the condition concepts
    that its reason names, `has_reason` whether it names any reason at all.
    """

    evidence: str
    route: Route = Route.UNKNOWN
    dose_mg: float | None = None
    dose_mg_per_kg: float | None = None
    interval_weeks: float | None = None
    reasons: frozenset[str] = frozenset()
    has_reason: bool = False
    by_name_only: bool = False

    def __post_init__(self) -> None:
        if self.interval_weeks is not None and not 0 < self.interval_weeks <= 104:
            raise ValueError(f"an interval is between 0 and 104 weeks, got {self.interval_weeks}")


@dataclass(frozen=True, slots=True)
class LevelOrder:
    """An open order for an infliximab level, or for its antibody alone, and when it was written."""

    evidence: str
    written: Moment | None = None
    antibody: bool = False


class SourceState(StrEnum):
    """Whether a part of the chart was read: an empty answer is knowledge, a failed one is not."""

    READ = "read"
    INCOMPLETE = "incomplete"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class TreatmentRecord:
    """All that we know of one child, sorted by time. Two equal charts give equal records, whatever the path."""

    patient: Patient
    infusions: tuple[Infusion, ...] = ()
    levels: tuple[DrugLevel, ...] = ()
    antibodies: tuple[AntibodyLevel, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    findings: tuple[Finding, ...] = ()
    medications: tuple[MedicationUse, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    suspected: tuple[SuspectedDiagnosis, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    level_ordered: tuple[LevelOrder, ...] = ()
    sources: Mapping[str, SourceState] = field(default_factory=lambda: MappingProxyType({}))
    issues: tuple[DataIssue, ...] = ()

    def measured(self, concept: str) -> tuple[Measurement, ...]:
        """The values of one concept, oldest first."""
        return tuple(m for m in self.measurements if m.concept == concept)

    def found(self, concept: str) -> tuple[Finding, ...]:
        """The findings of one concept, oldest first; undated ones stand before all others."""
        return tuple(f for f in self.findings if f.concept == concept)

    def only_named(self, concept: str) -> bool:
        """Whether a drug may have been used that is known by its name only, and was not counted."""
        return any(i.code == NAMED_ONLY and i.about == concept for i in self.issues)

    def source(self, name: str) -> SourceState:
        """The state of a part of the chart; a part that nobody asked for counts as read."""
        return self.sources.get(name, SourceState.READ)
