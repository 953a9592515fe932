"""Gather the chart: the prefetch where it is good, the FHIR server where it is not, all of one child.

Question: what is there to be read, and what could not be had?
Source: CDS Hooks 2.0.1 (use the prefetch, fetch what is missing, else 412 precondition failed).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from cds_service.chart.fhir_client import TOO_MANY
from cds_service.chart.identity import check_one_patient
from cds_service.chart.page import Failure, Page
from cds_service.chart.paging import Answer, Reading, cut_short, fetch, follow, join
from cds_service.chart.prefetch import read_prefetched
from cds_service.chart.recent import read_recent
from cds_service.chart.references import by_reference, read_references
from cds_service.clinical.record import DataIssue, IssueLevel, SourceState
from cds_service.errors import Busy, MissingData
from cds_service.operations.log import tell
from cds_service.operations.metrics import board
from fhir_mappings.chart import ChartPart, RawChart, Resource
from fhir_mappings.recognition import is_monitoring
from fhir_mappings.searches import Search
from fhir_mappings.vocabulary import Tables


def gather(
    reading: Reading,
    searches: Sequence[Search],
    since: datetime,
    tables: Tables,
    *,
    recent_since: datetime | None = None,
) -> RawChart:
    """The raw chart of the child that `reading.ask` names; `since` is how far back the server is asked.

    `tables` tell which results are levels or antibodies, whose Specimens are read, too.

    Where more is held than can be read, what there is since `recent_since` is read once more: servers differ in
    what they answer first. None reads no such window.

    Raises MissingData naming every required part that cannot be had and why, ForeignPatient if anything in it
    belongs to another patient, Busy where too many calls read at this time.
    """
    answers = _answers(reading, searches, since)
    _require(searches, answers)
    answers = read_recent(reading, searches, answers, recent_since)
    parts = {search.name: _part(search, answers[search.name]) for search in searches}
    chart = RawChart(reading.ask.patient_id, parts, _referenced(reading, parts, answers, tables))
    return check_one_patient(chart)


def _answers(reading: Reading, searches: Sequence[Search], since: datetime) -> dict[str, Answer | Failure]:
    sent = {search.name: read_prefetched(reading.ask.prefetch, search) for search in searches}
    _tell_unusable(reading.ask.prefetch, sent)
    good = {name: join([page]) for name, page in sent.items() if isinstance(page, Page) and page.next_link is None}
    missing = [search for search in searches if search.name not in good]
    reads = [partial(_complete, reading, search, since, sent[search.name]) for search in missing]
    read = reading.client.in_parallel(reads, reading.deadline) if reading.ask.server else [do() for do in reads]
    if TOO_MANY in read:
        raise Busy(TOO_MANY.reason)
    settled = {s.name: _settle(answer, sent[s.name]) for s, answer in zip(missing, read, strict=True)}
    return {**good, **settled}


def _tell_unusable(prefetch: Mapping[str, object], sent: Mapping[str, Page | Failure]) -> None:
    # To the log and not onto the card: a card says nothing about the path that the data took.
    for name, answer in sent.items():
        if name in prefetch and isinstance(answer, Failure):
            board().add("prefetch_unusable_total")
            tell("prefetch_unusable", key=name)


def _complete(reading: Reading, search: Search, since: datetime, sent: Page | Failure) -> Answer | Failure:
    """What the prefetch did not give: the rest of its pages, else the whole answer."""
    rest = sent if isinstance(sent, Failure) else follow(reading, search, sent)
    return rest if isinstance(rest, Answer) else fetch(reading, search, since)


def _settle(answer: Answer | Failure, sent: Page | Failure) -> Answer | Failure:
    """The answer, else the first page alone if something on it is usable, else why there is neither."""
    if isinstance(answer, Answer):
        return answer
    if isinstance(sent, Failure):
        return Failure(f"{sent.reason}, and {answer.reason}")
    return cut_short([sent]) if sent.resources else Failure(f"prefetched in part, and {answer.reason}")


def _require(searches: Sequence[Search], answers: Mapping[str, Answer | Failure]) -> None:
    lines = [
        f"{search.title} ({search.name}): {answer.reason}"
        for search in searches
        if search.required and isinstance(answer := answers[search.name], Failure)
    ]
    if lines:
        raise MissingData(*lines)


def _part(search: Search, answer: Answer | Failure) -> ChartPart:
    if isinstance(answer, Answer):
        return answer.part
    message = f"The part of the chart with {search.title} could not be read."
    level = IssueLevel.NOTE if search.minor else IssueLevel.LIMITING
    issue = DataIssue(f"{search.name.replace('_', '-')}-unreadable", search.name, level, message)
    return ChartPart((), SourceState.UNREADABLE, (issue,))


def _referenced(
    reading: Reading, parts: Mapping[str, ChartPart], answers: Mapping[str, Answer | Failure], tables: Tables
) -> Mapping[str, Resource]:
    included = [r for answer in answers.values() if isinstance(answer, Answer) for r in answer.included]
    drafted = [draft for draft in reading.ask.drafts if draft.get("resourceType") == "Medication"]
    pointing = [resource for part in parts.values() for resource in part.resources]
    timed = [resource for resource in pointing if "specimen" in resource and is_monitoring(resource, tables)]
    return read_references(reading, [*pointing, *reading.ask.drafts], by_reference([*drafted, *included]), timed)
