"""Lines 1 to 4 of a card, each as one short paragraph that begins with a bold word.

Question: trough, antibody, what was given and disease: what does the team need in five seconds? Line 5, the options,
stands in `cards.options`, line 6 in `cards.assumed`. Facts come from the assessment only.
"""

from datetime import date

from cards import phrases
from cards.markdown import escape, sentences
from cards.wording import Wording
from cds_service.clinical.assessment import (
    AdviceKind,
    AntibodyStatus,
    Assessment,
    DiseaseMarker,
    GivenRegimen,
    OrderChange,
    OrderedRegimen,
    Qualification,
    TroughJudgement,
    TroughTarget,
)
from cds_service.clinical.record import AntibodyLevel, DrugLevel, Moment

OTHER_DOSE = 0.1  # doses per kilogram that differ by more than 10 % are told side by side


def write_trough(assessment: Assessment, wording: Wording) -> str:
    """Line 1: the level, the target and whose it is, when it was drawn, and what it may be used for."""
    judgement = assessment.trough
    level = judgement.level
    newer = (_newer_level(other, wording) for other in assessment.newer_levels)
    qualification = _qualification(judgement, wording)
    if level is None or level.reading is None:
        missing = f"**Trough** {phrases.UNAVAILABLE}: {_without_value(level) if level else qualification}"
        return sentences(missing, f"target {_target(assessment.target)}", *newer)
    status = wording.word("trough_status", assessment.trough_status)
    usable = judgement.qualification.qualifies
    reading = phrases.level(level.reading, undetectable=assessment.undetectable)
    value = f"**Trough** {reading}, {status} {_target(assessment.target)}"
    unusable = f"**Trough** {phrases.UNAVAILABLE}; level {reading}, {qualification}"
    return sentences(
        value if usable else unusable,
        None if usable else f"target {_target(assessment.target)}",
        _drawn(assessment, level, wording),
        qualification if usable else None,
        _implied(judgement),
        *newer,
    )


def _qualification(judgement: TroughJudgement, wording: Wording) -> str:
    """What the level may be used for; after a delay, which of the two came late."""
    if judgement.qualification is Qualification.AFTER_DELAYED_INFUSION and judgement.reasons:
        return f"not usable, because {escape(judgement.reasons[0])}"
    return wording.word("qualification", judgement.qualification)


def _without_value(level: DrugLevel) -> str:
    day = f"the level of {level.drawn.day_in_words}" if level.drawn else "a level without a date"
    return f"{day} has no value or unit that can be used"


def _target(target: TroughTarget) -> str:
    low = phrases.number(target.low)
    span = f"{low}–{phrases.number(target.high)}" if target.high is not None else f"of at least {low}"
    return f"{span} µg/mL (profile {escape(target.profile)})"


def _days_ago(moment: Moment, today: date) -> str:
    days = (today - moment.day).days
    return "" if days < 0 else " (today)" if days == 0 else f" ({phrases.counted(days, 'day')} ago)"


def _drawn(assessment: Assessment, level: DrugLevel, wording: Wording) -> str:
    assay = _assay(level.assay, wording)
    if level.drawn is None:
        return f"time of the sample {phrases.UNAVAILABLE}, {assay}"
    when = f"drawn {level.drawn.day_in_words}{_days_ago(level.drawn, assessment.as_of.date())}"
    hours = assessment.trough.hours_before_next_infusion
    during = assessment.trough.qualification is Qualification.DURING_OR_AFTER_INFUSION
    distance = None if hours is None or during else _distance(assessment.given, level.drawn, hours)
    return ", ".join(part for part in (when, distance, assay) if part)


def _distance(given: GivenRegimen | None, drawn: Moment, hours: float) -> str:
    """How far before the infusion that followed, or before the day one was due."""
    followed = given is not None and (given.last_infusion.at >= drawn.at or given.last_infusion.same_day(drawn))
    what = "the next infusion" if followed else "the due date"
    if abs(hours) < 24:
        return f"within 24 hours {'before' if hours >= 0 else 'after'} {what}"
    side = "before" if hours > 0 else "after"
    return f"{phrases.counted(round(abs(hours) / 24), 'day')} {side} {what}"


def _assay(assay: str | None, wording: Wording) -> str:
    return f"assay {wording.name('assay', assay) or escape(assay)}" if assay else "assay not known"


def _implied(judgement: TroughJudgement) -> str | None:
    if judgement.implied_trough is None:
        return None
    low, high = (phrases.rounded(value) for value in sorted(judgement.implied_trough))
    return f"Half-lives of 7 to 14 days would make it a trough of about {low} to {high} µg/mL"


def _newer_level(judgement: TroughJudgement, wording: Wording) -> str:
    level = judgement.level
    value = phrases.level(level.reading) if level and level.reading else "without a usable value"
    day = level.drawn.day_in_words if level and level.drawn else "day not known"
    why = _qualification(judgement, wording) if judgement.reading is not None and judgement.drawn else None
    return ", ".join(part for part in (f"Newer level not used: {value}", day, why) if part)


def write_antibody(assessment: Assessment, wording: Wording) -> str:
    """Line 2: the antibody by its own assay, and whether it comes from the same sample."""
    judgement = assessment.antibody
    result = judgement.result
    status = f"**Antibody** {wording.word('antibody', judgement.status)}"
    newer = _newer_antibody(assessment, wording)
    if result is None:
        missing = "no result on record" if judgement.status is AntibodyStatus.UNKNOWN else None
        return sentences(status, missing, newer)
    day = f"drawn {result.drawn.day_in_words}" if result.drawn else "day not known"
    same = {True: "same sample as the level", False: f"not the same sample, {day}", None: day}[judgement.same_sample]
    return sentences(f"{status}{_amount(result, wording)}, {_assay(result.assay, wording)}, {same}", newer)


def _newer_antibody(assessment: Assessment, wording: Wording) -> str | None:
    """The status alone where the result itself was just told as one of another day."""
    newer = assessment.newer_antibody
    if newer is None or newer.result is None:
        return None
    result, status = newer.result, f"Newer antibody not used: {wording.word('antibody', newer.status)}"
    if result == assessment.antibody.result or result.drawn is None:
        return status
    return f"{status}{_amount(result, wording)}, {_assay(result.assay, wording)}, drawn {result.drawn.day_in_words}"


def _amount(result: AntibodyLevel, wording: Wording) -> str:
    reading = result.reading
    unit = f" {name_unit(result.unit, wording)}" if result.unit else ", unit not given"
    return f": {phrases.sign(reading.comparator)}{phrases.number(reading.value)}{unit}" if reading else ""


def name_unit(unit: str, wording: Wording) -> str:
    """A unit as clinicians write it."""
    return wording.name("unit", unit) or escape(unit)


def write_given(assessment: Assessment, wording: Wording) -> str:
    """Line 3: dose, dose per kilogram at which weight, intervals, number of infusions, and the order."""
    given, ordered = assessment.given, assessment.ordered
    return sentences(
        f"**Given** {_dose_given(given)}" if given else f"**Given** {phrases.UNAVAILABLE}: no infusion on record",
        _intervals(given) if given else None,
        f"Phase: {wording.word('phase', assessment.phase)}",
        _weight(assessment),
        _ordered(assessment, ordered, wording) if ordered else None,
    )


def _per_kilogram(mg_per_kg: float | None, kg: float | None = None) -> str:
    if mg_per_kg is None:
        return "mg/kg not available"
    return f"{phrases.rounded(mg_per_kg)} mg/kg" + (f" at {phrases.rounded(kg)} kg" if kg is not None else "")


def _dose(mg: float | None, per_kilogram: str) -> str:
    return (
        f"{phrases.number(mg)} mg ({per_kilogram})" if mg is not None else f"dose in mg not available, {per_kilogram}"
    )


def _dose_given(given: GivenRegimen) -> str:
    dose = _dose(given.dose_mg, _per_kilogram(given.dose_mg_per_kg, given.dosing_weight_kg))
    interval = phrases.every(given.interval_weeks) if given.interval_weeks else "interval not available"
    due = f"next due {given.due.day_in_words}" if given.due else "due date not available"
    return f"{dose}, {interval}; last {given.last_infusion.day_in_words}, {due}"


def _intervals(given: GivenRegimen) -> str:
    recent = ", ".join(phrases.rounded(weeks) for weeks in given.intervals_weeks)
    last = f"Last intervals {recent} weeks; " if recent else ""
    count = phrases.counted(given.infusions_on_regimen, "infusion")
    return f"{last}{count} on this regimen, {given.infusions_on_record} on record"


def _weight(assessment: Assessment) -> str:
    weight = assessment.patient.weight
    return f"Weight {phrases.rounded(weight.kg)} kg on {weight.at.day_in_words}" if weight else "Weight not available"


def _ordered(assessment: Assessment, ordered: OrderedRegimen, wording: Wording) -> str:
    why = "its own could not be read" if assessment.interval_unread else "the order does not say"
    assumed = f" (assumed, {why})" if ordered.interval_inferred else ""
    interval = phrases.every(ordered.interval_weeks) + assumed if ordered.interval_weeks else "interval not available"
    dose = _dose(ordered.dose_mg, _per_kilogram(ordered.dose_mg_per_kg))
    return f"This order: {dose}, {interval}; {_change(assessment, ordered, wording)}"


def _change(assessment: Assessment, ordered: OrderedRegimen, wording: Wording) -> str:
    """The order against what was given or intended; the same milligrams are less for a child who has grown."""
    given, leading = assessment.given, assessment.leading
    now, then = ordered.dose_mg_per_kg, given.dose_mg_per_kg if given else None
    if leading and leading.kind is AdviceKind.RESTORE_DOSE and leading.dose_mg_per_kg and now:
        return f"{phrases.rounded(now)} mg/kg now against {phrases.rounded(leading.dose_mg_per_kg)} mg/kg intended"
    if given and not given.interval_weeks and ordered.change is OrderChange.NONE:
        return "no interval given yet to compare it with"
    if assessment.interval_unread and ordered.change is OrderChange.NONE:
        return "whether it changes the interval is not known"
    change = wording.word("change", ordered.change)
    if ordered.change is OrderChange.NONE or not now or not then or abs(now - then) <= OTHER_DOSE * then:
        return change
    return f"{change} ({phrases.rounded(now)} mg/kg against {phrases.rounded(then)})"


def write_disease(assessment: Assessment, wording: Wording) -> str:
    """Line 4: objective markers with their dates, and the diagnoses that were counted."""
    disease = assessment.disease
    status = wording.word("disease", disease.status)
    markers = "; ".join(_marker(marker, wording) for marker in disease.evidence)
    coded = [
        f"{escape(item.display or item.code)} ({escape(item.code)})" for item in assessment.diagnoses if item.current
    ]
    return sentences(
        f"**Disease** {status}: {markers or 'no marker in time'}",
        f"Coded: {'; '.join(coded)}" if coded else "No diagnosis coded",
    )


def _marker(marker: DiseaseMarker, wording: Wording) -> str:
    name = wording.name("marker", marker.marker) or escape(marker.marker)
    value = f"{phrases.sign(marker.comparator)}{phrases.number(marker.value)} {name_unit(marker.unit, wording)}"
    reading = wording.name("marker_reading", marker.reading) or escape(marker.reading)
    return f"{name} {value.strip()} on {marker.at.day_in_words}, {reading}"
