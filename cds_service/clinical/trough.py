"""Is this level a trough, and is it in target?

Question: may this level decide about the regimen? Source: the clinical contract, section 1 (qualification, first
match). Units: ug/mL, hours, days. A level is judged against the regimen given when it was drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import permutations

from cds_service.clinical.assessment import Qualification, TroughJudgement, TroughStatus, TroughTarget
from cds_service.clinical.courses import INDUCTION_INFUSIONS, ONE_INFUSION, PlacedInfusion
from cds_service.clinical.knowledge import judgement
from cds_service.clinical.moments import (
    DAY,
    between,
    days,
    days_ago,
    drawn_within_a_day_before,
    given_before,
    instant,
    shares_day_without_time,
)
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import DrugLevel, Moment, Reading
from cds_service.clinical.timeline import LATE_DAYS, ROUNDING, Timeline

FIRST_MAINTENANCE_DAYS = 42
EARLIEST_DAYS = 14
LONGEST_HALF_LIFE_DAYS = 14.0
MOST_INFUSIONS_SINCE = 2
HIGHEST_PLAUSIBLE_UG_PER_ML = 100.0  # J: peaks reach it, troughs do not; a wrong unit does
LATER_AND_HIGHER = "levels contradict each other: a later one is higher without an infusion between"
ONE_TIME = "levels contradict each other: two of one time differ by more than the assay varies"
IMPLAUSIBLE = "above 100 µg/mL: not plausible for a trough, check the unit"


@dataclass(frozen=True, slots=True)
class Setting:
    """One dated level between its infusions: what was given before it, after it, and when the next was due."""

    level: DrugLevel
    drawn: Moment
    previous: PlacedInfusion
    following: PlacedInfusion | None
    due: Moment
    timeline: Timeline
    target: TroughTarget
    policy: Policy
    as_of: datetime

    @property
    def days_late(self) -> int:
        """Whole days from the due date to the sample (negative before it)."""
        return days(between(self.due, self.drawn))

    @property
    def end(self) -> Moment:
        """The end of the interval: the infusion given, or the due date if that came too early or not yet."""
        return self.due if self.following is None or self.infusion_came_early else self.following.start

    @property
    def infusion_came_early(self) -> bool:
        """Whether the next infusion was given more than 7 days before it was due."""
        return self.following is not None and days(between(self.following.start, self.due)) > LATE_DAYS

    @property
    def regimen_infusions_before(self) -> int:
        """How many infusions of the current regimen precede the sample."""
        return sum(given_before(p.infusion, self.drawn) for p in self.timeline.regimen)


def status_of(reading: Reading | None, target: TroughTarget) -> TroughStatus:
    """The reading against the target: a bound counts only where its whole interval falls on one side."""
    if reading is None:
        return TroughStatus.UNDETERMINED
    if reading.surely_below(target.low):
        return TroughStatus.BELOW
    if target.high is not None and reading.surely_above(target.high):
        return TroughStatus.ABOVE
    inside = reading.surely_at_least(target.low) and (target.high is None or reading.high <= target.high)
    return TroughStatus.WITHIN if inside else TroughStatus.UNDETERMINED


def judge_levels(
    levels: Sequence[DrugLevel],
    timeline: Timeline,
    target: TroughTarget,
    policy: Policy,
    as_of: datetime,
) -> tuple[TroughJudgement, ...]:
    """Every reported level, qualified, newest first; levels without a date come first, since they may be newest."""
    reported = [level for level in levels if not level.pending]
    undated = [level for level in reported if level.drawn is None]
    dated = sorted((level for level in reported if level.drawn is not None), key=_newest_first, reverse=True)
    return tuple(judge_level(level, timeline, target, policy, as_of) for level in (*undated, *dated))


def _newest_first(level: DrugLevel) -> tuple[datetime, str]:
    assert level.drawn is not None  # noqa: S101 - the caller keeps dated levels only
    return instant(level.drawn), level.evidence


def judge_level(
    level: DrugLevel,
    timeline: Timeline,
    target: TroughTarget,
    policy: Policy,
    as_of: datetime,
) -> TroughJudgement:
    """Qualify one level and compare it with the target."""
    drawn = level.drawn
    if drawn is None:
        return TroughJudgement(level, Qualification.UNPAIRED, reasons=("no collection time",))
    previous = timeline.before(drawn)
    if previous is None:
        return TroughJudgement(level, Qualification.UNPAIRED, reasons=("no infusion before the sample",))
    following = timeline.following(previous)
    due = timeline.due_after(previous) or (following.start if following else drawn)
    setting = Setting(level, drawn, previous, following, due, timeline, target, policy, as_of)
    qualification, reasons = _qualify(setting)
    judgement = TroughJudgement(
        level=level,
        qualification=qualification,
        status=_status(setting, qualification),
        hours_after_previous_infusion=between(previous.start, drawn).total_seconds() / 3600,
        hours_before_next_infusion=between(drawn, following.start if following else due).total_seconds() / 3600,
        implied_trough=_implied(setting) if qualification in (Qualification.EARLY, Qualification.TOO_EARLY) else None,
        reasons=(*reasons, *_visit_reason(setting), *((IMPLAUSIBLE,) if _implausible(setting) else ())),
    )
    return _stale(judgement, setting)


def _qualify(s: Setting) -> tuple[Qualification, tuple[str, ...]]:
    """The first match of the qualification table; staleness is judged on its result."""
    after = days(between(s.previous.start, s.drawn))
    if between(s.previous.end, s.drawn) <= ONE_INFUSION:
        return Qualification.DURING_OR_AFTER_INFUSION, ("drawn during or within 24 h after an infusion",)
    if s.previous.number < INDUCTION_INFUSIONS:
        return Qualification.INDUCTION, (f"drawn before infusion {s.previous.number + 1} of the induction",)
    if s.previous.number == INDUCTION_INFUSIONS and after < FIRST_MAINTENANCE_DAYS:
        return Qualification.INDUCTION, ("drawn less than 6 weeks after infusion 3",)
    if s.previous.evidence in s.timeline.late:
        return Qualification.AFTER_DELAYED_INFUSION, ("the infusion before the sample came more than 7 days late",)
    if s.days_late > LATE_DAYS:
        return Qualification.AFTER_DELAYED_INFUSION, ("the sample came more than 7 days after the infusion was due",)
    first = s.previous.number == INDUCTION_INFUSIONS
    if s.regimen_infusions_before < (1 if first else 2):
        return Qualification.BEFORE_STEADY_STATE, ("fewer than two infusions on the current regimen before the sample",)
    timing, reasons = _timing(s, after)
    if first and timing.qualifies:
        return Qualification.FIRST_MAINTENANCE, ("first trough after induction, not steady state", *reasons)
    return timing, reasons


def _timing(s: Setting, days_after: int) -> tuple[Qualification, tuple[str, ...]]:
    """Trough, early or too early by the time left to the end of the interval."""
    low = s.level.reading is not None and s.level.reading.surely_below(s.target.low)
    if _at_the_end(s):
        if s.infusion_came_early and not low:
            return Qualification.TOO_EARLY, ("the next infusion came more than 7 days early",)
        return Qualification.TROUGH, ()
    if days_after < EARLIEST_DAYS:
        return Qualification.TOO_EARLY, ("drawn less than 14 days after the infusion",)
    if low:
        return Qualification.EARLY, ("drawn early and already below target: the trough is lower still",)
    left = _surely_left(s)
    if left is not None and left.surely_at_least(s.target.low) and not s.infusion_came_early:
        return Qualification.EARLY, ("drawn early; still in target at the shortest half-life",)
    return Qualification.TOO_EARLY, ("drawn too early to tell the trough",)


def _at_the_end(s: Setting) -> bool:
    """At most 24 h before the infusion or the due date, or up to 7 days after it with no infusion yet."""
    if s.following is not None and drawn_within_a_day_before(s.drawn, s.following.start):
        return True
    return drawn_within_a_day_before(s.drawn, s.due) or 0 <= s.days_late <= LATE_DAYS


def _implied(s: Setting) -> tuple[float, float] | None:
    """The troughs that half-lives of 7 and 14 days imply, as shown to the reader; for a bound, those of its number."""
    if s.level.reading is None:
        return None
    value = s.level.reading.value
    return _left(s, value, s.policy.early_half_life_days), _left(s, value, LONGEST_HALF_LIFE_DAYS)


def _surely_left(s: Setting) -> Reading | None:
    """The trough that the sample surely implies, at the shortest half-life: of `<7`, which may be nothing, nothing."""
    reading = s.level.reading
    return None if reading is None else Reading(_left(s, reading.low, s.policy.early_half_life_days))


def _left(s: Setting, value: float, half_life_days: float) -> float:
    """What is left at the end of the interval of a value measured in the sample."""
    return float(value * 0.5 ** (between(s.drawn, s.end) / DAY / half_life_days))


def _status(s: Setting, qualification: Qualification) -> TroughStatus:
    if not qualification.qualifies or _implausible(s):
        return TroughStatus.UNDETERMINED
    status = status_of(s.level.reading, s.target)
    if status is TroughStatus.UNDETERMINED or _at_the_end(s):
        return status
    return status_of(_surely_left(s), s.target)


def _implausible(s: Setting) -> bool:
    return s.level.reading is not None and s.level.reading.low > HIGHEST_PLAUSIBLE_UG_PER_ML


def _stale(judgement: TroughJudgement, s: Setting) -> TroughJudgement:
    """A qualifying level that is too old to decide keeps its status, so that an adequate one is not forgotten."""
    since = sum(not given_before(p.infusion, s.drawn) for p in s.timeline.infusions)
    old = days_ago(s.drawn, s.as_of) > s.policy.stale_after_weeks * 7
    if not judgement.qualification.qualifies or not (old or since > MOST_INFUSIONS_SINCE):
        return judgement
    reason = (
        f"drawn more than {s.policy.stale_after_weeks:g} weeks ago"
        if old
        else "more than two infusions since the sample"
    )
    return replace(judgement, qualification=Qualification.STALE, reasons=(*judgement.reasons, reason))


def _visit_reason(s: Setting) -> tuple[str, ...]:
    same_day = s.following is not None and shares_day_without_time(s.following.infusion, s.drawn)
    return ("same day as the infusion without a time: read as drawn before it",) if same_day else ()


def deciding(judgements: Sequence[TroughJudgement]) -> TroughJudgement:
    """The newest qualifying level that is not stale; without one, the newest; without any, none."""
    usable = [j for j in judgements if j.qualification.qualifies and j.reading is not None]
    dated = [j for j in judgements if j.drawn is not None]
    return next(iter((*usable, *dated, *judgements)), TroughJudgement(None, Qualification.NONE))


def contradiction(judgements: Sequence[TroughJudgement], decider: TroughJudgement, timeline: Timeline) -> str | None:
    """How levels of the decider's interval contradict: a later one is higher with no infusion between them.

    Of two samples with one time, either may be the later one. Within a day no drug to speak of is lost, and what the
    assay varies by itself contradicts nothing.
    """
    interval = _interval_of(decider, timeline)
    same = [
        (instant(j.drawn), j.reading)
        for j in judgements
        if j.drawn is not None
        and j.reading is not None
        and j.qualification is not Qualification.DURING_OR_AFTER_INFUSION
        and _interval_of(j, timeline) == interval
    ]
    at_one_time = [
        earlier == later
        for (earlier, lower), (later, higher) in permutations(same, 2)
        if interval is not None and earlier <= later and higher.low > lower.high * _noise(later - earlier)
    ]
    if not at_one_time:
        return None
    return ONE_TIME if all(at_one_time) else LATER_AND_HIGHER


def _noise(apart: timedelta) -> float:
    """By which factor two levels may differ before they contradict each other."""
    return 1 + judgement("assay_variation") + ROUNDING if apart <= DAY else 1.0


def _interval_of(judgement: TroughJudgement, timeline: Timeline) -> tuple[str, ...] | None:
    previous = timeline.before(judgement.drawn) if judgement.drawn else None
    return previous.evidence if previous else None
