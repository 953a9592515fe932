"""All that we conclude about one order, as of one instant, with the evidence beside each conclusion.

Question: what comes out of the medicine? Cards, `--explain`, pages and the ledger read this and nothing else.
The JSON form and its key names are fixed in docs/schemas; `explain` writes it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from math import inf

from cds_service.clinical.record import (
    UNREAD_TIMING,
    AntibodyLevel,
    Comparator,
    DataIssue,
    Diagnosis,
    DrugLevel,
    InfusionOrder,
    IssueLevel,
    Moment,
    Reaction,
    Reading,
)
from cds_service.clinical.site_model import BaselineModel, Calibration, SiteModel


class Phase(StrEnum):
    """Where the child stands in the treatment."""

    NOT_STARTED = "not-started"
    INDUCTION = "induction"
    REINDUCTION = "re-induction"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


class Qualification(StrEnum):
    """What a level may be used for; meaning and precedence in docs/how-it-decides.md."""

    TROUGH = "trough"
    EARLY = "early"
    FIRST_MAINTENANCE = "first-maintenance"
    TOO_EARLY = "too-early"
    DURING_OR_AFTER_INFUSION = "during-or-after-infusion"
    AFTER_DELAYED_INFUSION = "after-delayed-infusion"
    INDUCTION = "induction"
    BEFORE_STEADY_STATE = "before-steady-state"
    STALE = "stale"
    UNPAIRED = "unpaired"
    NONE = "none"

    @property
    def qualifies(self) -> bool:
        """Whether the level may decide about the regimen."""
        return self in (Qualification.TROUGH, Qualification.EARLY, Qualification.FIRST_MAINTENANCE)


class TroughStatus(StrEnum):
    """The trough against its target."""

    BELOW = "below"
    WITHIN = "within"
    ABOVE = "above"
    UNDETERMINED = "undetermined"


class AntibodyStatus(StrEnum):
    """The antibody by its assay's own thresholds."""

    NEGATIVE = "negative"
    LOW = "low"
    HIGH = "high"
    POSITIVE = "positive"  # positive, not gradable on that assay
    UNINFORMATIVE = "uninformative"  # negative by an assay that is blind while drug is present
    PENDING = "pending"
    UNKNOWN = "unknown"


class DiseaseStatus(StrEnum):
    """Objective inflammation; symptom scores alone never make it active."""

    ACTIVE = "active"
    QUIET = "quiet"
    UNKNOWN = "unknown"


class AdviceKind(StrEnum):
    """What the team may consider."""

    SHORTEN_INTERVAL = "shorten_interval"
    REVIEW_DOSE = "review_dose"
    RESTORE_DOSE = "restore_dose"
    AT_LIMIT = "at_limit"
    NEAR_TARGET = "near_target"
    CONSIDER_REINDUCTION = "consider_reinduction"
    REVIEW_ANTIBODY = "review_antibody"
    ORDER_ANTIBODY = "order_antibody"
    AWAIT_LEVEL = "await_level"
    MEASURE_TROUGH = "measure_trough"
    AFTER_GAP = "after_gap"
    ALREADY_INTENSIFIED = "already_intensified"
    REVIEW_MECHANISM = "review_mechanism"
    WATCH_ANTIBODY = "watch_antibody"
    CONSIDER_DEESCALATION = "consider_deescalation"
    KEEP_REGIMEN = "keep_regimen"
    CANNOT_ADVISE = "cannot_advise"

    @property
    def intensifies(self) -> bool:
        """Whether it asks for more drug."""
        return self in (
            AdviceKind.SHORTEN_INTERVAL,
            AdviceKind.REVIEW_DOSE,
            AdviceKind.RESTORE_DOSE,
            AdviceKind.CONSIDER_REINDUCTION,
        )


class Severity(StrEnum):
    """A card's indicator (CDS Hooks 2.0.1). We never use `critical`: nothing here is a matter of minutes."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Weight:
    """The newest usable weight."""

    kg: float
    at: Moment
    evidence: str


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Who is judged. `age_years` has one decimal and is None without a birth date."""

    id: str
    birth_date: date | None
    age_years: float | None
    weight: Weight | None


@dataclass(frozen=True, slots=True)
class GivenRegimen:
    """What the child received: median of the last three intervals on the regimen, dose of the last infusion."""

    dose_mg: float | None
    dose_mg_per_kg: float | None
    dosing_weight_kg: float | None
    interval_weeks: float | None
    intervals_weeks: tuple[float, ...]  # newest first
    infusions_on_regimen: int
    infusions_on_record: int
    last_infusion: Moment
    due: Moment | None
    intended_mg_per_kg: float | None  # median of the last three infusions
    last_in_full: bool = True  # the last infusion was charted as completed
    full_mg: float | None = None  # of the last completed infusion: the dose to compare with and to go on with
    full_mg_per_kg: float | None = None


class OrderChange(StrEnum):
    """The draft against the regimen given."""

    NONE = "none"
    INTENSIFIES = "intensifies"
    RELAXES = "relaxes"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OrderedRegimen:
    """What the draft asks for. An interval that the draft does not state is the given one, marked inferred."""

    order: InfusionOrder
    dose_mg: float | None
    dose_mg_per_kg: float | None
    interval_weeks: float | None
    interval_inferred: bool
    change: OrderChange
    over_limits: tuple[str, ...] = ()  # in which way it leaves the site's limits, to follow "the draft"


@dataclass(frozen=True, slots=True)
class TroughJudgement:
    """Whether a level is a trough, why, and what it says against the target.

    Hours are None where the neighbouring infusion is unknown. `status` is determined for qualifying levels and for
    stale ones that qualified when they were drawn.
    """

    level: DrugLevel | None
    qualification: Qualification
    status: TroughStatus = TroughStatus.UNDETERMINED
    hours_after_previous_infusion: float | None = None
    hours_before_next_infusion: float | None = None  # the next infusion given, else the due date
    implied_trough: tuple[float, float] | None = None  # by half-lives of 7 and 14 days
    reasons: tuple[str, ...] = ()

    @property
    def reading(self) -> Reading | None:
        """The level as a number or bound, where there is one."""
        return self.level.reading if self.level else None

    @property
    def lowest_trough(self) -> float:
        """The lowest trough that the sample allows: that of the shortest half-life where it was drawn early."""
        low = self.reading.low if self.reading else 0.0
        return min(low, self.implied_trough[0]) if self.implied_trough else low

    @property
    def highest_trough(self) -> float:
        """The highest trough that the sample allows: that of the longest half-life where it was drawn early."""
        high = self.reading.high if self.reading else inf
        return self.implied_trough[1] if self.implied_trough and high < inf else high

    @property
    def drawn(self) -> Moment | None:
        """When the sample was drawn, where that is known."""
        return self.level.drawn if self.level else None


@dataclass(frozen=True, slots=True)
class TroughTarget:
    """A therapeutic range in ug/mL; `high` is None where the profile has no upper end."""

    profile: str
    low: float
    high: float | None
    citation: str


@dataclass(frozen=True, slots=True)
class AntibodyJudgement:
    """The antibody of the deciding sample. `source` says whose thresholds were used."""

    status: AntibodyStatus
    result: AntibodyLevel | None = None
    same_sample: bool | None = None
    source: str | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiseaseMarker:
    """One objective marker and how it was read."""

    marker: str
    value: float
    comparator: Comparator | None
    unit: str
    at: Moment
    reading: str
    evidence: str


@dataclass(frozen=True, slots=True)
class DiseaseJudgement:
    """Objective disease activity with its evidence."""

    status: DiseaseStatus
    evidence: tuple[DiseaseMarker, ...] = ()


@dataclass(frozen=True, slots=True)
class StopCondition:
    """A reason for which no intensification of any kind is offered."""

    name: str
    label: str
    evidence: str
    code: str | None
    since: Moment | None


class PredictorState(StrEnum):
    """Whether a published predictor could be used."""

    USED = "used"
    MISSING = "missing"
    OUTSIDE_WINDOW = "outside-window"
    OUT_OF_RANGE = "out-of-range"


@dataclass(frozen=True, slots=True)
class Predictor:
    """One input of the pre-treatment risk; `log_odds` is its contribution against the reference child."""

    name: str
    value: float | bool | None
    unit: str | None
    as_of: Moment | None
    state: PredictorState
    odds_ratio: float
    ci95: tuple[float, float]
    log_odds: float | None
    bounded: bool = False
    evidence: str | None = None


class Hindrance(StrEnum):
    """Why a site's own model says nothing of a child."""

    NOT_KNOWN = "not-known"
    OUTSIDE_RANGE = "outside-range"  # of the children it was fitted on


@dataclass(frozen=True, slots=True)
class Probability:
    """How probable a low trough was by the site's own model, from 0 to 1, with the 95 % interval."""

    model: SiteModel
    value: float
    ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class NoProbability:
    """The site has a model of its own, and these predictors keep it from saying anything."""

    model: SiteModel
    hindered_by: tuple[tuple[str, Hindrance], ...]


@dataclass(frozen=True, slots=True)
class RiskEstimate:
    """Relative odds of a low trough before treatment, against a stated reference child.

    They compare with a child alike in what is missing; `possible_odds` are the lowest and highest they could be,
    whatever the missing predictors are, and None where none is missing or none was used. `by_the_site` is None where
    the site has no model of its own.
    """

    model: str
    outcome: str
    relative_odds: float | None
    ci95: tuple[float, float] | None
    reference: tuple[tuple[str, float | bool | None], ...]
    possible_odds: tuple[float, float] | None = None
    by_the_site: Probability | NoProbability | None = None

    @property
    def calibration(self) -> Calibration:
        """What the probability rests on; none where there is no probability."""
        if not isinstance(self.by_the_site, Probability):
            return Calibration.NONE
        own = self.by_the_site.model
        return Calibration.BASELINE if isinstance(own, BaselineModel) else Calibration.RECALIBRATED


@dataclass(frozen=True, slots=True)
class ExpectedTrough:
    """A trough that the models expect, in ug/mL: the median and the range that holds nine of ten children."""

    median: float
    p05: float
    p95: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a regimen would do, judged at the second trough on it, the one to measure.

    `at_least_low` and `above_high` are chances, `above_high` None where the target has no upper end, and
    `far_above_high` that of more than one and a half times it. `by_model` is each model's median second trough,
    `at_least_low_by_model` its chance.
    """

    second_trough: ExpectedTrough
    steady_trough: ExpectedTrough
    at_least_low: float
    above_high: float | None
    far_above_high: float | None
    by_model: tuple[float, ...]
    at_least_low_by_model: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One regimen that the team may consider. `mg_per_kg_per_year` needs a dose, `expected` a forecast.

    `allowed` is False for an option that goes too far in one step or far above the target.
    """

    interval_weeks: float
    dose_mg_per_kg: float | None
    mg_per_kg_per_year: float | None
    current: bool
    recommended: bool
    dose_mg: float | None = None
    allowed: bool = True
    expected: Expectation | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The option that leads. `sufficient` is False where none is likely to reach the target.

    `interval_alone` is False where none is without a higher dose. `interval_range` (weeks) is given where the models,
    each by itself, would choose different intervals.
    """

    option: Option
    sufficient: bool
    interval_alone: bool = True
    interval_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the models expect of this child: of the unchanged regimen, of each option, and of the draft if it differs.

    `models` are names and weights, `assumed` the covariates that were not known, in words.
    """

    models: tuple[tuple[str, float], ...]
    unchanged: Option
    options: tuple[Option, ...]
    draft: Option | None
    assumed: tuple[str, ...] = ()
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """One entry of what the team may consider; the first one leads.

    `reasons` are short phrases a clinician reads; `button` says whether a card may carry a suggestion; `prompt`
    is False where it is concluded but not shown yet (more than 14 days before the due date).
    """

    kind: AdviceKind
    rule: int
    severity: Severity
    reasons: tuple[str, ...] = ()
    interval_weeks: float | None = None
    interval_weeks_range: tuple[float, float] | None = None
    dose_mg_per_kg: float | None = None
    recheck: str | None = None
    button: bool = False
    prompt: bool = True


@dataclass(frozen=True, slots=True)
class Versions:
    """What produced the conclusion."""

    software: str
    knowledge: str
    policy: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """The whole conclusion. `leading_rule` is the row of the precedence table that led, also when it is silent."""

    as_of: datetime
    applies: bool
    not_applicable_reason: str | None
    patient: PatientFacts
    phase: Phase
    given: GivenRegimen | None
    ordered: OrderedRegimen | None
    trough: TroughJudgement
    target: TroughTarget
    trough_status: TroughStatus
    undetectable: bool
    antibody: AntibodyJudgement
    disease: DiseaseJudgement
    stop_conditions: tuple[StopCondition, ...]
    predictors: tuple[Predictor, ...]
    risk: RiskEstimate
    options: tuple[Option, ...]
    forecast: Forecast | None
    advice: tuple[Advice, ...]
    leading_rule: int
    diagnoses: tuple[Diagnosis, ...]
    reactions: tuple[Reaction, ...]
    newer_levels: tuple[TroughJudgement, ...]  # newer than the deciding one, and why they do not decide
    issues: tuple[DataIssue, ...]
    versions: Versions
    unread_parts: tuple[str, ...] = ()  # parts of the chart that could not be read, or not in full
    newer_antibody: AntibodyJudgement | None = None  # drawn after the deciding level, not negative, and not used
    unused_results: tuple[DataIssue, ...] = ()  # of levels and antibodies that may be newer than those that decide

    @property
    def interval_unread(self) -> bool:
        """Whether the order does state when, but not so that it could be read: the interval given stands in for it."""
        unread = (i.level is not IssueLevel.NOTE and i.code.startswith(UNREAD_TIMING) for i in self.issues)
        return self.ordered is not None and self.ordered.interval_inferred and any(unread)

    @property
    def leading(self) -> Advice | None:
        """The entry that leads, if there is one."""
        return self.advice[0] if self.advice else None
