"""The phrases of a patient file: "8 weeks 1 day" (span), "<0.4 ug/mL" (amount), "8 weeks" (rhythm)."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

_SPAN_WORDS = {"year": 12, "month": 1}  # in calendar months
_DELTA_WORDS = {"week": timedelta(weeks=1), "day": timedelta(days=1), "hour": timedelta(hours=1)}
_PART = r"(\d+) (year|month|week|day|hour)s?"
_SPAN = re.compile(rf"{_PART}(?: {_PART})*")
_AMOUNT = re.compile(r"(<=|>=|<|>)?\s?(\d+(?:\.\d+)?)(?: (\S.*))?")
_RHYTHM = re.compile(r"(\d+) (week|day)s?")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time before the order; months are calendar months."""

    months: int
    rest: timedelta

    def before(self, as_of: datetime) -> datetime:
        """The instant that lies this span before `as_of`, in the same time zone."""
        return datetime.combine(self.date_before(as_of), as_of.timetz()) - self.rest

    def date_before(self, as_of: datetime) -> date:
        """The day that lies this span's months before `as_of` (31 March less a month: 28 February)."""
        year, month = divmod(as_of.year * 12 + as_of.month - 1 - self.months, 12)
        return date(year, month + 1, min(as_of.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Amount:
    """A reported number with its comparator and unit, as the laboratory or the order writes it."""

    value: int | float
    comparator: str | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often an order asks for an infusion; `unit` is a FHIR Timing unit (wk or d)."""

    period: int
    unit: str


def read_span(text: Any) -> Span | None:
    """Read "12 years 4 months" or "8 weeks 1 day"; "unknown" is None. Raises ValueError for anything else."""
    if text == "unknown":
        return None
    if not isinstance(text, str) or not _SPAN.fullmatch(text):
        raise ValueError(f'expected a span such as "8 weeks 1 day" or "unknown", got {text!r}')
    parts = [(int(number), word) for number, word in re.findall(_PART, text)]
    months = sum(number * _SPAN_WORDS[word] for number, word in parts if word in _SPAN_WORDS)
    rest = sum((number * _DELTA_WORDS[word] for number, word in parts if word in _DELTA_WORDS), timedelta())
    return Span(months, rest)


def read_amount(text: Any) -> Amount | None:
    """Read "<0.4 ug/mL", "200 mg" or "12"; "none" is None. Raises ValueError for anything else."""
    if text == "none":
        return None
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'expected an amount such as "<0.4 ug/mL", "12" or "none", got {text!r}')
    comparator, number, unit = match.groups()
    return Amount(float(number) if "." in number else int(number), comparator, unit)


def read_rhythm(text: Any) -> Rhythm | None:
    """Read "8 weeks" or "56 days"; "not stated" is None. Raises ValueError for anything else."""
    if text == "not stated":
        return None
    match = _RHYTHM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'expected a rhythm such as "8 weeks", "56 days" or "not stated", got {text!r}')
    return Rhythm(int(match.group(1)), {"week": "wk", "day": "d"}[match.group(2)])
