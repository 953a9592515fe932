"""Line 5: the regimens that the team may choose between, side by side.

Question: now, and each option: how often, and how much drug in a year? A new column is one more row of `COLUMNS`.
"""

from collections.abc import Callable

from cards import phrases
from cards.markdown import bullets, escape, sentences, table
from cards.summary import choose_wording, fill_places
from cards.wording import Wording
from cds_service.clinical.assessment import Advice, AdviceKind, Assessment, Option, OrderChange, OrderedRegimen
from cds_service.clinical.regimen import WEEKS_PER_YEAR

INDENT = "   "  # keeps the table inside the fifth line of a Markdown list
# A shorter interval or a higher dose is shown only beside these, and never beside the others (the contract, section 2).
OFFERS_MORE = frozenset(
    {AdviceKind.SHORTEN_INTERVAL, AdviceKind.RESTORE_DOSE, AdviceKind.REVIEW_DOSE, AdviceKind.NEAR_TARGET}
)
FORBIDS_MORE = frozenset({AdviceKind.CANNOT_ADVISE, AdviceKind.REVIEW_ANTIBODY, AdviceKind.ORDER_ANTIBODY})
SAME_DOSE = 0.01  # two doses per kilogram that differ by less than 1 % are one dose


def _every(option: Option) -> str:
    return phrases.counted(option.interval_weeks, "week")


def _drug_per_year(option: Option) -> str:
    amount = option.mg_per_kg_per_year
    return phrases.UNAVAILABLE if amount is None else f"{phrases.whole(amount)} mg/kg"


COLUMNS: tuple[tuple[str, Callable[[Option], str]], ...] = (
    ("Every", _every),
    ("Drug per year", _drug_per_year),
)


def write_options(assessment: Assessment, wording: Wording) -> str:
    """Line 5: what to consider, the table, and the other ways, all of them named."""
    leading, *further = assessment.advice
    chosen = choose_wording(assessment, leading, wording)
    considered = (_consider(assessment, advice, wording) for advice in further)
    parts = (
        sentences(
            f"**Options** {_consider(assessment, leading, wording)}", *considered, wording.word("text", "no_forecast")
        ),
        _write_table(assessment),
        f"{INDENT}Other ways:\n\n{bullets(chosen.alternatives, INDENT)}" if chosen.alternatives else "",
    )
    return "\n\n".join(part for part in parts if part)


def _consider(assessment: Assessment, advice: Advice, wording: Wording) -> str:
    template = choose_wording(assessment, advice, wording).consider
    return template.format_map(fill_places(assessment, advice, wording, escape))


def _write_table(assessment: Assessment) -> str:
    """Nothing where no interval was given and none is to be considered: there is nothing to compare."""
    now = _now(assessment)
    others = _others(assessment, now)
    if now is None and not others:
        return ""
    first = ["Now", *[phrases.UNAVAILABLE] * len(COLUMNS)] if now is None else _row(_name_now(now), now)
    rows = [first, *_this_order(assessment.ordered), *others]
    return table(("Option", *(title for title, _ in COLUMNS)), rows, INDENT)


def _row(name: str, option: Option) -> list[str]:
    return [name, *(write(option) for _, write in COLUMNS)]


def _option(weeks: float, mg_per_kg: float | None) -> Option:
    amount = None if mg_per_kg is None else mg_per_kg * WEEKS_PER_YEAR / weeks
    return Option(weeks, mg_per_kg, amount, current=False, recommended=False)


def _now(assessment: Assessment) -> Option | None:
    """The regimen given, with the interval of line 3 and not the whole weeks from which a step is taken."""
    given = assessment.given
    if given is None or not given.interval_weeks:
        return None
    return _option(given.interval_weeks, given.dose_mg_per_kg)


def _this_order(ordered: OrderedRegimen | None) -> list[list[str]]:
    """The order as drafted, where it differs from what was given."""
    if ordered is None or ordered.change not in (OrderChange.INTENSIFIES, OrderChange.RELAXES):
        return []
    if not ordered.interval_weeks:
        return []
    option = _option(ordered.interval_weeks, ordered.dose_mg_per_kg)
    return [_row(f"This order{_per_kilogram(option)}", option)]


def _others(assessment: Assessment, now: Option | None) -> list[list[str]]:
    """Options with more drug, only on a card that may offer them."""
    leading = assessment.advice[0]
    if leading.kind not in OFFERS_MORE or any(advice.kind in FORBIDS_MORE for advice in assessment.advice):
        return []
    return [
        _row(_name(option, now) + (" (to consider)" if option.interval_weeks == leading.interval_weeks else ""), option)
        for option in assessment.options
        if not option.current
    ]


def _per_kilogram(option: Option) -> str:
    return f", {phrases.rounded(option.dose_mg_per_kg)} mg/kg" if option.dose_mg_per_kg is not None else ""


def _name_now(now: Option) -> str:
    return f"Now{_per_kilogram(now)}"


def _name(option: Option, now: Option | None) -> str:
    if now is None:
        return f"Option{_per_kilogram(option)}"
    interval = _compare(option.interval_weeks, now.interval_weeks, ("shorter interval", "longer interval"), 0)
    dose = _compare(option.dose_mg_per_kg, now.dose_mg_per_kg, ("lower dose", "higher dose"), SAME_DOSE)
    name = " and ".join(part for part in (interval, dose) if part) or "same regimen"
    return name[0].upper() + name[1:] + _per_kilogram(option)


def _compare(value: float | None, now: float | None, words: tuple[str, str], tolerance: float) -> str:
    """The first word where the value is smaller than now, the second where it is greater, else nothing."""
    if value is None or now is None or abs(value - now) <= tolerance * now:
        return ""
    return words[0] if value < now else words[1]
