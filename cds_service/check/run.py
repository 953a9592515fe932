"""The whole check: configuration, what to type into the EHR, and where a server is named, its charts.

Question: can this site go live, and if not, what is to be done next?
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from cds_service.chart.page import Failure
from cds_service.check.capability import Lack, compare, read_statement
from cds_service.check.charts import ReadSample, Server, parts_answered, read_charts
from cds_service.check.configuration import check_configuration
from cds_service.check.coverage import Coverage, together
from cds_service.check.ehr import Entries, entries_for
from cds_service.check.finding import Finding, find
from cds_service.check.judge import exit_code, judge_capability, judge_coverage, judge_reading, judge_unmapped
from cds_service.check.progress import Progress
from cds_service.check.sample import Sample, find_patients, read_ids
from cds_service.check.tally import (
    CountedDoubt,
    CountedRule,
    UnmappedCode,
    count_broken,
    count_doubts,
    count_rules,
    count_unmapped,
)
from cds_service.errors import BadHookRequest
from cds_service.site.site import Site
from cds_service.trust.origins import FhirBase, read_base
from fhir_mappings.shape import Misshapen


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for. `patients` is the text of a list of ids, None to let the server find some."""

    config: Path
    server: str | None = None
    patients: str | None = None
    most: int = 20
    token_variable: str | None = None


@dataclass(frozen=True, slots=True)
class Charts:
    """What the charts of the sample gave; `found_by` says how the patients were chosen."""

    found_by: str
    sample: ReadSample
    coverage: Coverage
    titles: Mapping[str, str]
    unmapped: tuple[UnmappedCode, ...]
    doubts: tuple[CountedDoubt, ...]
    rules: tuple[CountedRule, ...]
    resources: int
    non_conformant: int


@dataclass(frozen=True, slots=True)
class Check:
    """All that was found. `lacks` is None where no CapabilityStatement could be read."""

    config: Path
    as_of: datetime
    site: Site | None
    entries: Entries | None
    findings: tuple[Finding, ...]
    server: str | None = None
    lacks: tuple[Lack, ...] | None = None
    charts: Charts | None = None

    @property
    def exit_code(self) -> int:
        """0 when the site can go live, 1 when something is missing, 2 when something could not be checked."""
        return exit_code(self.findings)


def run_check(asked: Asked, environment: Mapping[str, str], as_of: datetime, notices: TextIO) -> Check:
    """Check a site as of an aware instant; `notices` shows how far a long reading has come.

    Raises BadHookRequest for a server that is no URL, and for a list of patients that holds something else than ids.
    """
    base = None if asked.server is None else _base(asked.server)
    given = None if asked.patients is None else read_ids(asked.patients, asked.most)
    configured = check_configuration(asked.config)
    site, findings = configured.site, list(configured.findings)
    if site is None:
        findings += [find("server-held-back")] if base else []
        return Check(asked.config, as_of, None, None, tuple(findings), asked.server)
    plain = Check(asked.config, as_of, site, entries_for(site), tuple(findings), None if base is None else base.url)
    hindrance = _hindrance(asked, base, site, environment)
    if base is None or hindrance is not None:
        return _with(plain, findings=[hindrance or find("server-not-asked")])
    token = environment[asked.token_variable] if asked.token_variable else None
    server = Server(base, token, None if token else site.own_access.to(base))
    return _ask(plain, site, server, given, asked.most, notices)


def _base(url: str) -> FhirBase:
    try:
        return read_base(url)
    except ValueError as error:
        raise BadHookRequest(f"--server: {error}") from error


def _hindrance(asked: Asked, base: FhirBase | None, site: Site, environment: Mapping[str, str]) -> Finding | None:
    """Why the server is not asked at all."""
    if base is not None and not site.allowed.allow(base):
        return find("server-not-allowed", server=base.url)
    if base is not None and asked.token_variable and not environment.get(asked.token_variable):
        return find("token-unset", name=asked.token_variable)
    return None


def _ask(check: Check, site: Site, server: Server, given: Sample | None, most: int, notices: TextIO) -> Check:
    lacks, unreadable = _capability(site, server)
    try:
        chosen = given or find_patients(site.client, server.ask_for(""), site.limits, site.tables, most)
    except KeyboardInterrupt:
        chosen = Failure("the search was interrupted")
    if isinstance(chosen, Failure):
        nobody = find("patients-needed", reason=chosen.reason)
        return _with(check, lacks, None, [*unreadable, *judge_capability(lacks or (), frozenset()), nobody])
    progress = Progress(notices, len(chosen.ids), "charts")
    sample = read_charts(chosen.ids, site, server, check.as_of, progress.tell)
    progress.end()
    charts = _counted(sample, chosen, site)
    return _with(check, lacks, charts, [*unreadable, *_about_charts(charts, lacks, site)])


def _capability(site: Site, server: Server) -> tuple[tuple[Lack, ...] | None, list[Finding]]:
    try:
        statement = read_statement(site.client, server.ask_for(""))
        if not isinstance(statement, Failure):
            return compare(statement, site.searches), []
        reason = statement.reason
    except Misshapen as problem:
        reason = str(problem)
    return None, [find("statement-unreadable", reason=reason, server=server.base.url)]


def _counted(sample: ReadSample, chosen: Sample, site: Site) -> Charts:
    return Charts(
        found_by=chosen.found_by,
        sample=sample,
        coverage=together(chart.coverage for chart in sample.read),
        titles={name: concept.title for name, concept in site.tables.concepts.items()},
        unmapped=count_unmapped(sample.read, site.tables),
        doubts=count_doubts(sample.read),
        rules=count_rules(sample.read),
        resources=sum(chart.resources for chart in sample.read),
        non_conformant=count_broken(sample.read),
    )


def _about_charts(charts: Charts, lacks: tuple[Lack, ...] | None, site: Site) -> Iterator[Finding]:
    if lacks is not None:
        yield from judge_capability(lacks, parts_answered(charts.sample.read))
    yield from judge_reading(charts.sample, site)
    yield from judge_coverage(charts.coverage, len(charts.sample.read))
    yield from judge_unmapped(charts.unmapped, charts.coverage)
    if charts.non_conformant:
        yield find("non-conformant", number=charts.non_conformant, of=charts.resources)


def _with(
    check: Check,
    lacks: tuple[Lack, ...] | None = None,
    charts: Charts | None = None,
    findings: list[Finding] | None = None,
) -> Check:
    told = (*check.findings, *(findings or ()))
    return Check(check.config, check.as_of, check.site, check.entries, told, check.server, lacks, charts)
