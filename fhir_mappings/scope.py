"""What one reading sees: the tables, the window of time, the resources that others point to; and how it tells time.

Question: when was it, and does that time count? Source: FHIR R4 dateTime. A year or a month is no usable time, and
neither is an instant without its offset.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from cds_service.clinical.record import DataIssue, Moment
from fhir_mappings.chart import Resource
from fhir_mappings.doubts import Doubt, issue
from fhir_mappings.shape import struct, text
from fhir_mappings.vocabulary import Tables

CLOCK_SKEW = timedelta(minutes=5)
DAY = re.compile(r"(?:19|20|21)\d\d-\d\d-\d\d", re.ASCII)
INSTANT = re.compile(r"(?:19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """One reading. `earliest` and `latest` are aware instants; `zone` is where a bare day begins."""

    tables: Tables
    earliest: datetime
    latest: datetime
    zone: tzinfo
    referenced: Mapping[str, Resource]
    drug_by_name: bool = False
    procedure_by_name: bool = False

    def moment(self, source: Mapping[str, Any], member: str) -> Moment | None:
        """A dateTime, None where absent or not known to the day."""
        return read_moment(text(source, member), self.zone)

    def begin(self, source: Mapping[str, Any], stem: str) -> Moment | None:
        """The first usable time of a choice such as effective[x]: dateTime, start of the Period, instant."""
        return (
            self.moment(source, f"{stem}DateTime")
            or self.moment(struct(source, f"{stem}Period"), "start")
            or self.moment(source, f"{stem}Instant")
        )

    def sees(self, moment: Moment) -> bool:
        """Whether it lies within the look-back and not in the future."""
        return self.earliest <= moment.at <= self.latest

    def ahead(self, moment: Moment, about: str, what: str, evidence: str) -> Iterator[DataIssue]:
        """The issue of something dated after the present; nothing for what is merely older than the look-back."""
        if moment.at > self.latest:
            says = "lies in the future and was not used"
            yield issue(Doubt("in-the-future", says), about, f"{what} of {moment.day_in_words}", evidence)


def window(since: datetime, until: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The whole day of `since` counts, so that a bare day is not cut in half; clocks may differ by five minutes."""
    return since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0), until + CLOCK_SKEW


def read_moment(written: str | None, zone: tzinfo) -> Moment | None:
    """An instant with offset, or a calendar day at midnight in `zone`; None for anything less exact or malformed."""
    if written is None:
        return None
    try:
        if INSTANT.fullmatch(written):
            return Moment(datetime.fromisoformat(written))
        if DAY.fullmatch(written):
            day = date.fromisoformat(written)
            return Moment(datetime(day.year, day.month, day.day, tzinfo=zone), day_only=True)
    except ValueError:  # the 31st of April, 25 o'clock
        return None
    return None


def sorting_instant(moment: Moment | None) -> datetime:
    """Where a moment sorts; what has no time comes first."""
    return datetime.min.replace(tzinfo=UTC) if moment is None else moment.at
