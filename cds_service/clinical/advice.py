"""The decision, as a table: the first row that matches leads.

Question: what may the team consider? Source: the clinical contract, section 2. A row is its number, what it asks of
the facts, and what it says (`entries`); docs/how-it-decides.md shows the same rows to clinicians.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cds_service.clinical import entries as say
from cds_service.clinical.assessment import Advice, AntibodyStatus, Qualification, Severity
from cds_service.clinical.facts import Facts

FIRST_TROUGH = "first trough after induction, not steady state"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the precedence table."""

    number: int
    title: str
    when: Callable[[Facts], bool]
    advise: Callable[[Facts], tuple[Advice, ...]]


NOT_OURS = "not an intravenous infliximab matter of a child with Crohn's disease"
LEADING = (
    Row(1, NOT_OURS, lambda f: f.not_applicable is not None, say.nothing),
    Row(2, "a stop condition", lambda f: bool(f.stops), say.stopped),
    Row(3, "cannot be judged", lambda f: bool(f.cannot_judge), say.cannot_judge),
    Row(4, "after a gap", lambda f: f.gap, say.after_gap),
    Row(5, "(re-)induction, or the first order ever", lambda f: f.in_induction, say.in_induction),
    Row(6, "a level is ordered or pending", lambda f: f.level_pending, say.await_level),
    Row(7, "the draft already intensifies", lambda f: f.intensifies, say.already_intensified),
    Row(8, "no usable level", lambda f: f.no_usable_level, say.measure_trough),
)
LADDER = (
    Row(9, "below, antibody high", lambda f: f.below_with(AntibodyStatus.HIGH), say.antibody_high),
    Row(10, "below, antibody not gradable", lambda f: f.below_with(AntibodyStatus.POSITIVE), say.antibody_ungraded),
    Row(11, "below, antibody not known", lambda f: f.below and not f.no_excess_antibody, say.antibody_first),
    Row(12, "below, draft under-dosed", lambda f: f.below and f.underdosed, say.restore_dose),
    Row(13, "below by less than 20 %, not active", lambda f: f.below and f.near and not f.active, say.near_target),
    # A draft that gives less (17) is told what 14 and 15 say, and more: it is asked before them.
    Row(17, "below, and the draft gives less", lambda f: f.below and f.relaxes, say.less_than_given),
    Row(14, "below, interval above the minimum", lambda f: f.below and f.step is not None, say.shorten_interval),
    Row(15, "below, at the minimum interval, dose below the cap", lambda f: f.below and f.dose_open, say.review_dose),
    Row(16, "below, at both limits", lambda f: f.below, say.at_limit),
)
IN_TARGET = (
    Row(18, "in or above target, disease active", lambda f: f.adequate and f.active, say.other_mechanism),
    Row(19, "in or above target, antibody positive", lambda f: f.adequate and f.antibody_present, say.watch_antibody),
    Row(20, "well above target, long remission", lambda f: f.deescalation, say.consider_less),
)
KEEP = Row(21, "nothing to change", lambda _: True, say.keep_regimen)
TABLE = (*LEADING, *LADDER, *IN_TARGET, KEEP)

_LADDER_NUMBERS = frozenset(row.number for row in LADDER)
# Leading rows that let others follow on the same card; nothing that intensifies may follow them.
_OTHERS_FOLLOW = (2, 6, 7)


def decide(facts: Facts) -> tuple[int, tuple[Advice, ...]]:
    """The number of the leading row, and all entries of the card, the leading one first."""
    leader = next(row for row in TABLE if row.when(facts))
    followers = [
        entry for row in _followers(leader, facts) for entry in row.advise(facts) if not entry.kind.intensifies
    ]
    told = tuple(_as_information(entry, facts) for entry in (*leader.advise(facts), *followers))
    warns = facts.over_the_limits and leader is not KEEP
    return leader.number, (*(_beyond_the_limits(e, facts) for e in told[:1]), *told[1:]) if warns else told


def _followers(leader: Row, facts: Facts) -> list[Row]:
    """Further rows that match: of the ladder only its first, and nothing beside keeping the regimen."""
    if leader is KEEP or (leader in LEADING and leader.number not in _OTHERS_FOLLOW):
        return []
    ladder = () if leader in LADDER else LADDER
    measure = LEADING[-1:] if leader.number == 7 else ()
    first_of_ladder = [row for row in ladder if row.when(facts)][:1]
    return [row for row in (*measure, *first_of_ladder, *IN_TARGET) if row is not leader and row.when(facts)]


def _as_information(entry: Advice, facts: Facts) -> Advice:
    """A first trough after induction is not steady state: it informs and never warns (contract, below the table)."""
    if facts.trough.qualification is not Qualification.FIRST_MAINTENANCE or entry.rule not in _LADDER_NUMBERS:
        return entry
    return replace(entry, severity=Severity.INFO, reasons=(*entry.reasons, FIRST_TROUGH))


def _beyond_the_limits(entry: Advice, facts: Facts) -> Advice:
    """A draft beyond the site's limits is warned of whatever leads, and its interval is not for a button to change."""
    return replace(entry, severity=Severity.WARNING, reasons=(*entry.reasons, *facts.over_the_limits), button=False)
