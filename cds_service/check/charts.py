"""The charts of the sample, each read as a hook call would read it but for its haste, and what of them is kept: counts.

Question: what would the service have understood of these children's charts?
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from types import MappingProxyType

from cds_service.chart.gather import gather
from cds_service.chart.paging import Reading
from cds_service.chart.request import ChartRequest, TokenSource
from cds_service.check.conformance import Broken, broken_rules
from cds_service.check.coverage import Coverage, cover
from cds_service.check.unmapped import Sight, find_unmapped
from cds_service.clinical.record import DataIssue, SourceState, TreatmentRecord
from cds_service.errors import CdsError
from cds_service.outgoing import Deadline
from cds_service.site.site import Site
from cds_service.trust.origins import FhirBase
from fhir_mappings.chart import RawChart
from fhir_mappings.identity import evidence, newest_versions
from fhir_mappings.read import read_record

SECONDS = 30.0  # for one chart; what needs longer than a hook call has is read all the same, and told
NOTHING_SENT = "not prefetched, and "  # of every search: this check sends no prefetch along


@dataclass(frozen=True, slots=True)
class Server:
    """The FHIR server that is asked, with a token that was given, else with our own where the site has one for it."""

    base: FhirBase
    token: str | None = field(default=None, repr=False)
    own_token: TokenSource | None = field(default=None, repr=False)

    def ask_for(self, patient_id: str) -> ChartRequest:
        """The request for one patient's chart, without prefetch and drafts."""
        return ChartRequest(patient_id, server=self.base, token=self.token, own_token=self.own_token)


@dataclass(frozen=True, slots=True)
class ReadChart:
    """What is kept of one chart; `refusals` says why it could not be read, and then nothing else is known.

    `broken` gives for each rule the resources that break it, as references.
    """

    refusals: tuple[str, ...] = ()
    seconds: float = 0.0
    coverage: Coverage = field(default_factory=Coverage)
    sources: Mapping[str, SourceState] = field(default_factory=lambda: MappingProxyType({}))
    sights: tuple[Sight, ...] = ()
    doubts: tuple[DataIssue, ...] = ()
    resources: int = 0
    broken: Mapping[Broken, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class ReadSample:
    """The charts that were read, of so many that were to be; fewer where somebody interrupted the reading."""

    asked: int
    charts: tuple[ReadChart, ...]

    @property
    def read(self) -> tuple[ReadChart, ...]:
        """Those of which something is known."""
        return tuple(chart for chart in self.charts if not chart.refusals)

    @property
    def refusals(self) -> Counter[str]:
        """How many charts could not be read, by reason."""
        return Counter("; ".join(chart.refusals) for chart in self.charts if chart.refusals)

    @property
    def interrupted(self) -> bool:
        """Whether the reading ended before its time."""
        return len(self.charts) < self.asked


def read_charts(
    ids: Sequence[str], site: Site, server: Server, as_of: datetime, tell: Callable[[int], None]
) -> ReadSample:
    """The charts one after the other, as of an aware instant; `tell` hears after each how many are done.

    Ctrl-C ends the reading with those that were read until then.
    """
    charts: list[ReadChart] = []
    try:
        for patient_id in ids:
            charts.append(_read_chart(patient_id, site, server, as_of))
            tell(len(charts))
    except KeyboardInterrupt:
        pass
    return ReadSample(len(ids), tuple(charts))


def _read_chart(patient_id: str, site: Site, server: Server, as_of: datetime) -> ReadChart:
    began = monotonic()
    try:
        reading = Reading(server.ask_for(patient_id), site.client, site.limits, Deadline.after(SECONDS))
        chart = gather(
            reading, site.searches, as_of - site.look_back, site.tables, recent_since=as_of - site.limits.recent
        )
        seconds = monotonic() - began
        return _kept(chart, _record(chart, site, as_of), site, seconds)
    except CdsError as error:
        return ReadChart(tuple(line.replace(NOTHING_SENT, "") for line in error.diagnostics))
    except Exception as error:  # noqa: BLE001 - one chart that breaks us must not hide the others
        return ReadChart((f"a defect of this version ({type(error).__name__}), please report it",))


def _record(chart: RawChart, site: Site, as_of: datetime) -> TreatmentRecord:
    return read_record(
        chart,
        since=as_of - site.look_back,
        until=as_of.astimezone(site.time_zone),
        time_zone=site.time_zone,
        tables=site.tables,
        drug_by_name=site.settings.site.drug_by_name,
        procedure_by_name=site.settings.site.procedure_by_name,
    )


def _kept(chart: RawChart, record: TreatmentRecord, site: Site, seconds: float) -> ReadChart:
    parts = [resource for part in chart.parts.values() for resource in part.resources]
    resources = newest_versions([*parts, *chart.referenced.values()])
    broken: dict[Broken, list[str]] = {}
    for resource in resources:
        for rule in broken_rules(resource):
            broken.setdefault(rule, []).append(evidence(resource))
    own = site.settings.site
    return ReadChart(
        seconds=seconds,
        coverage=cover(record),
        sources=record.sources,
        sights=find_unmapped(
            chart, site.tables, drug_by_name=own.drug_by_name, procedure_by_name=own.procedure_by_name
        ),
        doubts=record.issues,
        resources=len(resources),
        broken={rule: tuple(examples) for rule, examples in broken.items()},
    )


def parts_answered(charts: Sequence[ReadChart]) -> frozenset[str]:
    """The searches, by name, that were answered in full in at least one chart."""
    return frozenset(_answered(charts))


def _answered(charts: Sequence[ReadChart]) -> Iterator[str]:
    for chart in charts:
        yield from (name for name, state in chart.sources.items() if state is SourceState.READ)
