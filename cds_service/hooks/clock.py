"""The only place where the clock is read; everyone else is handed `as_of`."""

from datetime import UTC, datetime


def now() -> datetime:
    """This instant, with its time zone."""
    return datetime.now(UTC)  # noqa: TID251 - this is the place
