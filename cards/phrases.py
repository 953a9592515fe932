"""Numbers, dates and readings in words: one way to say each, everywhere on the card.

Units: ug/mL shown as µg/mL, weeks, mg/kg. Measured values are shown as reported, computed ones rounded.
"""

from math import isfinite

from cds_service.clinical.record import Comparator, Reading

UNAVAILABLE = "not available"
BRIEF_WIDTH = 5

_SIGNS = {
    Comparator.LESS: "<",
    Comparator.LESS_OR_EQUAL: "≤",
    Comparator.GREATER: ">",
    Comparator.GREATER_OR_EQUAL: "≥",
}


def number(value: float) -> str:
    """A measured number as reported, up to six significant digits."""
    return f"{value:.6g}" if isfinite(value) else UNAVAILABLE


def rounded(value: float) -> str:
    """A computed number with one decimal, or two significant digits where that would show 0."""
    short = round(value, 1)
    return number(short) if short or not value else f"{value:.2g}"


def whole(value: float) -> str:
    """A computed number without decimals."""
    return number(float(f"{value:.0f}")) if value >= 1 else rounded(value)


def brief(value: float) -> str:
    """A number in at most five characters, for the summary; what does not fit is told as a bound."""
    if not value < 9999.5:
        return ">9999"
    if 0 < value < 0.001:
        return "<.001"
    decimals = 3 if value < 10 else 2 if value < 100 else 1 if value < 1000 else 0
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def about(value: float) -> str:
    """A forecast number, told no finer than it is known: whole from 3 on, one decimal below, at the end as a bound."""
    if value < 0.05:
        return "<0.1"
    return whole(value) if value >= 3 else rounded(value)


def chance(probability: float) -> str:
    """A probability as clinicians say it: 7 in 10; the ends as bounds, never as certainty."""
    if probability < 0.05:
        return "under 1 in 20"
    if probability > 0.95:
        return "over 19 in 20"
    return f"{min(9, max(1, round(probability * 10)))} in 10"


def odds(value: float) -> str:
    """Relative odds with two significant digits: more would pretend."""
    return f"{value:.2g}" if value < 10 else number(float(f"{value:.2g}"))


def percent(probability: float) -> str:
    """A probability from 0 to 1 in whole percent: never 0% and never 100%, which would be certainty."""
    whole_percent = round(100 * probability)
    return "under 1%" if whole_percent < 1 else f"{whole_percent}%" if whole_percent < 100 else "over 99%"


def counted(count: float, noun: str) -> str:
    """A number with its noun: 1 week, 6 weeks, 8.1 weeks."""
    text = rounded(count)
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"


def every(weeks: float) -> str:
    """An interval in words."""
    return f"every {counted(weeks, 'week')}" if rounded(weeks) != "1" else "every week"


def sign(comparator: Comparator | None) -> str:
    """A comparator as a sign, nothing for a plain number."""
    return _SIGNS[comparator] if comparator else ""


def level(reading: Reading, *, undetectable: bool = False) -> str:
    """A drug level; a bound, and a number that the assay cannot measure, is told as the assay's limit."""
    if reading.comparator is None and (undetectable or not reading.value):
        return f"below the assay's limit (reported {number(reading.value)})"
    told = f"{sign(reading.comparator)}{number(reading.value)} µg/mL"
    match reading.comparator:
        case None:
            return told
        case Comparator.LESS:
            return f"below the assay's limit ({told})"
        case Comparator.LESS_OR_EQUAL:
            return f"at or below the assay's limit ({told})"
        case _:
            return f"above the assay's range ({told})"
