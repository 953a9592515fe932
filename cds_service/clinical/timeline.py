"""The infusions in order: which of them are the regimen given now, and when the next is due.

Question: what regimen was the child really given? Source: the clinical contract, section 1. Units: weeks, mg, mg/kg.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from statistics import median

from cds_service.clinical.assessment import GivenRegimen, Phase
from cds_service.clinical.courses import (
    GAP_WEEKS,
    INDUCTION_INFUSIONS,
    INDUCTION_SPACING_WEEKS,
    PlacedInfusion,
    merge_infusions,
    number_infusions,
    weight_on,
)
from cds_service.clinical.knowledge import note
from cds_service.clinical.moments import between, days_ago, given_before, instant, weeks
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import DataIssue, Infusion, Moment, Route, TreatmentRecord

USUAL_INTERVAL_WEEKS = 8.0  # US and EU labels: every 8 weeks after weeks 0, 2 and 6
LATE_DAYS = 7
ROUNDING = 1e-9  # 62 days less 55 days are one week, though sevenths of them differ by a little more
GAP_OVERDUE_WEEKS = 4.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """All intravenous infusions, and the part of them that is the regimen given now.

    `regimen` starts with the infusion after which the current dose or interval held; `on_schedule` are its intervals
    in weeks without delays, oldest first; `late` are the evidences of infusions that came more than 7 days late.
    `planned_weeks` is the interval ordered for the next infusion, which counts only where none was given yet.
    """

    infusions: tuple[PlacedInfusion, ...]
    regimen: tuple[PlacedInfusion, ...]
    on_schedule: tuple[float, ...]
    late: frozenset[tuple[str, ...]]
    after_subcutaneous: bool
    planned_weeks: float | None
    policy: Policy
    issues: tuple[DataIssue, ...]

    @property
    def last(self) -> PlacedInfusion | None:
        """The newest infusion."""
        return self.infusions[-1] if self.infusions else None

    @property
    def interval_weeks(self) -> float | None:
        """Median of the last three intervals kept on the regimen; None before the first."""
        return median(self.on_schedule[-3:]) if self.on_schedule else None

    @property
    def restarted(self) -> bool:
        """The last infusion ended a gap, so that a re-induction may have begun with it."""
        if len(self.infusions) < 2:
            return False
        gap = weeks(between(self.infusions[-2].start, self.infusions[-1].start))
        return gap >= GAP_WEEKS and gap - self._interval_after(self.infusions[-2]) >= GAP_OVERDUE_WEEKS

    def due_after(self, placed: PlacedInfusion) -> Moment | None:
        """When the infusion after `placed` is due; None inside an induction, whose spacing is the clinician's."""
        if placed.number < INDUCTION_INFUSIONS:
            return None
        return replace(placed.start, at=placed.start.at + timedelta(weeks=self._interval_after(placed)))

    def _interval_after(self, placed: PlacedInfusion) -> float:
        """The interval kept when `placed` was given; without one the planned, else the usual interval, in weeks."""
        kept = self.on_schedule
        if not self.regimen or placed.start < self.regimen[0].start:
            kept = current_regimen([p for p in self.infusions if p.start <= placed.start], self.policy)[1]
        if kept:
            return median(kept[-3:])
        return (self.planned_weeks if placed is self.last else None) or USUAL_INTERVAL_WEEKS

    def before(self, sample: Moment) -> PlacedInfusion | None:
        """The infusion before a sample."""
        return next((p for p in reversed(self.infusions) if given_before(p.infusion, sample)), None)

    def following(self, placed: PlacedInfusion) -> PlacedInfusion | None:
        """The infusion after another one."""
        return next((p for p in self.infusions if instant(p.start) > instant(placed.start)), None)


def build_timeline(
    record: TreatmentRecord, policy: Policy, as_of: Moment, ordered_weeks: float | None = None
) -> Timeline:
    """Place every infusion of the record; `ordered_weeks` is the interval of the draft, where it states one."""
    weights = record.measured("weight")
    intravenous = [i for i in record.infusions if i.route is not Route.SUBCUTANEOUS]
    other = [i for i in record.infusions if i.route is Route.SUBCUTANEOUS]
    merged = merge_infusions(intravenous)
    waiting = days_ago(merged[-1][0].start, as_of.at) / 7 if merged else None
    numbered = number_infusions(merged, waiting)
    placed = tuple(replace(p, kg=weight_on(weights, p.start, policy)) for p in numbered)
    since_subcutaneous = max((instant(i.start) for i in other), default=None)
    counted = tuple(p for p in placed if since_subcutaneous is None or instant(p.start) > since_subcutaneous)
    last = placed[-1] if placed else None
    regimen, on_schedule, late = current_regimen(counted, policy, waiting)
    return Timeline(
        infusions=placed,
        regimen=regimen,
        on_schedule=on_schedule,
        late=late,
        after_subcutaneous=since_subcutaneous is not None and not counted,
        planned_weeks=_planned(ordered_weeks, last, as_of),
        policy=policy,
        issues=_issues(merged, placed),
    )


def _planned(ordered_weeks: float | None, last: PlacedInfusion | None, as_of: Moment) -> float | None:
    """The draft's interval, if the next infusion can be meant by it: one long overdue by it is ordered for later."""
    if ordered_weeks is None or last is None:
        return None
    return ordered_weeks if days_ago(last.start, as_of.at) <= ordered_weeks * 7 + LATE_DAYS else None


def current_regimen(
    infusions: Sequence[PlacedInfusion], policy: Policy, waiting_weeks: float | None = None
) -> tuple[tuple[PlacedInfusion, ...], tuple[float, ...], frozenset[tuple[str, ...]]]:
    """The infusions on the regimen given now, its intervals kept, and which came late.

    One regimen is mg/kg within 20 % and interval within 1 week. A shorter interval is a change at once, unless the
    next one returns to the old, or the wait for it has (`waiting_weeks` since the last infusion), or an extra infusion
    cut the old one in two; a longer one is a delay until it repeats. A change of dose keeps the interval.
    """
    course = _maintenance_course(infusions)
    gaps = [weeks(between(a.start, b.start)) for a, b in pairwise(course)]
    tolerance = policy.regimen_interval_tolerance_weeks + ROUNDING
    start = 0
    kept: list[float] = []
    late: set[tuple[str, ...]] = set()
    for index, gap in enumerate(gaps):
        following = gaps[index + 1] if index + 1 < len(gaps) else None
        extra = any(_adds_up(gap, beside, kept, tolerance) for beside in (*gaps[index - 1 : index], following))
        step = "early" if extra else _step(gap, following, kept, tolerance, waiting_weeks)
        if step == "change":
            start, kept, late = index, [gap], set()
        elif step == "late":
            late.add(course[index + 1].evidence)
        elif step == "kept":
            kept.append(gap)
        if _dose_changed(course[start : index + 1], course[index + 1], policy.regimen_dose_tolerance):
            start = index + 1
    return tuple(course[start:]), tuple(kept), frozenset(late)


def _maintenance_course(infusions: Sequence[PlacedInfusion]) -> Sequence[PlacedInfusion]:
    """From infusion 3 of the newest (re-)induction on: the infusions whose spacing is the regimen's."""
    starts = [i for i, p in enumerate(infusions) if p.number <= INDUCTION_INFUSIONS]
    if not starts:
        return infusions
    return infusions[starts[-1] :] if infusions[starts[-1]].number == INDUCTION_INFUSIONS else ()


def _step(gap: float, following: float | None, kept: Sequence[float], tolerance: float, waiting: float | None) -> str:
    """What one interval means after those kept so far: kept, late, early (once) or change."""
    usual = median(kept[-3:]) if kept else None
    if usual is None:
        late_first = gap > USUAL_INTERVAL_WEEKS + tolerance and (following is None or abs(following - gap) > tolerance)
        return "late" if late_first else "kept"
    if abs(gap - usual) <= tolerance:
        return "kept"
    if gap > usual:
        repeats = following is not None and abs(following - gap) <= tolerance
        return "change" if repeats else "late"
    ahead = waiting if following is None else following
    return "early" if ahead is not None and abs(ahead - usual) <= tolerance else "change"


def _adds_up(gap: float, beside: float | None, kept: Sequence[float], tolerance: float) -> bool:
    """Whether two intervals are one of the usual, cut by an extra infusion closer than any maintenance."""
    if beside is None or not kept:
        return False
    return min(gap, beside) < INDUCTION_SPACING_WEEKS and abs(gap + beside - median(kept[-3:])) <= tolerance


def _dose_changed(regimen: Sequence[PlacedInfusion], newest: PlacedInfusion, tolerance: float) -> bool:
    """Whether the newest complete infusion leaves the regimen's dose, per kilogram where both weights are known."""
    if not newest.infusion.complete:
        return False
    complete = [p for p in regimen if p.infusion.complete][-3:]
    per_kg = [p.mg_per_kg for p in complete if p.mg_per_kg is not None]
    mg = [p.infusion.dose_mg for p in complete if p.infusion.dose_mg is not None]
    if newest.mg_per_kg is not None and per_kg:
        return abs(newest.mg_per_kg / median(per_kg) - 1) > tolerance
    if newest.infusion.dose_mg is not None and mg:
        return abs(newest.infusion.dose_mg / median(mg) - 1) > tolerance
    return False


def phase_at(timeline: Timeline, as_of: Moment) -> Phase:
    """Where the child stands: induction until infusion 3 and six weeks after it."""
    last = timeline.last
    if last is None:
        return Phase.UNKNOWN if timeline.after_subcutaneous else Phase.NOT_STARTED
    soon = last.number == INDUCTION_INFUSIONS and days_ago(last.start, as_of.at) < 42
    if last.number < INDUCTION_INFUSIONS or soon:
        return Phase.REINDUCTION if last.reinduction else Phase.INDUCTION
    return Phase.MAINTENANCE


def given_regimen(timeline: Timeline) -> GivenRegimen | None:
    """What the child received, as shown to the reader; None before the first infusion."""
    last = timeline.last
    if last is None:
        return None
    gaps = [weeks(between(a.start, b.start)) for a, b in pairwise(timeline.regimen)]
    complete = [p for p in timeline.infusions if p.infusion.complete]
    full = complete[-1] if complete else None
    recent = [p.mg_per_kg for p in complete if p.mg_per_kg is not None][-3:]
    return GivenRegimen(
        dose_mg=last.infusion.dose_mg,
        dose_mg_per_kg=last.mg_per_kg,
        dosing_weight_kg=last.kg,
        interval_weeks=timeline.interval_weeks,
        intervals_weeks=tuple(reversed(gaps[-3:])),
        infusions_on_regimen=len(timeline.regimen),
        infusions_on_record=len(timeline.infusions),
        last_infusion=last.start,
        due=timeline.due_after(last),
        intended_mg_per_kg=median(recent) if recent else None,
        last_in_full=last.infusion.complete,
        full_mg=full.infusion.dose_mg if full else None,
        full_mg_per_kg=full.mg_per_kg if full else None,
    )


def overdue_gap(timeline: Timeline, as_of: Moment) -> bool:
    """Whether the last infusion is at least 12 weeks ago and at least 4 weeks overdue, with no injection since."""
    last = timeline.last
    if last is None or timeline.after_subcutaneous:
        return False
    due = timeline.due_after(last) or last.start  # inside an induction, 12 weeks are overdue by any spacing
    since, overdue = days_ago(last.start, as_of.at) / 7, days_ago(due, as_of.at) / 7
    return since >= GAP_WEEKS and overdue >= GAP_OVERDUE_WEEKS


def _issues(
    merged: Sequence[tuple[Infusion, tuple[str, ...]]], placed: Sequence[PlacedInfusion]
) -> tuple[DataIssue, ...]:
    found = []
    if placed and placed[0].number != 1:
        found.append(note("started-elsewhere"))
    for infusion, evidence in merged[-4:]:
        day = infusion.start.day_in_words
        if len(evidence) > 1:
            found.append(note("merged-infusions", day=day, evidence=evidence[0]))
        if not infusion.complete:
            found.append(note("partial-infusion", day=day, evidence=evidence[0]))
    return tuple(found)
