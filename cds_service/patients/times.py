"""FHIR dates and instants of the synthetic charts."""

from datetime import datetime


def instant(at: datetime, *, day_only: bool = False) -> str:
    """A FHIR dateTime: whole seconds, because some servers keep no finer ones; or the calendar day alone."""
    if at.tzinfo is None:
        raise ValueError("a synthetic chart needs an aware instant (with time zone)")
    return at.date().isoformat() if day_only else at.replace(microsecond=0).isoformat()
