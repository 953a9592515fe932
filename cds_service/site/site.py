"""A site: everything that stays the same between calls, built once from the settings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo

from cards.form import CardForm
from cds_service.chart.fhir_client import FhirClient
from cds_service.chart.request import Limits
from cds_service.clinical.policy import Policy
from cds_service.errors import Busy, ConfigurationError
from cds_service.outgoing import Deadline
from cds_service.site.risk_model_file import load_risk_model
from cds_service.site.services import Service
from cds_service.site.settings import Backend, Settings
from cds_service.trust.backend import OwnAccess, OwnToken
from cds_service.trust.caller_token import Caller
from cds_service.trust.callers import Callers
from cds_service.trust.keys import read_private_key
from cds_service.trust.origins import AllowedServers, read_base
from cds_service.trust.registration import Registration
from fhir_mappings.searches import Search, common_types, load_searches, prefetch_templates
from fhir_mappings.tables import Tables, load_tables

READING_SHARE = 0.8  # of the deadline; the rest is for judging and writing
CALLS_THAT_READ = 0.75  # of those answered at once; the others need no FHIR server and do not wait for those that do


@dataclass(frozen=True, slots=True)
class Site:
    """One hospital's service: its settings, what it offers, how and to whom, what it asks the chart, who reads FHIR.

    Charts are judged in `turn`, one after the other in each process: threads that compute at the same time need the
    processor twice as long for the same work, since numpy hands the interpreter's lock to and fro.
    """

    settings: Settings
    policy: Policy
    time_zone: ZoneInfo
    services: tuple[Service, ...]
    form: CardForm
    searches: tuple[Search, ...]
    prefetch: Mapping[str, str]
    tables: Tables
    callers: Callers
    allowed: AllowedServers
    own_access: OwnAccess
    limits: Limits
    client: FhirClient
    turn: Lock = field(default_factory=Lock, repr=False)

    @contextmanager
    def judging(self) -> Iterator[None]:
        """A turn to judge one chart. Raises Busy where it does not come before the call would be late."""
        if not self.turn.acquire(timeout=self.settings.fhir.deadline_seconds * (1 - READING_SHARE)):
            raise Busy("too many charts wait to be judged")
        try:
            yield
        finally:
            self.turn.release()

    @property
    def look_back(self) -> timedelta:
        """How far back results and infusions are read."""
        return timedelta(days=self.settings.fhir.look_back_days)

    def for_caller(self, caller: Caller | None) -> "Site":
        """The same, reading only the FHIR servers that this caller may name."""
        return self if caller is None or caller.servers is None else replace(self, allowed=caller.servers)

    def reading_deadline(self) -> Deadline:
        """How long the chart may be read for a call that begins now."""
        return Deadline.after(round(self.settings.fhir.deadline_seconds * READING_SHARE, 3))


def open_site(settings: Settings) -> Site:
    """Load tables, risk model, our private keys and the callers' public ones. Opens no connection, no thread.

    Raises ConfigurationError naming the place where a table, the risk model or a key is wrong.
    """
    fhir = settings.fhir
    risk_model_file = settings.policy.risk_model_file
    folder = settings.site.tables_folder
    tables = load_tables(Path(folder) if folder else None)
    searches = load_searches(fhir.code_filtered_searches, tables)
    return Site(
        settings=settings,
        policy=settings.policy.policy(load_risk_model(Path(risk_model_file)) if risk_model_file else None),
        time_zone=ZoneInfo(settings.site.time_zone),
        services=settings.ehr.services(),
        form=settings.ehr.card_form(),
        searches=searches,
        prefetch=settings.ehr.discovered(prefetch_templates(searches)),
        tables=tables,
        callers=_callers(settings),
        allowed=fhir.allowed(),
        own_access=OwnAccess(tuple(OwnToken(_registration(backend, searches)) for backend in fhir.backend)),
        limits=Limits(fhir.page_size, fhir.max_pages, fhir.max_entries, fhir.max_answer_bytes),
        client=FhirClient(
            parallel_reads=fhir.parallel_reads,
            max_answer_bytes=fhir.max_answer_bytes,
            calls=max(1, int(settings.server.threads * CALLS_THAT_READ)),
        ),
    )


def _callers(settings: Settings) -> Callers:
    try:
        return settings.callers.open(settings.server.state_folder, development=settings.server.mode == "development")
    except ValueError as error:
        raise ConfigurationError(f"callers.allowed.key_set_file: {error}") from error


def _registration(backend: Backend, searches: tuple[Search, ...]) -> Registration:
    try:
        key = read_private_key(backend.private_key_text(), backend.algorithm)
    except ValueError as error:
        raise ConfigurationError(f"fhir.backend.private_key_file for {backend.server}: {error}") from error
    return Registration(
        server=read_base(backend.server),
        client_id=backend.client_id,
        key_id=backend.key_id,
        algorithm=backend.algorithm,
        private_key=key,
        scopes=backend.scopes or tuple(f"system/{kind}.rs" for kind in common_types(searches)),
        token_url=backend.token_url or None,
        key_set_url=backend.key_set_url or None,
    )
