"""The interval that an order's structured timing states, in weeks.

Source: FHIR R4 Timing.repeat (frequency per period). Months are no weeks, a range is no interval, and a timing in
words or as a code is not read: then there is no interval, and a doubt that says why.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cds_service.clinical.record import IssueLevel
from fhir_mappings.codings import read_coded
from fhir_mappings.doubts import Doubt, quote
from fhir_mappings.shape import number, struct, text
from fhir_mappings.vocabulary import Tables

WEEKS = {"d": Decimal(1) / 7, "wk": Decimal(1)}
LONGEST_WEEKS = 104


def read_interval(timing: Mapping[str, Any], tables: Tables) -> float | Doubt | None:
    """Weeks between infusions; None where the order has no timing at all. Raises Misshapen."""
    repeat = struct(timing, "repeat")
    period, unit = number(repeat, "period"), text(repeat, "periodUnit")
    if number(repeat, "count") == 1:
        return Doubt("order-timing-once", "is for a single infusion and states no interval", IssueLevel.NOTE)
    if period is None or unit is None:
        return _unstructured(timing, tables)
    if unit not in WEEKS:
        return Doubt("order-timing-unit", f"states an interval in {quote(unit)}, which is not a number of weeks")
    frequency = number(repeat, "frequency") or Decimal(1)
    if any(_differs(repeat, most, least) for most, least in (("periodMax", period), ("frequencyMax", frequency))):
        return Doubt("order-timing-range", "states a range of intervals, not one")
    weeks = float(round(period * WEEKS[unit] / frequency, 9))
    if not 0 < weeks <= LONGEST_WEEKS:
        return Doubt("order-timing-implausible", f"states an interval of {weeks:g} weeks, which is not plausible")
    return weeks


def _unstructured(timing: Mapping[str, Any], tables: Tables) -> Doubt | None:
    if not timing:
        return None
    written = read_coded(struct(timing, "code"), tables)
    said = f" ({quote(written.label)})" if written.texts or written.codings else ""
    return Doubt("order-timing-not-structured", f"has a timing that states no number of weeks{said}", IssueLevel.NOTE)


def _differs(repeat: Mapping[str, Any], member: str, least: Decimal) -> bool:
    most = number(repeat, member)
    return most is not None and most != least
