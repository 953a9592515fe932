"""Where a cap ended the reading: the recent window once more, because a server may answer oldest first.

Question: are the newest results among those that were not read?
Source: FHIR R4 search (without _sort the order of results is the server's own); hazard "a part of a chart is taken
for the whole".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from cds_service.chart.page import Failure
from cds_service.chart.paging import Answer, Reading, fetch
from cds_service.clinical.record import DataIssue, IssueLevel, SourceState
from fhir_mappings.chart import ChartPart
from fhir_mappings.searches import Search


def read_recent(
    reading: Reading,
    searches: Sequence[Search],
    answers: Mapping[str, Answer | Failure],
    recent_since: datetime | None,
) -> dict[str, Answer | Failure]:
    """`answers`, where each incomplete one is joined by what there is since `recent_since` and says what is not read.

    The windows are read in parallel and end with the deadline of the call: what was read before is kept whatever
    happens to them. With None, and for a search that no date can narrow, no window is read.
    """
    cut = {
        search.name: (search, answer)
        for search in searches
        if isinstance(answer := answers[search.name], Answer) and answer.part.state is SourceState.INCOMPLETE
    }
    narrowed = [search for search, _ in cut.values() if search.date_parameter is not None]
    windows = {} if recent_since is None else _windows(reading, narrowed, recent_since)
    return {**answers, **{name: _joined(*known, windows.get(name)) for name, known in cut.items()}}


def _windows(reading: Reading, searches: Sequence[Search], since: datetime) -> dict[str, Answer]:
    if reading.ask.server is None:
        return {}
    reads = [partial(fetch, reading, search, since) for search in searches]
    read = reading.client.in_parallel(reads, reading.deadline)
    return {s.name: window for s, window in zip(searches, read, strict=True) if isinstance(window, Answer)}


def _joined(search: Search, answer: Answer, window: Answer | None) -> Answer:
    answers = [answer] if window is None else [answer, window]
    whole = window is not None and window.part.state is SourceState.READ
    issues = dict.fromkeys(issue for each in answers for issue in each.part.issues)
    # The window's copies of what was read before stay: the reader takes one resource for each type and id.
    resources = tuple(resource for each in answers for resource in each.part.resources)
    part = ChartPart(resources, SourceState.INCOMPLETE, (*issues, _not_read(search, newest_read=whole)))
    return Answer(part, tuple(resource for each in answers for resource in each.included))


def _not_read(search: Search, *, newest_read: bool) -> DataIssue:
    what = "Older results not read" if newest_read else "Not all results were read, the newest may be among them"
    message = f"{what}: the EHR holds more entries for {search.title} than could be read."
    return DataIssue("older-results-not-read", search.name, IssueLevel.LIMITING, message)
