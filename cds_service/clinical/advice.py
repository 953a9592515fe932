"""The decision, as a table: the first row that matches leads.

Question: what may the team consider? Source: the clinical contract, section 2. A row is its number, what it asks of
the facts, and the advice it gives; `docs/how-it-decides.md` shows the same rows to clinicians.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cds_service.clinical.assessment import (
    Advice,
    AdviceKind,
    AntibodyJudgement,
    AntibodyStatus,
    DiseaseJudgement,
    DiseaseStatus,
    GivenRegimen,
    OrderChange,
    OrderedRegimen,
    Qualification,
    Severity,
    StopCondition,
    TroughJudgement,
    TroughStatus,
    TroughTarget,
    Weight,
)
from cds_service.clinical.moments import instant, weeks
from cds_service.clinical.policy import Policy
from cds_service.clinical.regimen import current_interval, next_interval
from cds_service.clinical.timeline import INDUCTION_INFUSIONS, INDUCTION_SPACING_WEEKS

INTENDED_MG_PER_KG = 5.0  # label dose; a draft is measured against at least this
UNDERDOSED = 0.90
SECOND_ON_NEW_SCHEDULE = "before the second infusion on the new schedule"
NEXT_INFUSION = "before the next infusion"
FIRST_TROUGH = "first trough after induction, not steady state"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a row may ask; each value was judged before and carries its own evidence."""

    as_of: datetime
    policy: Policy
    not_applicable: str | None
    cannot_judge: tuple[str, ...]
    stops: tuple[StopCondition, ...]
    gap: bool
    next_infusion_number: int  # 1 where nothing was given yet
    anything_on_record: bool
    given: GivenRegimen | None
    ordered: OrderedRegimen | None
    weight: Weight | None
    trough: TroughJudgement
    target: TroughTarget
    undetectable: bool
    antibody: AntibodyJudgement
    disease: DiseaseJudgement
    level_pending: bool
    level_since_gap: bool  # a level in target or above was drawn when the infusion was already overdue
    reacted: bool
    dose_cap_mg_per_kg: float
    deescalation: bool

    @property
    def below(self) -> bool:
        """A qualifying level under the target."""
        return self.trough.status is TroughStatus.BELOW and self.trough.qualification.qualifies

    @property
    def adequate(self) -> bool:
        """A level in target or above it."""
        return self.trough.status in (TroughStatus.WITHIN, TroughStatus.ABOVE)

    @property
    def active(self) -> bool:
        """Objective inflammation."""
        return self.disease.status is DiseaseStatus.ACTIVE

    @property
    def interval(self) -> float:
        """The interval from which a step is taken, whole weeks."""
        return current_interval(self.given, self.ordered)

    @property
    def step(self) -> int | None:
        """The next shorter interval of the site's list."""
        return next_interval(self.interval, self.policy)

    @property
    def reading_fraction(self) -> float:
        """The highest trough that the sample allows, as a fraction of the lower limit; infinite without a number."""
        measured = self.trough.reading.high if self.trough.reading else float("inf")
        highest = self.trough.implied_trough[1] if self.trough.implied_trough else measured
        return highest / self.target.low

    @property
    def near(self) -> bool:
        """Below by less than 20 %, as an exact number."""
        return not self.undetectable and self.reading_fraction >= self.policy.near_target_fraction

    @property
    def urgent(self) -> bool:
        """Below the assay's limit, under 60 % of the lower limit, or with active disease."""
        return self.undetectable or self.active or self.reading_fraction < self.policy.deep_fraction

    @property
    def underdosed(self) -> bool:
        """The draft is under 90 % of the intended dose per kilogram, at a recent weight."""
        if self.ordered is None or self.ordered.dose_mg_per_kg is None or self.weight is None:
            return False
        return self.ordered.dose_mg_per_kg < UNDERDOSED * self.intended_mg_per_kg

    @property
    def intended_mg_per_kg(self) -> float:
        """Median of the last three infusions, at least the label dose."""
        return max(INTENDED_MG_PER_KG, (self.given.intended_mg_per_kg or 0) if self.given else 0)

    @property
    def last_dose_certain(self) -> bool:
        """The last infusion was completed and its milligrams are known: else it may explain the low trough."""
        return self.given is not None and self.given.last_in_full and self.given.dose_mg is not None

    @property
    def relaxes(self) -> bool:
        """The draft gives less than the regimen given."""
        return self.ordered is not None and self.ordered.change is OrderChange.RELAXES

    @property
    def restarting(self) -> bool:
        """The order asks for induction spacing after a gap: a re-induction is under way."""
        spacing = self.ordered.order.interval_weeks if self.ordered else None
        return (
            self.next_infusion_number > INDUCTION_INFUSIONS
            and spacing is not None
            and (
                spacing < INDUCTION_SPACING_WEEKS and self.trough.qualification is Qualification.AFTER_DELAYED_INFUSION
            )
        )

    @property
    def level_age_weeks(self) -> float:
        """Age of the deciding level; infinite without one."""
        drawn = self.trough.drawn
        return weeks(self.as_of - instant(drawn)) if drawn else float("inf")

    @property
    def level_expired(self) -> bool:
        """No level for 52 weeks in quiet disease, 26 otherwise."""
        quiet = self.disease.status is DiseaseStatus.QUIET
        limit = self.policy.measure_after_weeks_quiet if quiet else self.policy.measure_after_weeks_otherwise
        return self.level_age_weeks > limit

    @property
    def prompt_now(self) -> bool:
        """Not more than 14 days before the due date."""
        due = self.given.due if self.given else None
        return due is None or self.as_of >= instant(due) - timedelta(days=self.policy.prompt_days_before_due)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the precedence table."""

    number: int
    title: str
    when: Callable[[Facts], bool]
    advise: Callable[[Facts], tuple[Advice, ...]]


def _entry(
    kind: AdviceKind, rule: int, *reasons: str, severity: Severity = Severity.INFO, recheck: str | None = None
) -> Advice:
    return Advice(kind, rule, severity, reasons, recheck=recheck)


def _silent(_: Facts) -> tuple[Advice, ...]:
    return ()


def _stopped(f: Facts) -> tuple[Advice, ...]:
    reasons = tuple(dict.fromkeys(stop.label for stop in f.stops))
    return (_entry(AdviceKind.CANNOT_ADVISE, 2, *reasons, severity=Severity.WARNING),)


def _unjudgeable(f: Facts) -> tuple[Advice, ...]:
    return (_entry(AdviceKind.CANNOT_ADVISE, 3, *f.cannot_judge),)


def _after_gap(f: Facts) -> tuple[Advice, ...]:
    if f.level_since_gap:
        return (_entry(AdviceKind.CANNOT_ADVISE, 4, "an infusion was probably given elsewhere"),)
    reasons = (
        "last infusion at least 12 weeks ago and at least 4 weeks overdue",
        "antibody first: reaction risk after a gap",
    )
    return (_entry(AdviceKind.AFTER_GAP, 4, *reasons, recheck="before re-starting"),)


def _in_induction(f: Facts) -> tuple[Advice, ...]:
    if f.next_infusion_number != INDUCTION_INFUSIONS:
        return ()
    reasons = ("order for infusion 3: the first trough worth measuring is before infusion 4",)
    advice = _entry(AdviceKind.MEASURE_TROUGH, 5, *reasons, recheck="before infusion 4")
    return (replace(advice, prompt=f.prompt_now),)


def _await(f: Facts) -> tuple[Advice, ...]:
    advice = _entry(AdviceKind.AWAIT_LEVEL, 6, "a level is ordered or pending", recheck="when the result is there")
    return (replace(advice, prompt=f.prompt_now),)


def _already(_: Facts) -> tuple[Advice, ...]:
    reasons = ("the draft already gives more than the regimen given", "no further step before a new level")
    return (_entry(AdviceKind.ALREADY_INTENSIFIED, 7, *reasons, recheck=SECOND_ON_NEW_SCHEDULE),)


def _measure(f: Facts) -> tuple[Advice, ...]:
    recheck = {
        Qualification.BEFORE_STEADY_STATE: "before the second infusion after the change",
        Qualification.AFTER_DELAYED_INFUSION: "before the following infusion, given on time",
        Qualification.INDUCTION: "before infusion 4",
    }.get(f.trough.qualification, NEXT_INFUSION)
    advice = _entry(AdviceKind.MEASURE_TROUGH, 8, *_why_not_usable(f), recheck=recheck)
    return (replace(advice, prompt=f.prompt_now),)


def _why_not_usable(f: Facts) -> tuple[str, ...]:
    if f.trough.level is None:
        return ("no level on record",)
    if f.trough.reading is None:
        return (*f.trough.reasons, "the value or unit of the level could not be read")
    if f.level_expired:
        return (*f.trough.reasons, "no recent level")
    return f.trough.reasons or ("the level is a bound that does not say on which side of the target it lies",)


def _high_antibody(_: Facts) -> tuple[Advice, ...]:
    reasons = ("trough below target", "antibody high: more drug is not expected to help")
    return (_entry(AdviceKind.REVIEW_ANTIBODY, 9, *reasons, severity=Severity.WARNING),)


def _ungraded_antibody(_: Facts) -> tuple[Advice, ...]:
    reasons = ("trough below target", "antibody positive, not gradable on this assay")
    return (_entry(AdviceKind.REVIEW_ANTIBODY, 10, *reasons, recheck="repeat level and antibody"),)


def _antibody_first(f: Facts) -> tuple[Advice, ...]:
    reasons = ("trough below target", f"antibody {f.antibody.status.value}", *f.antibody.reasons)
    return (_entry(AdviceKind.ORDER_ANTIBODY, 11, *reasons, recheck="add to the same sample, else to the next one"),)


def _restore(f: Facts) -> tuple[Advice, ...]:
    reasons = (
        "trough below target",
        "the draft is under 90 % of the intended dose per kilogram",
        _antibody_reason(f),
    )
    advice = _intensify(
        f, AdviceKind.RESTORE_DOSE, 12, *reasons, recheck="before the second infusion at the restored dose"
    )
    return (replace(advice, dose_mg_per_kg=f.intended_mg_per_kg),)


def _near(_: Facts) -> tuple[Advice, ...]:
    reasons = ("trough below target by less than 20 %", "no objective sign of active disease")
    return (_entry(AdviceKind.NEAR_TARGET, 13, *reasons, recheck=NEXT_INFUSION),)


def _shorten(f: Facts) -> tuple[Advice, ...]:
    reasons = ("trough below target", _antibody_reason(f), "interval above the site's minimum")
    advice = _intensify(f, AdviceKind.SHORTEN_INTERVAL, 14, *reasons, recheck=SECOND_ON_NEW_SCHEDULE)
    first = f.trough.qualification is Qualification.FIRST_MAINTENANCE
    settled = f.last_dose_certain and not f.reacted and (not first or f.policy.button_on_first_maintenance)
    lead = replace(advice, interval_weeks=f.step, button=settled and f.ordered is not None)
    return (lead, *_reinduction(f, 14))


def _review_dose(f: Facts) -> tuple[Advice, ...]:
    reasons = (
        "trough below target",
        _antibody_reason(f),
        "interval at the site's minimum",
        "dose below the site's cap",
    )
    advice = _intensify(f, AdviceKind.REVIEW_DOSE, 15, *reasons, recheck="before the second infusion at the new dose")
    return (advice, *_reinduction(f, 15))


def _at_limit(f: Facts) -> tuple[Advice, ...]:
    reasons = ("trough below target", _antibody_reason(f), "interval and dose at the site's limits")
    return (_entry(AdviceKind.AT_LIMIT, 16, *reasons, recheck="repeat level and antibody"),)


def _less_than_given(f: Facts) -> tuple[Advice, ...]:
    base = _shorten(f) if f.step is not None else _review_dose(f)
    reasons = (*base[0].reasons, "the draft gives less than the regimen given")
    return (replace(base[0], rule=17, severity=Severity.WARNING, reasons=reasons), *base[1:])


def _mechanism(_: Facts) -> tuple[Advice, ...]:
    reasons = ("level in or above target", "objective signs of active disease")
    return (_entry(AdviceKind.REVIEW_MECHANISM, 18, *reasons),)


def _watch(_: Facts) -> tuple[Advice, ...]:
    reasons = ("level in or above target", "antibody positive")
    return (_entry(AdviceKind.WATCH_ANTIBODY, 19, *reasons, recheck="in two infusions"),)


def _deescalate(f: Facts) -> tuple[Advice, ...]:
    reasons = (
        f"two troughs above {f.policy.deescalation_above_ug_per_ml:g} µg/mL",
        "antibody negative",
        "remission documented for at least 6 months",
    )
    return (_entry(AdviceKind.CONSIDER_DEESCALATION, 20, *reasons, recheck=SECOND_ON_NEW_SCHEDULE),)


def _keep(f: Facts) -> tuple[Advice, ...]:
    return (
        _entry(
            AdviceKind.KEEP_REGIMEN,
            21,
            f"level {f.trough.status.value} target" if f.adequate else "nothing to change",
        ),
    )


def _intensify(f: Facts, kind: AdviceKind, rule: int, *reasons: str, recheck: str) -> Advice:
    """Rows 12, 14 and 15 share their severity."""
    severity = Severity.WARNING if f.urgent else Severity.INFO
    return _entry(kind, rule, *reasons, severity=severity, recheck=recheck)


def _reinduction(f: Facts, rule: int) -> tuple[Advice, ...]:
    if not f.undetectable or f.reacted:
        return ()
    reasons = ("level below the assay's limit", "confirm that the last two infusions were given in full")
    return (_entry(AdviceKind.CONSIDER_REINDUCTION, rule, *reasons),)


def _antibody_reason(f: Facts) -> str:
    if f.antibody.status is AntibodyStatus.UNINFORMATIVE:
        return "antibody uninformative, accepted by the site"
    return f"antibody {f.antibody.status.value}"


def _no_excess_antibody(f: Facts) -> bool:
    accepted = f.antibody.status is AntibodyStatus.UNINFORMATIVE and f.policy.free_antibody_accepted
    return accepted or f.antibody.status in (AntibodyStatus.NEGATIVE, AntibodyStatus.LOW)


def _no_usable_level(f: Facts) -> bool:
    if f.trough.qualification is Qualification.STALE:
        return f.trough.status is not TroughStatus.WITHIN or f.level_expired
    undecided = f.trough.status is TroughStatus.UNDETERMINED
    return undecided or f.level_expired


def _dose_open(f: Facts) -> bool:
    """Below the cap; a dose per kilogram that is not known is not known to be at the cap."""
    per_kg = f.given.dose_mg_per_kg if f.given else None
    return per_kg is None or per_kg < f.dose_cap_mg_per_kg * (1 - 1e-9)


def _first_order_or_induction(f: Facts) -> bool:
    return not f.anything_on_record or f.next_infusion_number <= INDUCTION_INFUSIONS or f.restarting


LEADING = (
    Row(
        1,
        "not an intravenous infliximab matter of a child with Crohn's disease",
        lambda f: f.not_applicable is not None,
        _silent,
    ),
    Row(2, "a stop condition", lambda f: bool(f.stops), _stopped),
    Row(3, "cannot be judged", lambda f: bool(f.cannot_judge), _unjudgeable),
    Row(4, "after a gap", lambda f: f.gap, _after_gap),
    Row(5, "(re-)induction, or the first order ever", _first_order_or_induction, _in_induction),
    Row(6, "a level is ordered or pending", lambda f: f.level_pending, _await),
    Row(
        7,
        "the draft already intensifies",
        lambda f: f.ordered is not None and f.ordered.change is OrderChange.INTENSIFIES,
        _already,
    ),
    Row(8, "no usable level", _no_usable_level, _measure),
)
_UNCLEAR = (AntibodyStatus.UNKNOWN, AntibodyStatus.PENDING, AntibodyStatus.UNINFORMATIVE)
LADDER = (
    Row(
        9,
        "below, antibody high",
        lambda f: f.below and f.antibody.status is AntibodyStatus.HIGH,
        _high_antibody,
    ),
    Row(
        10,
        "below, antibody positive and not gradable",
        lambda f: f.below and f.antibody.status is AntibodyStatus.POSITIVE,
        _ungraded_antibody,
    ),
    Row(
        11,
        "below, antibody not known",
        lambda f: f.below and f.antibody.status in _UNCLEAR and not _no_excess_antibody(f),
        _antibody_first,
    ),
    Row(12, "below, draft under-dosed", lambda f: f.below and f.underdosed, _restore),
    Row(13, "below by less than 20 %, not active", lambda f: f.below and f.near and not f.active, _near),
    # The draft that gives less (17) says what 14 and 15 say, and more: it is asked before them.
    Row(
        17,
        "below, and the draft gives less than before",
        lambda f: f.below and f.relaxes and (f.step is not None or _dose_open(f)),
        _less_than_given,
    ),
    Row(14, "below, interval above the minimum", lambda f: f.below and f.step is not None, _shorten),
    Row(
        15,
        "below, interval at the minimum, dose below the cap",
        lambda f: f.below and _dose_open(f),
        _review_dose,
    ),
    Row(16, "below, at both limits", lambda f: f.below, _at_limit),
)
IN_TARGET = (
    Row(18, "in or above target, disease active", lambda f: f.adequate and f.active, _mechanism),
    Row(
        19,
        "in or above target, antibody positive",
        lambda f: (
            f.adequate and f.antibody.status in (AntibodyStatus.LOW, AntibodyStatus.HIGH, AntibodyStatus.POSITIVE)
        ),
        _watch,
    ),
    Row(20, "well above target, long remission", lambda f: f.deescalation, _deescalate),
)
KEEP = Row(21, "nothing to change", lambda _: True, _keep)
LADDER_NUMBERS = frozenset(row.number for row in LADDER)
TABLE = (*LEADING, *LADDER, *IN_TARGET, KEEP)

# Rows that let others follow on the same card. After any of them nothing that intensifies may follow.
_OTHERS_FOLLOW = (2, 6, 7)


def decide(facts: Facts) -> tuple[int, tuple[Advice, ...]]:
    """The number of the leading row, and all entries of the card, the leading one first."""
    leader = next(row for row in TABLE if row.when(facts))
    entries = list(leader.advise(facts))
    if leader in LEADING and leader.number not in _OTHERS_FOLLOW:
        return leader.number, tuple(entries)
    for row in _followers(leader, facts):
        entries.extend(entry for entry in row.advise(facts) if not entry.kind.intensifies)
    return leader.number, tuple(_as_information(entry, facts) for entry in entries)


def _as_information(entry: Advice, facts: Facts) -> Advice:
    """A first trough after induction is not steady state: it informs and never warns (contract, below the table)."""
    if facts.trough.qualification is not Qualification.FIRST_MAINTENANCE or entry.rule not in LADDER_NUMBERS:
        return entry
    return replace(entry, severity=Severity.INFO, reasons=(*entry.reasons, FIRST_TROUGH))


def _followers(leader: Row, facts: Facts) -> list[Row]:
    """Further rows that match: of the ladder only its first, and nothing beside keeping the regimen."""
    if leader is KEEP:
        return []
    ladder = [] if leader in LADDER else [row for row in LADDER if row.when(facts)][:1]
    measure = [LEADING[-1]] if leader.number == 7 and LEADING[-1].when(facts) else []
    return [row for row in (*measure, *ladder, *IN_TARGET) if row is not leader and row.when(facts)]
