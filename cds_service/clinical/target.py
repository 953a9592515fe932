"""Which target applies to this child?

Question: the site's profile, or the higher one for an active perianal fistula? Source: the clinical contract,
section 1; numbers and citations in knowledge/targets.toml (ug/mL) and knowledge/perianal.toml (points of the item).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cds_service.clinical.assessment import TroughTarget
from cds_service.clinical.knowledge import note, perianal_item, target
from cds_service.clinical.moments import days_ago
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import ConditionState, DataIssue, Diagnosis, Measurement, Moment, TreatmentRecord

FISTULA = "perianal_fistula"
ITEM = "perianal_item"
PROCEDURE = "perianal_procedure"
RAISED = "perianal-weak"  # told wherever an active fistula raised the target


def choose_target(
    record: TreatmentRecord, policy: Policy, as_of: datetime
) -> tuple[TroughTarget, tuple[DataIssue, ...]]:
    """The target and what must be said about it: where it is the perianal one, on what that rests."""
    fistulas = [d for d in record.diagnoses if FISTULA in d.concepts and d.current]
    if not fistulas:
        return target(policy.target_profile), ()
    activity = _activity(fistulas, record, policy, as_of)
    doubts = tuple(_implausible_items(record, policy, as_of))
    if policy.perianal_profile and activity:
        return target("perianal"), (note(RAISED), *activity, *doubts)
    return target(policy.target_profile), (note("fistula-listed", evidence=fistulas[0].evidence), *doubts)


def _activity(
    fistulas: Sequence[Diagnosis], record: TreatmentRecord, policy: Policy, as_of: datetime
) -> tuple[DataIssue, ...]:
    """The newest sign of activity of each kind inside the window."""
    entries = [d for d in fistulas if _recently_active(d, policy, as_of)]
    active_from = perianal_item().active_from
    items = [m for m in _items(record, policy, as_of) if _plausible(m) and m.reading.surely_at_least(active_from)]
    procedures = [p for p in record.procedures if p.concept == PROCEDURE and _recent(p.at, policy, as_of)]
    return (
        *(note("perianal-entry", day=_day(d.newest_date), evidence=d.evidence) for d in entries[-1:]),
        *(_of_item("perianal-item", m) for m in items[-1:]),
        *(note("perianal-procedure", day=_day(p.at), title=p.title, evidence=p.evidence) for p in procedures[-1:]),
    )


def _recently_active(diagnosis: Diagnosis, policy: Policy, as_of: datetime) -> bool:
    """A new entry inside the window, or one called recurrent that carries no older date."""
    dated = diagnosis.newest_date
    if dated is None:
        return diagnosis.state is ConditionState.RECURRENT
    return days_ago(dated, as_of) <= policy.perianal_activity_days


def _items(record: TreatmentRecord, policy: Policy, as_of: datetime) -> list[Measurement]:
    return [m for m in record.measured(ITEM) if _recent(m.at, policy, as_of)]


def _plausible(item: Measurement) -> bool:
    """A whole score under the name of its item would else raise the target."""
    return item.reading.high <= perianal_item().highest


def _implausible_items(record: TreatmentRecord, policy: Policy, as_of: datetime) -> Iterator[DataIssue]:
    for item in _items(record, policy, as_of):
        if not _plausible(item):
            yield _of_item("perianal-item-implausible", item)


def _of_item(code: str, item: Measurement) -> DataIssue:
    sign = item.reading.comparator or ""
    value, highest = f"{sign}{item.reading.value:g}", f"{perianal_item().highest:g}"
    return note(code, day=_day(item.at), value=value, highest=highest, evidence=item.evidence)


def _recent(at: Moment, policy: Policy, as_of: datetime) -> bool:
    return days_ago(at, as_of) <= policy.perianal_activity_days


def _day(at: Moment | None) -> str:
    return at.day_in_words if at else "without a date"
