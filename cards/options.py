"""Line 5: the regimens that the team may choose between, side by side.

Question: now, and each option: how often, and how much drug in a year? A new column is one more row of `COLUMNS`.
"""

from collections.abc import Callable

from cards import phrases
from cards.markdown import bullets, escape, sentences, table
from cards.summary import choose_wording, fill_places
from cards.wording import Wording
from cds_service.clinical.assessment import Advice, AdviceKind, Assessment, Option, OrderChange
from cds_service.clinical.regimen import WEEKS_PER_YEAR

DIFFERENT = 0.1  # a measured and an expected level nearer than that need no explanation
INDENT = "   "  # keeps the table inside the fifth line of a Markdown list
# A shorter interval or a higher dose is shown only beside these, and never beside the others (the contract, section 2).
OFFERS_MORE = frozenset(
    {AdviceKind.SHORTEN_INTERVAL, AdviceKind.RESTORE_DOSE, AdviceKind.REVIEW_DOSE, AdviceKind.NEAR_TARGET}
)
SAME_DOSE = 0.01  # two doses per kilogram that differ by less than 1 % are one dose
FORBIDS_MORE = frozenset({AdviceKind.CANNOT_ADVISE, AdviceKind.REVIEW_ANTIBODY, AdviceKind.ORDER_ANTIBODY})


def _drug_per_year(option: Option) -> str:
    amount = option.mg_per_kg_per_year
    return phrases.UNAVAILABLE if amount is None else f"{phrases.whole(amount)} mg/kg"


def _expected_trough(option: Option) -> str:
    """The median and the range of nine in ten, such as about 7 µg/mL (2–17)."""
    if option.expected is None:
        return phrases.UNAVAILABLE
    trough = option.expected.second_trough
    span = f"{phrases.about(trough.p05)}–{phrases.about(trough.p95)}"
    return f"about {phrases.about(trough.median)} µg/mL ({span})"


def _chance_of_low(option: Option) -> str:
    return phrases.UNAVAILABLE if option.expected is None else phrases.chance(option.expected.at_least_low)


def _chance_above_high(option: Option) -> str:
    above = option.expected.above_high if option.expected else None
    return phrases.UNAVAILABLE if above is None else phrases.chance(above)


Column = tuple[str, Callable[[Option], str]]
DRUG: Column = ("Drug per year", _drug_per_year)


def _columns(assessment: Assessment) -> tuple[Column, ...]:
    """How much drug; with a forecast also what to expect."""
    if assessment.forecast is None:
        return (DRUG,)
    low, high = assessment.target.low, assessment.target.high
    reached: Column = (f"Chance of at least {phrases.number(low)}", _chance_of_low)
    above: tuple[Column, ...] = ()
    if high is not None:
        above = ((f"Chance above {phrases.number(high)}", _chance_above_high),)
    return (("Expected trough", _expected_trough), reached, *above, DRUG)


def write_options(assessment: Assessment, wording: Wording) -> str:
    """Line 5: what to consider, the table, and the other ways, all of them named."""
    leading, *further = assessment.advice
    chosen = choose_wording(assessment, leading, wording)
    considered = (_consider(assessment, advice, wording) for advice in further)
    parts = (
        sentences(
            f"**Options** {_consider(assessment, leading, wording)}",
            *considered,
            None if assessment.forecast else wording.word("text", "no_forecast"),
        ),
        _write_table(assessment),
        _read_table(assessment, wording),
        f"{INDENT}Other ways:\n\n{bullets(chosen.alternatives, INDENT)}" if chosen.alternatives else "",
    )
    return "\n\n".join(part for part in parts if part)


def _consider(assessment: Assessment, advice: Advice, wording: Wording) -> str:
    template = choose_wording(assessment, advice, wording).consider
    return template.format_map(fill_places(assessment, advice, wording, escape))


def _write_table(assessment: Assessment) -> str:
    """Nothing where no interval was given and none is to be considered: there is nothing to compare."""
    now = _now(assessment)
    others = _others(assessment)
    if now is None and not others:
        return ""
    columns = _columns(assessment)
    named = [
        (f"Now: {_told(now)}" if now else "Now", now),
        *_this_order(assessment),
        *((_name(option, assessment), option) for option in others),
    ]
    rows = [[name, *(phrases.UNAVAILABLE if o is None else write(o) for _, write in columns)] for name, o in named]
    return table(("Option", *(title for title, _ in columns)), rows, INDENT)


def _read_table(assessment: Assessment, wording: Wording) -> str:
    """How the forecast is to be read, beside the measured level, and how far the models differ."""
    forecast = assessment.forecast
    if forecast is None:
        return ""
    unchanged = forecast.unchanged.expected
    lead = forecast.draft or (forecast.choice.option if forecast.choice else None)
    told = [_beside_the_measured(assessment, unchanged.second_trough.median)] if unchanged else []
    if lead is not None and lead.expected is not None and len(lead.expected.by_model) > 1:
        low, high = (phrases.about(edge(lead.expected.by_model)) for edge in (min, max))
        where = phrases.every(lead.interval_weeks)
        told.append(
            f"The models differ, {where}: {low} to {high} µg/mL" if low != high else f"The models agree, {where}"
        )
    return f"{INDENT}{sentences(wording.word('text', 'forecast'), *told)}"


def _beside_the_measured(assessment: Assessment, expected: float) -> str | None:
    """What is expected of the unchanged regimen beside what was measured, and why the two differ where they do."""
    measured = assessment.trough.reading
    if measured is None:
        return None
    told = f"Measured {phrases.level(measured, undetectable=assessment.undetectable)}"
    differs = measured.comparator is None and abs(expected - measured.value) > DIFFERENT * measured.value
    why = ", because a forecast also weighs how other children do" if differs else ""
    return f"{told}; if nothing changes, about {phrases.about(expected)} expected{why}"


def _option(weeks: float, mg_per_kg: float | None) -> Option:
    amount = None if mg_per_kg is None else mg_per_kg * WEEKS_PER_YEAR / weeks
    return Option(weeks, mg_per_kg, amount, current=False, recommended=False)


def _now(assessment: Assessment) -> Option | None:
    """The regimen given, with the interval of line 3 and not the whole weeks from which a step is taken."""
    given = assessment.given
    if assessment.forecast is not None:
        return assessment.forecast.unchanged
    if given is None or not given.interval_weeks:
        return None
    return _option(given.interval_weeks, given.full_mg_per_kg or given.dose_mg_per_kg)


def _this_order(assessment: Assessment) -> list[tuple[str, Option | None]]:
    """The order as drafted, where it differs from what was given."""
    ordered = assessment.ordered
    if ordered is None or ordered.change is OrderChange.NONE or not ordered.interval_weeks:
        return []
    if ordered.change is OrderChange.UNKNOWN and ordered.dose_mg_per_kg is None:
        return []
    foreseen = assessment.forecast.draft if assessment.forecast else None
    option = foreseen or _option(ordered.interval_weeks, ordered.dose_mg_per_kg)
    return [(f"This order: {_told(option)}", option)]


def _others(assessment: Assessment) -> list[Option]:
    """Options with more drug, only on a card that may offer them."""
    leading = assessment.advice[0]
    if leading.kind not in OFFERS_MORE or any(advice.kind in FORBIDS_MORE for advice in assessment.advice):
        return []
    forecast = assessment.forecast
    if forecast is None:
        return [option for option in assessment.options if not option.current]
    shown = [
        option
        for option in forecast.options
        if _is_considered(option, assessment) or (option.allowed and _worth_a_line(option, forecast.unchanged, leading))
    ]
    return sorted(shown, key=lambda option: (-option.interval_weeks, option.dose_mg_per_kg or 0.0))


def _worth_a_line(option: Option, now: Option, leading: Advice) -> bool:
    """Intervals at the dose that goes on or is to be restored, or doses at the interval that cannot be shortened."""
    if leading.kind is AdviceKind.REVIEW_DOSE:
        return option.interval_weeks == now.interval_weeks
    return option.dose_mg_per_kg == now.dose_mg_per_kg or _restores(option, leading)


def _restores(option: Option, leading: Advice) -> bool:
    """Whether an option gives the dose that a card about an under-dosed order asks for."""
    asked, gives = leading.dose_mg_per_kg or 0.0, option.dose_mg_per_kg or 0.0
    return leading.kind is AdviceKind.RESTORE_DOSE and abs(gives - asked) <= SAME_DOSE * asked


def _told(option: Option) -> str:
    dose = f", {phrases.rounded(option.dose_mg_per_kg)} mg/kg" if option.dose_mg_per_kg is not None else ""
    return phrases.every(option.interval_weeks) + dose


def _name(option: Option, assessment: Assessment) -> str:
    told = _told(option)
    return told[0].upper() + told[1:] + (" (to consider)" if _is_considered(option, assessment) else "")


def _is_considered(option: Option, assessment: Assessment) -> bool:
    """The option that leads, or all between which the models disagree; none where none is an answer.

    Beside an order beyond the limits none: its dose is that of the options.
    """
    if assessment.ordered is not None and assessment.ordered.over_limits:
        return False
    leading, forecast = assessment.advice[0], assessment.forecast
    choice = forecast.choice if forecast else None
    if forecast is None or choice is None:
        same_interval = forecast is not None and option.interval_weeks == forecast.unchanged.interval_weeks
        return option.interval_weeks == leading.interval_weeks or (same_interval and _restores(option, leading))
    if choice.interval_range is not None:
        shortest, longest = choice.interval_range
        return option.dose_mg_per_kg == choice.option.dose_mg_per_kg and shortest <= option.interval_weeks <= longest
    is_answer = choice.sufficient or choice.option.dose_mg_per_kg != forecast.unchanged.dose_mg_per_kg
    return is_answer and option == choice.option
