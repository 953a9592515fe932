"""The weight of today, and whether it can be believed.

Question: which weight turns milligrams into mg/kg now? Source: the clinical contract, section 2, row 12 (at most 12
weeks old). Units: kg.
"""

from dataclasses import dataclass
from datetime import datetime

from cds_service.clinical.assessment import Weight
from cds_service.clinical.knowledge import note
from cds_service.clinical.moments import between, days, days_ago
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import DataIssue, TreatmentRecord


@dataclass(frozen=True, slots=True)
class Weighing:
    """The newest exact weight, however old; `usable` is the same where it may judge a dose; `doubt` says why not."""

    newest: Weight | None
    usable: Weight | None
    doubt: DataIssue | None = None


def judge_weight(record: TreatmentRecord, policy: Policy, as_of: datetime) -> Weighing:
    """The newest weight; usable at most 12 weeks, and only where the one before it does not contradict it."""
    weighed = _newest_first(record)
    weight = next(iter(weighed), None)
    if weight is None or days_ago(weight.at, as_of) > policy.weight_window_days:
        return Weighing(weight, None)
    other = next((earlier for earlier in weighed[1:] if _contradicts(earlier, weight, policy)), None)
    return Weighing(weight, None, _doubt(weight, other)) if other else Weighing(weight, weight)


def _newest_first(record: TreatmentRecord) -> list[Weight]:
    exact = [m for m in record.measured("weight") if m.reading.comparator is None and m.reading.value > 0]
    return [Weight(m.reading.value, m.at, m.evidence) for m in reversed(exact)]


def _contradicts(earlier: Weight, newest: Weight, policy: Policy) -> bool:
    """Whether no child changes so much in so short a time: a slip, or pounds read as kilograms, in one of the two."""
    recent = days(between(earlier.at, newest.at)) <= policy.weight_window_days
    return recent and abs(newest.kg / earlier.kg - 1) > policy.weight_change_fraction


def _doubt(newest: Weight, other: Weight) -> DataIssue:
    return note(
        "weight-in-doubt",
        value=f"{newest.kg:g}",
        day=newest.at.day_in_words,
        earlier=f"{other.kg:g}",
        earlier_day=other.at.day_in_words,
        evidence=newest.evidence,
    )
