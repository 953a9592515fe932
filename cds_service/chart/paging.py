"""From a first page to a whole answer: `next` is followed verbatim, on this server only, up to a cap."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.page import Failure, Page, read_page
from cds_service.chart.request import ChartRequest, Limits
from cds_service.clinical.record import SourceState
from cds_service.outgoing import Deadline
from fhir_mappings.chart import ChartPart, Resource
from fhir_mappings.searches import Search, fhir_query


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one call needs to read: who asks for whom, through which client, how far and how long."""

    ask: ChartRequest
    client: FhirClient
    limits: Limits
    deadline: Deadline
    _asked: list[str] = field(default_factory=list, init=False, repr=False)  # appended to by several threads

    @property
    def reads(self) -> int:
        """How often the server was asked so far."""
        return len(self._asked)

    def get(self, url: str, parameters: Sequence[tuple[str, str]]) -> Any:
        """The JSON document at a URL of the allowed server, or a Failure with its reason."""
        self._asked.append(url)
        return self.client.get(url, parameters, self.ask, self.deadline)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one search and what came along with it, being pointed to."""

    part: ChartPart
    included: tuple[Resource, ...] = ()


def fetch(reading: Reading, search: Search, since: datetime) -> Answer | Failure:
    """The whole answer to a search from the FHIR server."""
    if reading.ask.server is None:
        return Failure(reading.ask.no_server)
    path, parameters = fhir_query(search, reading.ask.patient_id, since, reading.limits.page_size)
    first = _get_page(reading, search, f"{reading.ask.server.url}/{path}", parameters)
    return first if isinstance(first, Failure) else follow(reading, search, first)


def follow(reading: Reading, search: Search, first: Page) -> Answer | Failure:
    """The whole answer that begins with this page; a Failure where a later page cannot be had."""
    pages, seen = [first], set[str]()
    while (link := pages[-1].next_link) is not None:
        if _full(pages, reading.limits):
            return cut_short(pages)
        if reading.ask.server is None:
            return Failure(f"only the first page was sent and {reading.ask.no_server}")
        url = reading.ask.server.resolve(link) if link else None
        if url is None or url in seen:
            return Failure("the link to the next page " + ("runs in a circle" if url else "leaves the FHIR server"))
        seen.add(url)
        page = _get_page(reading, search, url, ())
        if isinstance(page, Failure):
            return Failure(f"on page {len(pages) + 1} {page.reason}")
        pages.append(page)
    return join(pages)


def join(pages: Sequence[Page]) -> Answer:
    """Pages put together as one answer."""
    part = ChartPart(
        tuple(resource for page in pages for resource in page.resources),
        SourceState.READ,
        tuple(dict.fromkeys(issue for page in pages for issue in page.issues)),
    )
    return Answer(part, tuple(resource for page in pages for resource in page.included))


def cut_short(pages: Sequence[Page]) -> Answer | Failure:
    """What was read of an answer whose rest will not be: incomplete, or a Failure if nothing is usable.

    `recent.read_recent` says what is missing.
    """
    answer = join(pages)
    if not answer.part.resources:
        return Failure(f"nothing usable on the first {len(pages)} pages")
    return replace(answer, part=replace(answer.part, state=SourceState.INCOMPLETE))


def _full(pages: Sequence[Page], limits: Limits) -> bool:
    return len(pages) >= limits.max_pages or sum(len(page.resources) for page in pages) >= limits.max_entries


def _get_page(reading: Reading, search: Search, url: str, parameters: Sequence[tuple[str, str]]) -> Page | Failure:
    document = reading.get(url, parameters)
    return document if isinstance(document, Failure) else read_page(document, search)
