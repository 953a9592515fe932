"""Is this our business, and can it be judged at all?

Question: rows 1 and 3 of the precedence table. Source: the clinical contract, section 2; label age 6 years (US).
"""

from datetime import date, datetime

from cds_service.clinical.policy import Policy
from cds_service.clinical.record import InfusionOrder, IssueLevel, Route, SourceState, TreatmentRecord
from cds_service.clinical.timeline import Timeline

CROHNS = "crohns"
COLITIS = "ulcerative_colitis"
UNCLASSIFIED = "ibd_unclassified"
OTHER = "other_indication."
LABEL_AGE_YEARS = 6


def age_in_years(birth_date: date | None, as_of: datetime) -> float | None:
    """Age to one decimal, never rounded up over a birthday; None without a birth date."""
    if birth_date is None:
        return None
    day = as_of.date()
    had_birthday = (day.month, day.day) >= (birth_date.month, birth_date.day)
    whole = day.year - birth_date.year - (not had_birthday)
    anniversary = _anniversary(birth_date, birth_date.year + whole)
    return whole + min(9, int((day - anniversary).days / 36.525)) / 10


def _anniversary(birth_date: date, year: int) -> date:
    try:
        return birth_date.replace(year=year)
    except ValueError:  # 29 February
        return date(year, 3, 1)


def current_concepts(record: TreatmentRecord) -> frozenset[str]:
    """The concepts of all conditions that count now."""
    return frozenset(concept for d in record.diagnoses if d.current for concept in d.concepts)


def not_applicable(
    record: TreatmentRecord,
    order: InfusionOrder | None,
    timeline: Timeline,
    age: float | None,
    policy: Policy,
) -> str | None:
    """Why the service has nothing to say here (row 1), or None."""
    if order is not None and order.route is Route.SUBCUTANEOUS:
        return "subcutaneous infliximab"
    if order is None and timeline.after_subcutaneous:
        return "subcutaneous infliximab"
    if order is None and not record.infusions:
        return "no intravenous infliximab order or treatment"
    if age is not None and age >= policy.adult_from_years:
        return f"age {policy.adult_from_years} years or more"
    if order is not None and _names_another(order.reasons):
        return "the order's reason names another disease"
    concepts = current_concepts(record)
    if _names_another(concepts) and UNCLASSIFIED not in concepts:
        return "another indication is coded and no Crohn's disease"
    return None


def _names_another(concepts: frozenset[str]) -> bool:
    others = any(c.startswith(OTHER) or c == COLITIS for c in concepts)
    return others and CROHNS not in concepts


def cannot_judge(
    record: TreatmentRecord, age: float | None, policy: Policy, *, contradiction: str | None, gap: bool
) -> tuple[str, ...]:
    """Every reason of row 3 that holds, in words; empty where the chart can be judged."""
    concepts = current_concepts(record)
    blocked = [i for i in record.issues if i.level is IssueLevel.BLOCKING and i.about == "infusion"]
    checks = (
        (age is None, "the birth date is not known"),
        (UNCLASSIFIED in concepts, "inflammatory bowel disease is coded as unclassified"),
        (CROHNS not in concepts and UNCLASSIFIED not in concepts, "no Crohn's disease is coded"),
        (
            CROHNS in concepts and COLITIS in concepts,
            "Crohn's disease and ulcerative colitis are both coded as active",
        ),
        (
            age is not None and age < LABEL_AGE_YEARS and not policy.allow_under_six,
            "the child is under 6 years",
        ),
        ("pregnancy" in concepts and not policy.allow_pregnancy, "a pregnancy is coded"),
        (contradiction is not None, contradiction or ""),
        (bool(blocked), "the infusions on record could not all be read"),
        (bool(record.levels) and not record.infusions, "a level is on record but no infusion"),
        (record.source("infusions") is SourceState.UNREADABLE, "the infusions could not be read"),
        (gap and record.source("infusions") is SourceState.INCOMPLETE, "not all infusions could be read"),
    )
    return tuple(reason for holds, reason in checks if holds)
