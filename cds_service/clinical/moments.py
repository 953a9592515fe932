"""Arithmetic on moments that may be instants or only calendar days.

Question: which came first, and how far apart, when some times are only dates? A day counts as its noon, and a
sample that shares its day with an infusion, one of them without a time, was drawn before it (advice contract 1).
"""

from datetime import datetime, timedelta

from cds_service.clinical.record import Infusion, Moment

DAY = timedelta(days=1)


def instant(moment: Moment) -> datetime:
    """The instant used in arithmetic: a day without a time is its noon."""
    return moment.at + timedelta(hours=12) if moment.day_only else moment.at


def between(earlier: Moment, later: Moment) -> timedelta:
    """Time from the earlier to the later moment."""
    return instant(later) - instant(earlier)


def days(span: timedelta) -> int:
    """A span in whole days, rounded: an infusion at noon and the next at ten o'clock are whole days apart."""
    return round(span / DAY)


def days_ago(moment: Moment, as_of: datetime) -> int:
    """Calendar days from a moment to the day of `as_of`, in its zone: advice never depends on the hour of the call."""
    day = moment.day if moment.day_only else moment.at.astimezone(as_of.tzinfo).date()
    return (as_of.date() - day).days


def weeks(span: timedelta) -> float:
    """A span in weeks, by whole days."""
    return days(span) / 7


def given_before(infusion: Infusion, sample: Moment) -> bool:
    """Whether the infusion had begun when the sample was drawn."""
    if shares_day_without_time(infusion, sample):
        return False
    return instant(infusion.start) <= instant(sample)


def shares_day_without_time(infusion: Infusion, sample: Moment) -> bool:
    """Whether sample and infusion fall on one day and the order between them is not charted."""
    return (infusion.start.day_only or sample.day_only) and sample.same_day(infusion.start)


def drawn_within_a_day_before(sample: Moment, end: Moment) -> bool:
    """Whether the sample was drawn at most 24 h before `end`, by calendar days where one has no time."""
    if sample.day_only or end.day_only:
        return 0 <= (end.day - sample.day).days <= 1
    return timedelta(0) <= between(sample, end) <= DAY
