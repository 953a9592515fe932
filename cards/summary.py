"""The one sentence that is read before anything else, built from pieces of bounded width.

Question: what does a tired doctor read in one second? Never cut: `cards.wording` proves that it fits.
"""

from collections.abc import Callable, Iterator, Mapping

from cards import phrases
from cards.markdown import plain
from cards.wording import (
    FORECAST,
    INSUFFICIENT,
    NO_LEVEL,
    NO_STEP,
    OVER_LIMITS,
    RELAXED,
    STALE,
    STOP,
    UNREAD,
    UNUSED,
    WIDTHS,
    KindWording,
    Wording,
)
from cds_service.clinical.assessment import (
    Advice,
    AdviceKind,
    AntibodyStatus,
    Assessment,
    DiseaseStatus,
    Forecast,
    OrderChange,
    Qualification,
    TroughJudgement,
    TroughTarget,
)
from cds_service.clinical.record import Comparator, Reading
from cds_service.clinical.target import RAISED
from cds_service.clinical.unused import LEVEL

NO_TROUGH = "No usable trough"
# An antibody this young was drawn inside the interruption: a gap is at least this long overdue (the contract, row 4).
FRESH_ANTIBODY_DAYS = 28
ANTIBODY_FORBIDS = frozenset({AntibodyStatus.HIGH, AntibodyStatus.POSITIVE})
# On a card about an order that gives more, these say what to measure now; the re-check of that order comes later.
COMES_FIRST = frozenset({AdviceKind.MEASURE_TROUGH, AdviceKind.REVIEW_ANTIBODY, AdviceKind.ORDER_ANTIBODY})


def choose_wording(assessment: Assessment, advice: Advice, wording: Wording) -> KindWording:
    """The row of sentences for this advice in this child: by its situation, else by a status."""
    return wording.kind(advice.kind, *_variants(assessment, advice))


def _variants(assessment: Assessment, advice: Advice) -> Iterator[str]:
    yield from (situation for situation, holds in _situations(assessment).items() if holds)
    if assessment.antibody.status not in ANTIBODY_FORBIDS and assessment.trough.qualification.qualifies:
        yield assessment.trough_status
    if assessment.forecast is not None:
        yield from _by_the_forecast(assessment.forecast, advice)
    if advice.kind is AdviceKind.MEASURE_TROUGH and assessment.newer_antibody is not None:
        yield assessment.newer_antibody.status
    if advice.kind is not AdviceKind.AFTER_GAP or _antibody_is_fresh(assessment):
        yield assessment.antibody.status


def _situations(assessment: Assessment) -> Mapping[str, bool]:
    """What goes before any status, the gravest first."""
    ordered = assessment.ordered
    measures = any(entry.kind is AdviceKind.MEASURE_TROUGH for entry in assessment.advice)
    return {
        STOP: bool(assessment.stop_conditions),
        OVER_LIMITS: ordered is not None and bool(ordered.over_limits),
        RELAXED: ordered is not None and ordered.change is OrderChange.RELAXES,
        UNUSED: bool(assessment.unused_results),
        UNREAD: bool(assessment.unread_parts),
        NO_LEVEL: measures and assessment.antibody.status not in ANTIBODY_FORBIDS,
        STALE: assessment.trough.qualification is Qualification.STALE,
    }


def _by_the_forecast(forecast: Forecast, advice: Advice) -> Iterator[str]:
    if forecast.choice is None or forecast.choice.sufficient:
        yield FORECAST
        return
    if advice.interval_weeks is None:
        yield NO_STEP
    yield INSUFFICIENT


def _antibody_is_fresh(assessment: Assessment) -> bool:
    result = assessment.antibody.result
    if result is None or result.drawn is None:
        return False
    return 0 <= (assessment.as_of.date() - result.drawn.day).days <= FRESH_ANTIBODY_DAYS


def name_recheck(assessment: Assessment, advice: Advice) -> str | None:
    """When to look again; where the order already gives more, what must be known before it comes first."""
    if advice.kind is AdviceKind.ALREADY_INTENSIFIED:
        first = next((entry for entry in assessment.advice if entry.kind in COMES_FIRST), advice)
        return first.recheck
    return advice.recheck


def write_summary(assessment: Assessment, wording: Wording) -> str:
    """The summary of the leading advice: plain text of 1 to 139 characters."""
    leading = assessment.advice[0]
    template = choose_wording(assessment, leading, wording).summary
    return template.format_map(fill_places(assessment, leading, wording))


def fill_places(
    assessment: Assessment, advice: Advice, wording: Wording, show: Callable[[str], str] = plain
) -> Mapping[str, str]:
    """What stands for each {word} of `wording.toml`; `show` makes text from the chart fit for its place."""
    now = assessment.given.interval_weeks if assessment.given else None
    named = advice.interval_weeks or advice.interval_weeks_range
    compared = f" instead of {_rounded(now)}" if now and named else ""
    dose = advice.dose_mg_per_kg
    return {
        "trough": name_trough(assessment, wording),
        "target": name_target(assessment.target),
        "antibody": wording.word("antibody_brief", assessment.antibody.status),
        "every": name_interval(advice),
        "instead": f" at {_rounded(dose)} mg/kg" if dose else compared,
        "compared": compared,
        "now": _every(now) if now else "interval unknown",
        "dose": f"with {phrases.rounded(dose)} mg/kg per infusion" if dose else "with the dose per infusion unchanged",
        "to_dose": f" ({phrases.rounded(dose)} mg/kg)" if dose else "",
        "draft": name_draft(assessment),
        "intended": f"{_rounded(dose)} mg/kg" if dose else "dose",
        "unread": name_unread(assessment, wording, show),
        "unused": name_unused(assessment, wording),
        "doubts": "; ".join(show(issue.message.rstrip(".")) for issue in assessment.unused_results),
        "missing": ", ".join(_unread(assessment, wording, show)),
        "activity": name_activity(assessment, wording),
        "last": name_last_infusion(assessment),
        "when": name_moment_to_measure(name_recheck(assessment, advice), show),
        "cause": name_cause(assessment, advice, show),
        "over": name_over_limits(assessment, show),
    }


def name_trough(assessment: Assessment, wording: Wording) -> str:
    """The deciding level in at most 45 characters."""
    level = assessment.trough.level
    name = wording.name("level_name", assessment.trough.qualification)
    if name is None or level is None or level.reading is None:
        return NO_TROUGH
    return f"{name} {_brief_level(level.reading, undetectable=assessment.undetectable)}"


def _brief_level(reading: Reading, *, undetectable: bool) -> str:
    if reading.comparator is None and (undetectable or not reading.value):
        return "below the assay's limit"
    told = f"{phrases.sign(reading.comparator)}{phrases.brief(reading.value)}"
    match reading.comparator:
        case None:
            return f"{told} µg/mL"
        case Comparator.LESS:
            return f"below the assay's limit ({told})"
        case Comparator.LESS_OR_EQUAL:
            return f"at the assay's limit ({told})"
        case _:
            return f"above the assay's range ({told})"


def name_target(target: TroughTarget) -> str:
    """The target in at most 11 characters."""
    low = phrases.brief(target.low)
    return f"≥{low}" if target.high is None else f"{low}–{phrases.brief(target.high)}"


def _rounded(value: float) -> str:
    return phrases.brief(round(value, 1) or value)


def _every(weeks: float) -> str:
    shown = _rounded(weeks)
    return "every week" if shown == "1" else f"every {shown} weeks"


def name_interval(advice: Advice) -> str:
    """The interval to consider in at most 26 characters."""
    if advice.interval_weeks_range is not None:
        first, last = (_rounded(weeks) for weeks in sorted(advice.interval_weeks_range))
        return f"every {first} to {last} weeks"
    return _every(advice.interval_weeks) if advice.interval_weeks else "a shorter interval"


def name_draft(assessment: Assessment) -> str:
    """What the order gives per kilogram, in at most 12 characters."""
    dose = assessment.ordered.dose_mg_per_kg if assessment.ordered else None
    return f"{_rounded(dose)} mg/kg" if dose else "dose unknown"


def name_over_limits(assessment: Assessment, show: Callable[[str], str]) -> str:
    """In which way the order leaves this hospital's limits, in at most 80 characters; longer words stand under Why."""
    over = show(next(iter(assessment.ordered.over_limits), "") if assessment.ordered else "")
    return over if 0 < len(over) <= WIDTHS["over"] else "leaves the limits of this hospital"


def name_last_infusion(assessment: Assessment) -> str:
    """The last infusion in at most 25 characters."""
    return (
        f"Last infusion {assessment.given.last_infusion.day_in_words}" if assessment.given else "No infusion on record"
    )


def name_unread(assessment: Assessment, wording: Wording, show: Callable[[str], str]) -> str:
    """The parts of the chart that were not read in full, in at most 30 characters; more of them stand on line 5."""
    named = ", ".join(_unread(assessment, wording, show))
    return named if 0 < len(named) <= WIDTHS["unread"] else "parts of the chart"


def _unread(assessment: Assessment, wording: Wording, show: Callable[[str], str]) -> list[str]:
    return [wording.name("part", part) or show(part) or "a part without a name" for part in assessment.unread_parts]


def name_activity(assessment: Assessment, wording: Wording) -> str:
    """How a sentence about a trough goes on: what raised the target, and whether the disease is active."""
    fistula = any(issue.code == RAISED for issue in assessment.issues)
    raised = wording.word("text", "perianal_activity") if fistula else ""
    quiet = assessment.disease.status is DiseaseStatus.QUIET
    return raised if raised and quiet else raised + wording.word("activity", assessment.disease.status)


def name_unused(assessment: Assessment, wording: Wording) -> str:
    """Which newer results were not used, and why where that fits, in at most 68 characters; line 5 tells all."""
    antibody, newest = assessment.newer_antibody, next(iter(assessment.newer_levels), None)
    found = [wording.word("antibody_brief", antibody.status)] if antibody else []
    found += [f"level {_unused_value(newest.reading)}".rstrip()] if newest else []
    if not found:
        of_a_level = any(issue.about == LEVEL for issue in assessment.unused_results)
        return f"{'a level' if of_a_level else 'an antibody'} could not be used, see line 5"
    told = f"newer {' and '.join(found)} not used"
    why = f"{told}: {_why_unused(newest, wording)}" if newest else f"{told}: no level with it"
    return why if len(why) <= WIDTHS["unused"] else told


def _unused_value(reading: Reading | None) -> str:
    if reading is None:
        return ""
    if reading.comparator in (Comparator.LESS, Comparator.LESS_OR_EQUAL) or not reading.value:
        return "below the assay's limit"
    return f"{phrases.sign(reading.comparator)}{phrases.brief(reading.value)} µg/mL"


def _why_unused(judgement: TroughJudgement, wording: Wording) -> str:
    if judgement.reading is None:
        return "no usable value"
    return "no date" if judgement.drawn is None else wording.word("unused_brief", judgement.qualification)


def name_moment_to_measure(recheck: str | None, show: Callable[[str], str]) -> str:
    """Before which infusion to measure, in at most 80 characters; longer words are left to the detail."""
    when = show(recheck or "before the next infusion")
    return when if 0 < len(when) <= WIDTHS["when"] else "as line 6 says"


def name_cause(assessment: Assessment, advice: Advice, show: Callable[[str], str]) -> str:
    """Why there is no advice, in at most 90 characters; longer words are left to the detail."""
    stops = assessment.stop_conditions
    more = f" and {phrases.brief(len(stops) - 1)} more" if len(stops) > 1 else ""
    named = [_recorded(stop.label, more) for stop in stops[:1]] or list(advice.reasons[:1])
    cause = show(named[0]) if named else ""
    return cause if 0 < len(cause) <= WIDTHS["cause"] else "the reason stands under Why"


def _recorded(label: str, more: str) -> str:
    """What is on record before what follows from it: "heart failure on record, and the draft gives more"."""
    condition, comma, consequence = label.partition(",")
    return f"{condition}{more} on record{comma}{consequence}"
