"""What the models are told of this child: infusions, levels and covariates in days, from the record.

Question: is there enough to forecast from, and what had to be assumed? Source: the clinical contract, section 5. A day
without a time is its noon; a sample of an infusion day without a time was drawn just before that infusion.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cds_service.clinical.antibody import is_positive
from cds_service.clinical.assessment import Qualification, TroughJudgement, Weight
from cds_service.clinical.courses import PlacedInfusion
from cds_service.clinical.knowledge import assays
from cds_service.clinical.moments import days_ago, instant
from cds_service.clinical.pk.assumed import complete
from cds_service.clinical.pk.case import Bound, Case, CovariateRow, GivenDose, MeasuredLevel
from cds_service.clinical.record import (
    Comparator,
    DrugLevel,
    Measurement,
    Moment,
    Reading,
    SourceState,
    TreatmentRecord,
)
from cds_service.clinical.timeline import USUAL_INTERVAL_WEEKS, Timeline

SHORTEST_INFUSION_DAYS = 1 / 96  # a quarter of an hour: a shorter one is a slip of the clock
MOST_LEVELS = 8  # J: older ones say little of the child now
ALBUMIN_WINDOW_DAYS = 183  # J
INFUSIONS_BEFORE_THE_RECORD = 6  # J: what was given before them is gone
INFUSIONS_BEFORE_A_LEVEL = 8  # J: so is what came before the last so many ahead of the oldest level
ALBUMIN_MODELLED_G_PER_L = (25.0, 55.0)  # as in the models' files; one of the past beyond them counts as the nearer end
G_PER_L_IN_G_PER_DL = 10.0
_BOUNDS = {
    Comparator.LESS: Bound.BELOW,
    Comparator.LESS_OR_EQUAL: Bound.BELOW,
    Comparator.GREATER: Bound.ABOVE,
    Comparator.GREATER_OR_EQUAL: Bound.ABOVE,
}


@dataclass(frozen=True, slots=True)
class History:
    """The case, when the next infusion is given (days), which covariates were assumed, and whether its beginning was.

    Days count from the first infusion on record. `old_albumin` is the day of an albumin that is used for want of a
    recent one; it is among the `missing`, because it may have changed.
    """

    case: Case
    next_infusion: float
    missing: frozenset[str]
    beginning_assumed: bool
    old_albumin: date | None = None

    @property
    def weight_kg(self) -> float:
        """The weight of today."""
        return self.case.covariates[-1].values["weight_kg"]

    @property
    def last_mg(self) -> float:
        """What the last infusion gave."""
        return self.case.infusions[-1].mg


@dataclass(frozen=True, slots=True)
class NoHistory:
    """Why there is nothing to forecast from, in words that complete "not forecast: …"."""

    reason: str


def read_history(
    record: TreatmentRecord,
    timeline: Timeline,
    judgements: Sequence[TroughJudgement],
    weight: Weight | None,
    as_of: datetime,
) -> History | NoHistory:
    """What the models need, or why it cannot be had. `weight` is a recent one, for the infusions to come."""
    last = timeline.last
    if last is None:
        return NoHistory("no infusion on record")
    if weight is None:
        return NoHistory("no recent weight")
    without_dose = next((p for p in timeline.infusions if p.infusion.dose_mg is None), None)
    if without_dose is not None:
        return NoHistory(f"the dose of the infusion of {without_dose.start.day_in_words} is not known")
    day = _days_from(timeline.infusions[0].start)
    infusions = tuple(_dose(placed, day) for placed in timeline.infusions)
    begun_elsewhere = timeline.infusions[0].number != 1
    earlier = _before_the_record(infusions, timeline) if begun_elsewhere else ()
    settled = infusions[1].time if begun_elsewhere and len(infusions) > 1 else 0.0
    levels = [level for level in _levels(judgements, timeline, day) if level.time > settled][-MOST_LEVELS:]
    if not levels:
        return NoHistory("no level with a time that can be used")
    starts = [placed.start for placed in timeline.infusions]
    today = Moment(as_of.replace(hour=0, minute=0, second=0, microsecond=0), day_only=True)
    known = [*(_covariates(record, start) for start in starts), _covariates(record, today, weight)]
    times = [*(day(start) for start in starts), _next_infusion(timeline, last, day, as_of, levels)]
    rows = tuple(CovariateRow(time, complete(values)) for time, values in zip(times, known, strict=True))
    unknown = {name for name, value in known[-1].items() if value is None}
    old_albumin = _old_albumin(record, as_of)
    still_there = _not_yet_gone((*earlier, *infusions), levels[0])
    return History(
        case=Case(still_there, tuple(levels), rows),
        next_infusion=times[-1],
        missing=frozenset(unknown | {"albumin_g_per_dl"} if old_albumin else unknown),
        beginning_assumed=still_there[0].time < infusions[0].time,
        old_albumin=old_albumin,
    )


def _days_from(origin: Moment) -> Callable[[Moment], float]:
    begin = instant(origin)
    return lambda moment: (instant(moment) - begin) / timedelta(days=1)


def _dose(placed: PlacedInfusion, day: Callable[[Moment], float]) -> GivenDose:
    start = day(placed.start)
    return GivenDose(start, max(day(placed.end) - start, SHORTEST_INFUSION_DAYS), placed.infusion.dose_mg or 0.0)


def _before_the_record(infusions: Sequence[GivenDose], timeline: Timeline) -> tuple[GivenDose, ...]:
    """Infusions like the first on record, at its interval: treatment began before the record does."""
    first = infusions[0]
    interval = infusions[1].time if len(infusions) > 1 else (timeline.interval_weeks or USUAL_INTERVAL_WEEKS) * 7
    back = range(INFUSIONS_BEFORE_THE_RECORD, 0, -1)
    return tuple(GivenDose(first.time - n * interval, first.duration, first.mg) for n in back)


def _not_yet_gone(infusions: tuple[GivenDose, ...], oldest: MeasuredLevel) -> tuple[GivenDose, ...]:
    """Without the infusions that left nothing by the oldest level."""
    before = sum(dose.time < oldest.time for dose in infusions)
    return infusions[max(before - INFUSIONS_BEFORE_A_LEVEL, 0) :]


def _levels(
    judgements: Sequence[TroughJudgement], timeline: Timeline, day: Callable[[Moment], float]
) -> list[MeasuredLevel]:
    """Every level that says something, also those that are no trough, oldest first; those of a day only as troughs."""
    found = []
    for judgement in judgements:
        drawn, reading = judgement.drawn, judgement.reading
        previous = timeline.before(drawn) if drawn else None
        if previous is None or drawn is None or reading is None or not _speaks(judgement, drawn):
            continue
        following = timeline.following(previous)
        time = min(day(drawn), day(following.start)) if following else day(drawn)
        level = _measured(reading, judgement.level, time)
        if level is not None:
            found.append(level)
    return sorted(set(found), key=lambda level: (level.time, level.value))  # reported twice, measured once


def _speaks(judgement: TroughJudgement, drawn: Moment) -> bool:
    """Whether a level may be compared with a curve: final, and with a time as exact as the curve is steep there."""
    pending = judgement.level is not None and judgement.level.pending
    if pending or judgement.qualification is Qualification.DURING_OR_AFTER_INFUSION:
        return False
    return judgement.qualification.qualifies or not drawn.day_only


def _measured(reading: Reading, level: DrugLevel | None, time: float) -> MeasuredLevel | None:
    """As a number or a bound; a number that its assay cannot measure is a bound, and 0 on an unknown assay is none."""
    assay = assays().get(level.assay or "") if level else None
    lowest = assay.drug_lloq if assay and assay.drug_lloq is not None else 0.0
    if reading.comparator is None:
        below = reading.value < lowest
        return MeasuredLevel(time, lowest, Bound.BELOW) if below else _positive(time, reading.value, None)
    return _positive(time, reading.value, _BOUNDS[reading.comparator])


def _positive(time: float, value: float, bound: Bound | None) -> MeasuredLevel | None:
    return MeasuredLevel(time, value, bound) if value > 0 else None


def _next_infusion(
    timeline: Timeline,
    last: PlacedInfusion,
    day: Callable[[Moment], float],
    as_of: datetime,
    levels: Sequence[MeasuredLevel],
) -> float:
    """The due day, or today where that has passed; by whole days, so that the hour of the call changes nothing."""
    due = timeline.due_after(last)
    waited = float(max(days_ago(last.start, as_of), 0))
    planned = (instant(due) - instant(last.start)) / timedelta(days=1) if due else waited
    return max(day(last.start) + max(planned, waited), levels[-1].time)


def _covariates(record: TreatmentRecord, at: Moment, weight: Weight | None = None) -> dict[str, float | None]:
    """The covariates as last known on a day; before the first value the first one counts."""
    kg = weight.kg if weight else _as_of(record.measured("weight"), at)
    albumin = _as_of(record.measured("albumin"), at)
    if albumin is not None and weight is None:  # of the past: no clearance is extrapolated; of today: the models refuse
        lowest, highest = ALBUMIN_MODELLED_G_PER_L
        albumin = min(max(albumin, lowest), highest)
    return {
        "weight_kg": kg,
        "albumin_g_per_dl": None if albumin is None else albumin / G_PER_L_IN_G_PER_DL,
        "antibody_positive": _antibody(record, at),
        "immunomodulator": _immunomodulator(record, at),
        "crohns": 1.0,
    }


def _old_albumin(record: TreatmentRecord, as_of: datetime) -> date | None:
    """The day of the newest albumin, where it is too old to be sure of today: the last levels were seen with it too."""
    newest = next(reversed(list(_exact(record.measured("albumin")))), None)
    return newest.at.day if newest and days_ago(newest.at, as_of) > ALBUMIN_WINDOW_DAYS else None


def _exact(values: Sequence[Measurement]) -> Iterator[Measurement]:
    return (m for m in values if m.reading.comparator is None and m.reading.value > 0)


def _as_of(values: Sequence[Measurement], at: Moment) -> float | None:
    exact = list(_exact(values))
    before = [m for m in exact if _not_after(m.at, at)]
    chosen = before[-1:] or exact[:1]
    return chosen[0].reading.value if chosen else None


def _antibody(record: TreatmentRecord, at: Moment) -> float | None:
    """1 from the first positive sample on, 0 from a negative one on; None before any sample that says which."""
    known = [
        (a.drawn, found)
        for a in record.antibodies
        if a.drawn is not None and not a.pending and (found := is_positive(a)) is not None
    ]
    known.sort(key=lambda row: instant(row[0]))
    before = [found for drawn, found in known if _not_after(drawn, at)]
    latest = before[-1:] or [found for _, found in known[:1]]
    return float(latest[0]) if latest else None


def _immunomodulator(record: TreatmentRecord, at: Moment) -> float | None:
    """1 while one was taken; 0 where the prescriptions were read and say nothing; None where that is not known."""
    taken = any(
        m.concept == "immunomodulator"
        and (m.start is None or _not_after(m.start, at))
        and (m.end is None or _not_after(at, m.end))
        for m in record.medications
    )
    if taken:
        return 1.0
    read = record.source("prescriptions") is SourceState.READ
    return 0.0 if read and not record.only_named("immunomodulator") else None


def _not_after(one: Moment, other: Moment) -> bool:
    """By the day: what happened on the same day counts, whatever the hour."""
    return instant(one) <= instant(other) or one.same_day(other)
