"""Which records are one infusion, and which infusion of the course it is.

Question: is this the second infusion of an induction or the twentieth of the maintenance? Source: the clinical
contract, section 1: infusions are counted, not weeks. Units: weeks, mg, kg, mg/kg.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from cds_service.clinical.moments import between, instant, weeks
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import Infusion, Measurement, Moment

INDUCTION_INFUSIONS = 3
# Labels give the first two infusions 2 weeks apart; maintenance is never closer than 4 weeks (clinical contract, 5).
INDUCTION_SPACING_WEEKS = 3.0
# A first recorded interval of 5 weeks or more is no induction interval: the beginning is not on record.
MAINTENANCE_SPACING_WEEKS = 5.0
ONE_INFUSION = timedelta(hours=24)
COMPLETED_WITHIN = timedelta(days=7)  # J: what was left of an interrupted infusion is given within days
USUAL_DURATION = timedelta(hours=2)
GAP_WEEKS = 12.0


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


def merge_infusions(infusions: Sequence[Infusion]) -> list[tuple[Infusion, tuple[str, ...]]]:
    """One value per infusion: equal records count once, parts within 24 hours or after an interruption add up.

    Duplicates share start and dose, whatever their status: of two that differ in it the complete one counts. Parts
    (rate changes, a second bag) have their doses added, and the whole is complete when its last part is. Oldest first,
    with the evidence of every record.
    """
    groups: list[list[Infusion]] = []
    for infusion in sorted(infusions, key=lambda i: (instant(i.start), i.evidence)):
        if groups and _continues(groups[-1], infusion):
            groups[-1].append(infusion)
        else:
            groups.append([infusion])
    return [(_merge(group), tuple(i.evidence for i in group)) for group in groups]


def _continues(group: Sequence[Infusion], infusion: Infusion) -> bool:
    """Whether it is a part of the same infusion: within 24 hours, or within days after it was interrupted."""
    since = instant(infusion.start) - instant(group[0].start)
    interrupted = not any(part.complete for part in group)
    return since < ONE_INFUSION or (interrupted and since < COMPLETED_WITHIN)


def _merge(group: list[Infusion]) -> Infusion:
    distinct: dict[tuple[Moment, float | None], Infusion] = {}
    for infusion in group:
        known = distinct.setdefault((infusion.start, infusion.dose_mg), infusion)
        if infusion.complete and not known.complete:
            distinct[infusion.start, infusion.dose_mg] = infusion
    parts = list(distinct.values())
    doses = [i.dose_mg for i in parts if i.dose_mg is not None]
    ends = [i.end or i.start for i in parts if i.end or i is not parts[0]]
    return replace(
        parts[0],
        end=max(ends, key=instant) if ends else None,
        dose_mg=sum(doses) if len(doses) == len(parts) else None,
        complete=parts[-1].complete,
    )


def number_infusions(
    merged: Sequence[tuple[Infusion, tuple[str, ...]]], waiting_weeks: float | None = None
) -> list[PlacedInfusion]:
    """Count infusions from the start of each (re-)induction; infusions are counted, not weeks.

    A course starts with the first infusion on record, unless the record plainly begins in maintenance, and with any
    later infusion that is followed by another within less than 3 weeks and, unless treatment was interrupted before,
    by a third within less than 5 weeks of that, or not yet (`waiting_weeks` since the last): one extra dose is none.
    """
    gaps = [weeks(between(a.start, b.start)) for (a, _), (b, _) in pairwise(merged)]
    placed: list[PlacedInfusion] = []
    number = INDUCTION_INFUSIONS if _starts_in_maintenance(gaps) else 0
    reinduction = False
    waiting = 0.0 if waiting_weeks is None else waiting_weeks
    for index, (infusion, evidence) in enumerate(merged):
        followed_soon = index < len(gaps) and gaps[index] < INDUCTION_SPACING_WEEKS
        interrupted = index > 0 and gaps[index - 1] >= GAP_WEEKS
        third_soon = [*gaps, waiting][min(index + 1, len(gaps))] < MAINTENANCE_SPACING_WEEKS
        restarts = number >= INDUCTION_INFUSIONS and followed_soon and (interrupted or third_soon)
        lapsed = 0 < number < INDUCTION_INFUSIONS and gaps[index - 1] >= GAP_WEEKS
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


def weight_on(weights: Sequence[Measurement], day: Moment, policy: Policy) -> float | None:
    """The newest exact weight in kg of that day or at most 12 weeks before it."""
    window = timedelta(days=policy.weight_window_days)
    for weight in reversed(weights):
        age = instant(day) - instant(weight.at)
        if age > window:
            break
        if weight.reading.comparator is None and (age >= timedelta(0) or weight.at.same_day(day)):
            return weight.reading.value
    return None
