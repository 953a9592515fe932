"""The interval that an order's timing states, in weeks.

Source: FHIR R4 Timing.repeat (frequency per period), Timing.code in words that `tables/timings.csv` knows as a whole.
Months are no weeks, a range is no interval, and what is written otherwise is not read: then there is no interval, and a
doubt that says why.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cds_service.clinical.record import IssueLevel
from fhir_mappings.codings import read_coded
from fhir_mappings.doubts import Doubt, quote
from fhir_mappings.shape import number, struct, text
from fhir_mappings.vocabulary import Tables, counted_words

WEEKS = {"d": Decimal(1) / 7, "wk": Decimal(1)}
LONGEST_WEEKS = 104
BOUNDS = frozenset({"boundsPeriod", "boundsDuration", "boundsRange"})


def read_interval(timing: Mapping[str, Any], tables: Tables) -> float | Doubt | None:
    """Weeks between infusions; None where the order has no timing at all. Raises Misshapen."""
    repeat = struct(timing, "repeat")
    period, unit = number(repeat, "period"), text(repeat, "periodUnit")
    if number(repeat, "count") == 1:
        return Doubt("order-timing-once", "is for a single infusion and states no interval", IssueLevel.NOTE)
    if period is None or unit is None:
        return _in_words(timing, repeat, tables)
    if unit not in WEEKS:
        return Doubt("order-timing-unit", f"states an interval in {quote(unit)}, which is not a number of weeks")
    frequency = number(repeat, "frequency") or Decimal(1)
    if any(_differs(repeat, most, least) for most, least in (("periodMax", period), ("frequencyMax", frequency))):
        return Doubt("order-timing-range", "states a range of intervals, not one")
    return _plausible(period * WEEKS[unit] / frequency)


def _plausible(exact: Decimal) -> float | Doubt:
    weeks = float(round(exact, 9))
    if not 0 < weeks <= LONGEST_WEEKS:
        return Doubt("order-timing-implausible", f"states an interval of {weeks:g} weeks, which is not plausible")
    return weeks


def _in_words(timing: Mapping[str, Any], repeat: Mapping[str, Any], tables: Tables) -> float | Doubt | None:
    """The interval where all words of the code say one and nothing is beside them but bounds, which say none."""
    written = read_coded(struct(timing, "code"), tables)
    beside = {member for member, value in repeat.items() if value is not None} - BOUNDS
    bare = not (beside or timing.get("event"))
    said = written.texts or written.codings
    if bare and not said:
        return None
    weeks = {_weeks_in(words, tables) for words in written.texts}
    only = next(iter(weeks), None) if len(weeks) == 1 and bare else None
    if only is not None:
        return _plausible(only)
    shown = f" ({quote(written.label)})" if said else ""
    return Doubt("order-timing-not-structured", f"has a timing that could not be read as a number of weeks{shown}")


def _weeks_in(words: str, tables: Tables) -> Decimal | None:
    shown, numbers = counted_words(words)
    unit = tables.timings.get(shown)
    return None if unit is None else numbers[0] * WEEKS[unit]


def _differs(repeat: Mapping[str, Any], member: str, least: Decimal) -> bool:
    most = number(repeat, member)
    return most is not None and most != least
