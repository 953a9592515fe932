"""The infusions in order: what was one infusion, which course and regimen it belongs to, when the next is due.

Question: what regimen was the child really given? Source: the clinical contract, section 1. Units: weeks, mg, mg/kg.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from statistics import median

from cds_service.clinical.assessment import GivenRegimen, Phase
from cds_service.clinical.knowledge import note
from cds_service.clinical.moments import between, given_before, instant, weeks
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import DataIssue, Infusion, Measurement, Moment, Route, TreatmentRecord

INDUCTION_INFUSIONS = 3
USUAL_INTERVAL_WEEKS = 8.0  # US and EU labels: every 8 weeks after weeks 0, 2 and 6
# Labels give the first two infusions 2 weeks apart; maintenance is never closer than 4 weeks (advice contract 5).
INDUCTION_SPACING_WEEKS = 3.0
# A first recorded interval of 5 weeks or more is no induction interval: the beginning is not on record.
MAINTENANCE_SPACING_WEEKS = 5.0
ONE_INFUSION = timedelta(hours=24)
USUAL_DURATION = timedelta(hours=2)
LATE_DAYS = 7
GAP_WEEKS = 12.0
GAP_OVERDUE_WEEKS = 4.0


@dataclass(frozen=True, slots=True)
class PlacedInfusion:
    """One infusion in its place: its number in the (re-)induction course and its dose per kilogram.

    `number` counts from 1; `reinduction` tells a later course from the first. `kg` is the weight of that day.
    """

    infusion: Infusion
    evidence: tuple[str, ...]
    number: int
    reinduction: bool
    kg: float | None = None

    @property
    def start(self) -> Moment:
        """When it began."""
        return self.infusion.start

    @property
    def end(self) -> Moment:
        """When it ended; two hours after its start where the chart does not say."""
        return self.infusion.end or replace(self.start, at=self.start.at + USUAL_DURATION)

    @property
    def mg_per_kg(self) -> float | None:
        """Dose per kilogram of that day, where both are known."""
        dose = self.infusion.dose_mg
        return None if dose is None or not self.kg else dose / self.kg


@dataclass(frozen=True, slots=True)
class Timeline:
    """All intravenous infusions, and the part of them that is the regimen given now.

    `regimen` starts with the infusion after which the current dose or interval held; `on_schedule` are its intervals
    in weeks without delays, oldest first; `late` are the evidences of infusions that came more than 7 days late.
    """

    infusions: tuple[PlacedInfusion, ...]
    regimen: tuple[PlacedInfusion, ...]
    on_schedule: tuple[float, ...]
    late: frozenset[tuple[str, ...]]
    changed: bool
    after_subcutaneous: bool
    issues: tuple[DataIssue, ...]

    @property
    def last(self) -> PlacedInfusion | None:
        """The newest infusion."""
        return self.infusions[-1] if self.infusions else None

    @property
    def interval_weeks(self) -> float | None:
        """Median of the last three intervals kept on the regimen; None before the first."""
        return median(self.on_schedule[-3:]) if self.on_schedule else None

    def due_after(self, placed: PlacedInfusion, ordered_weeks: float | None = None) -> Moment | None:
        """When the infusion after `placed` is due; None inside an induction, whose spacing is the clinician's."""
        if placed.number < INDUCTION_INFUSIONS:
            return None
        interval = self.interval_weeks if placed in self.regimen else None
        interval = interval or ordered_weeks or USUAL_INTERVAL_WEEKS
        return replace(placed.start, at=placed.start.at + timedelta(weeks=interval))

    def before(self, sample: Moment) -> PlacedInfusion | None:
        """The infusion before a sample."""
        given = [p for p in self.infusions if given_before(p.infusion, sample)]
        return given[-1] if given else None

    def following(self, placed: PlacedInfusion) -> PlacedInfusion | None:
        """The infusion after another one."""
        index = self.infusions.index(placed) + 1
        return self.infusions[index] if index < len(self.infusions) else None


def build_timeline(record: TreatmentRecord, policy: Policy) -> Timeline:
    """Place every infusion of the record."""
    weights = record.measured("weight")
    intravenous = [i for i in record.infusions if i.route is not Route.SUBCUTANEOUS]
    other = [i for i in record.infusions if i.route is Route.SUBCUTANEOUS]
    merged = merge_infusions(intravenous)
    placed = tuple(
        replace(p, kg=weight_on(weights, p.start, policy)) for p in number_infusions([i for i, _ in merged], merged)
    )
    since_subcutaneous = max((instant(i.start) for i in other), default=None)
    counted = tuple(p for p in placed if since_subcutaneous is None or instant(p.start) > since_subcutaneous)
    regimen, on_schedule, late, changed = current_regimen(counted, policy)
    return Timeline(
        infusions=placed,
        regimen=regimen,
        on_schedule=on_schedule,
        late=late,
        changed=changed,
        after_subcutaneous=since_subcutaneous is not None and not counted,
        issues=_issues(merged, placed),
    )


def merge_infusions(infusions: Sequence[Infusion]) -> list[tuple[Infusion, tuple[str, ...]]]:
    """One value per infusion: equal records count once, parts within 24 hours add up.

    Duplicates share start and dose; parts (rate changes, a second bag) have their doses added, and the whole is
    complete when its last part is. Oldest first, with the evidence of every record.
    """
    groups: list[list[Infusion]] = []
    for infusion in sorted(infusions, key=lambda i: (instant(i.start), i.evidence)):
        if groups and instant(infusion.start) - instant(groups[-1][0].start) < ONE_INFUSION:
            groups[-1].append(infusion)
        else:
            groups.append([infusion])
    return [(_merge(group), tuple(i.evidence for i in group)) for group in groups]


def _merge(group: list[Infusion]) -> Infusion:
    parts = list({(i.start, i.dose_mg, i.complete): i for i in reversed(group)}.values())[::-1]
    if len(parts) == 1:
        return parts[0]
    doses = [i.dose_mg for i in parts]
    ends = [i.end for i in parts if i.end is not None]
    return replace(
        parts[0],
        end=max(ends, key=instant) if ends else None,
        dose_mg=None if None in doses else sum(d for d in doses if d is not None),
        complete=parts[-1].complete,
    )


def number_infusions(
    infusions: Sequence[Infusion], merged: Sequence[tuple[Infusion, tuple[str, ...]]]
) -> list[PlacedInfusion]:
    """Count infusions from the start of each (re-)induction; infusions are counted, not weeks.

    A course starts with the first infusion on record, unless the record plainly begins in maintenance, and with any
    later infusion that is followed by another within less than 3 weeks.
    """
    gaps = [weeks(between(a.start, b.start)) for a, b in pairwise(infusions)]
    placed: list[PlacedInfusion] = []
    number = INDUCTION_INFUSIONS if _starts_in_maintenance(gaps) else 0
    reinduction = False
    for index, (infusion, evidence) in enumerate(merged):
        restarts = (
            number >= INDUCTION_INFUSIONS and index > 0 and index < len(gaps) and gaps[index] < INDUCTION_SPACING_WEEKS
        )
        lapsed = 0 < number < INDUCTION_INFUSIONS and index > 0 and gaps[index - 1] >= GAP_WEEKS
        if restarts or lapsed:
            number, reinduction = 0, True
        number += 1
        placed.append(PlacedInfusion(infusion, evidence, number, reinduction))
    return placed


def _starts_in_maintenance(gaps: Sequence[float]) -> bool:
    """Whether the first recorded intervals are maintenance intervals, so that the beginning is not on record."""
    if not gaps:
        return False
    steady_four_weekly = len(gaps) >= 2 and min(gaps[:2]) > INDUCTION_SPACING_WEEKS and abs(gaps[0] - gaps[1]) <= 1
    return gaps[0] >= MAINTENANCE_SPACING_WEEKS or steady_four_weekly


def current_regimen(
    infusions: Sequence[PlacedInfusion], policy: Policy
) -> tuple[tuple[PlacedInfusion, ...], tuple[float, ...], frozenset[tuple[str, ...]], bool]:
    """The infusions on the regimen given now, its intervals kept, the late ones, and whether it followed a change.

    One regimen is mg/kg within 20 % and interval within 1 week. A shorter interval is a change at once, unless the
    next one returns to the old; a longer one is a delay until it repeats.
    """
    course = _maintenance_course(infusions)
    gaps = [weeks(between(a.start, b.start)) for a, b in pairwise(course)]
    start = 0
    kept: list[float] = []
    late: set[tuple[str, ...]] = set()
    for index, gap in enumerate(gaps):
        following = gaps[index + 1] if index + 1 < len(gaps) else None
        step = _step(gap, following, kept, policy.regimen_interval_tolerance_weeks)
        if step == "change":
            start, kept, late = index, [gap], set()
        elif step == "late":
            late.add(course[index + 1].evidence)
        elif step == "kept":
            kept.append(gap)
        if _dose_changed(course[start : index + 1], course[index + 1], policy.regimen_dose_tolerance):
            start, kept, late = index + 1, [], set()
    return tuple(course[start:]), tuple(kept), frozenset(late), start > 0


def _maintenance_course(infusions: Sequence[PlacedInfusion]) -> Sequence[PlacedInfusion]:
    """From infusion 3 of the newest (re-)induction on: the infusions whose spacing is the regimen's."""
    starts = [i for i, p in enumerate(infusions) if p.number <= INDUCTION_INFUSIONS]
    if not starts:
        return infusions
    return infusions[starts[-1] :] if infusions[starts[-1]].number == INDUCTION_INFUSIONS else ()


def _step(gap: float, following: float | None, kept: Sequence[float], tolerance: float) -> str:
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
    returns = following is not None and abs(following - usual) <= tolerance
    return "early" if returns else "change"


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


def weight_on(weights: Sequence[Measurement], day: Moment, policy: Policy) -> float | None:
    """The newest exact weight in kg of that day or at most 12 weeks before it."""
    window = timedelta(days=policy.weight_window_days)
    usable = [
        w
        for w in weights
        if w.reading.comparator is None
        and (w.at.same_day(day) or instant(w.at) <= instant(day))
        and instant(day) - instant(w.at) <= window
    ]
    return usable[-1].reading.value if usable else None


def phase_at(timeline: Timeline, as_of: Moment) -> Phase:
    """Where the child stands: induction until infusion 3 and six weeks after it."""
    last = timeline.last
    if last is None:
        return Phase.UNKNOWN if timeline.after_subcutaneous else Phase.NOT_STARTED
    soon = last.number == INDUCTION_INFUSIONS and weeks(between(last.start, as_of)) < 6
    if last.number < INDUCTION_INFUSIONS or soon:
        return Phase.REINDUCTION if last.reinduction else Phase.INDUCTION
    return Phase.MAINTENANCE


def given_regimen(timeline: Timeline, ordered_weeks: float | None) -> GivenRegimen | None:
    """What the child received, as shown to the reader; None before the first infusion."""
    last = timeline.last
    if last is None:
        return None
    gaps = [weeks(between(a.start, b.start)) for a, b in pairwise(timeline.regimen)]
    recent = [p.mg_per_kg for p in timeline.infusions if p.infusion.complete and p.mg_per_kg is not None][-3:]
    return GivenRegimen(
        dose_mg=last.infusion.dose_mg,
        dose_mg_per_kg=last.mg_per_kg,
        dosing_weight_kg=last.kg,
        interval_weeks=timeline.interval_weeks,
        intervals_weeks=tuple(reversed(gaps[-3:])),
        infusions_on_regimen=len(timeline.regimen),
        infusions_on_record=len(timeline.infusions),
        last_infusion=last.start,
        due=timeline.due_after(last, ordered_weeks),
        intended_mg_per_kg=median(recent) if recent else None,
        last_in_full=last.infusion.complete,
    )


def overdue_gap(timeline: Timeline, as_of: Moment) -> bool:
    """Whether the last infusion is at least 12 weeks ago and at least 4 weeks overdue."""
    last = timeline.last
    if last is None:
        return False
    due = timeline.due_after(last) or replace(last.start, at=last.start.at + timedelta(weeks=4))
    since, overdue = weeks(between(last.start, as_of)), weeks(between(due, as_of))
    return since >= GAP_WEEKS and overdue >= GAP_OVERDUE_WEEKS


def _issues(
    merged: Sequence[tuple[Infusion, tuple[str, ...]]], placed: Sequence[PlacedInfusion]
) -> tuple[DataIssue, ...]:
    found = []
    if placed and placed[0].number > 1:
        found.append(note("started-elsewhere"))
    for infusion, evidence in merged[-4:]:
        day = infusion.start.day.isoformat()
        if len(evidence) > 1:
            found.append(note("merged-infusions", day=day, evidence=evidence[0]))
        if not infusion.complete:
            found.append(note("partial-infusion", day=day, evidence=evidence[0]))
    return tuple(found)
