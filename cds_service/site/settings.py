"""Typed settings from one annotated TOML file, checked at start; an error names file, line, key and what is expected.

Question: how does this hospital want the service to behave? docker/infliximab-cds.toml lists every setting.
Defaults of [policy] are those of the medicine (cds_service.clinical.policy); nothing is repeated here. Relative paths
count from the folder of the configuration file.
"""

import os
import re
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from cds_service.clinical.knowledge import target_profiles
from cds_service.clinical.policy import Policy
from cds_service.clinical.site_model import SiteModel
from cds_service.site.callers import CallersSection
from cds_service.site.checked_toml import Misplaced, Section, Text, check, each_once, open_toml
from cds_service.site.ehr import EhrSection
from cds_service.site.values import BaseUrl, Host, Origin, SecureBase, SecureUrl, SitePath, Visible
from cds_service.trust.keys import Algorithm, read_private_key
from cds_service.trust.origins import AllowedServers, is_this_machine, read_base

_DEFAULT = Policy()


def _name_of_a_variable(name: str) -> str:
    if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("the name of an environment variable expected, or nothing")
    return name


def _reading_scope(scope: str) -> str:
    # The form is that of SMART App Launch 2.2; a scope of another form is the authorization server's own matter.
    smart = re.fullmatch(r"(?:system|user|patient)/[A-Za-z*]+\.([^?]*)(?:\?.*)?", scope)
    if smart and smart[1] not in ("read", "r", "s", "rs"):
        raise ValueError("scopes for reading expected, such as system/Observation.rs: the service never writes")
    return scope


def _known_folder(name: str) -> str:
    if name and not Path(name).is_dir():
        raise ValueError("a folder with the site's own tables expected, or nothing")
    return name


def _known_file(name: str) -> str:
    if name and not Path(name).is_file():
        raise ValueError("a file with the site's own risk model expected, or nothing")
    return name


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("an IANA time zone such as Europe/Berlin expected")
    return name


def _known_profile(name: str) -> str:
    if name not in target_profiles():
        raise ValueError(f"one of {', '.join(target_profiles())} expected")
    return name


Days = Annotated[int, Field(ge=1, le=3660)]
Weeks = Annotated[float, Field(gt=0, le=260)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class Server(Section):
    """Where we listen, to whom we answer, and where we keep what has to outlive us."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 3
    threads: Annotated[int, Field(ge=1, le=64)] = 16
    max_request_bytes: Annotated[int, Field(ge=10_000, le=20_000_000)] = 2_000_000
    mode: Literal["production", "development"] = "production"
    browser_origins: Annotated[tuple[Origin, ...], Field(strict=False)] = ()
    state_folder: SitePath = "/var/lib/infliximab-cds"

    @property
    def for_this_machine(self) -> bool:
        """Whether only programs on this machine reach us directly."""
        return is_this_machine(self.host)

    @model_validator(mode="after")
    def _develops_on_this_machine(self) -> "Server":
        if self.mode == "development" and not self.for_this_machine:
            raise ValueError(f'mode = "development" with host = "127.0.0.1" expected, not with {self.host}')
        return self


class Operations(Section):
    """How those who run the service watch it."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "readable"] = "auto"


class Backend(Section):
    """How we are registered at the authorization server of one FHIR server (SMART App Launch 2.2, Backend Services).

    The private key is checked here and not kept: neither the file's nor the variable's content is part of a setting.
    """

    server: SecureBase
    client_id: Visible
    key_id: Visible
    algorithm: Algorithm = "ES384"
    private_key_variable: Annotated[str, Field(max_length=200), AfterValidator(_name_of_a_variable)] = ""
    private_key_file: Annotated[SitePath, Field(validate_default=True)] = ""
    token_url: SecureUrl = ""
    scopes: Annotated[tuple[Annotated[Visible, AfterValidator(_reading_scope)], ...], Field(strict=False)] = ()
    key_set_url: SecureUrl = ""

    @field_validator("private_key_file")
    @classmethod
    def _holds_a_fitting_key(cls, name: str, info: ValidationInfo) -> str:
        if {"algorithm", "private_key_variable"} <= info.data.keys():
            read_private_key(_key_text(name, info.data["private_key_variable"]), info.data["algorithm"])
        return name

    def private_key_text(self) -> bytes:
        """The PEM text of the private key: that of the environment variable where it is set, else that of the file.

        Raises ValueError with one sentence where there is none.
        """
        return _key_text(self.private_key_file, self.private_key_variable)


def _key_text(file: str, variable: str) -> bytes:
    if variable and (text := os.environ.get(variable)):
        return text.encode()
    if not file:
        raise ValueError(
            f"a file expected, or the key in the environment variable {variable}, which is not set"
            if variable
            else "a file with the private key expected"
        )
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ValueError(f"a file with the private key expected, {file} cannot be read: {error.strerror}") from error


class Fhir(Section):
    """Which FHIR servers are read, how far and how long."""

    allowed_servers: Annotated[tuple[BaseUrl, ...], Field(strict=False)] = ()
    deadline_seconds: Annotated[float, Field(ge=0.5, le=10)] = 2.0
    page_size: Annotated[int, Field(ge=1, le=1000)] = 200
    max_pages: Annotated[int, Field(ge=1, le=100)] = 10
    max_entries: Annotated[int, Field(ge=1, le=50_000)] = 5_000
    max_answer_bytes: Annotated[int, Field(ge=100_000, le=100_000_000)] = 20_000_000
    parallel_reads: Annotated[int, Field(ge=1, le=128)] = 48
    look_back_days: Days = 1095
    code_filtered_searches: Annotated[
        tuple[Literal["laboratory", "scores"], ...], Field(strict=False), AfterValidator(each_once)
    ] = ()
    backend: Annotated[tuple[Backend, ...], Field(strict=False, max_length=20)] = ()

    @field_validator("backend")
    @classmethod
    def _is_for_servers_that_are_read(cls, backends: tuple[Backend, ...], info: ValidationInfo) -> tuple[Backend, ...]:
        allowed = AllowedServers(tuple(map(read_base, info.data.get("allowed_servers", ()))))
        bases = [read_base(backend.server) for backend in backends]
        for number, base in enumerate(bases):
            if "allowed_servers" in info.data and not allowed.allow(base):
                raise ValueError(f"servers of allowed_servers expected, {base.url} is none")
            if any(base.is_same(other) for other in bases[:number]):
                raise ValueError(f"each server once expected, {base.url} stands here twice")
        return backends

    def allowed(self) -> AllowedServers:
        """The FHIR servers that may be read."""
        return AllowedServers(tuple(map(read_base, self.allowed_servers)))


class SiteSection(Section):
    """Who we are."""

    name: Text = "unnamed site"
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    drug_by_name: bool = False
    procedure_by_name: bool = False
    tables_folder: Annotated[SitePath, AfterValidator(_known_folder)] = ""


def _falls(weeks: tuple[int, ...]) -> bool:
    return all(longer > shorter for longer, shorter in pairwise(weeks))


class PolicySection(Section):
    """The site's choices in the medicine, with bounds; meanings stand in cds_service.clinical.policy."""

    name: Text = _DEFAULT.name
    adult_from_years: Annotated[int, Field(ge=12, le=21)] = _DEFAULT.adult_from_years
    allow_under_six: bool = _DEFAULT.allow_under_six
    allow_pregnancy: bool = _DEFAULT.allow_pregnancy
    target_profile: Annotated[str, AfterValidator(_known_profile)] = _DEFAULT.target_profile
    perianal_profile: bool = _DEFAULT.perianal_profile
    perianal_activity_days: Days = _DEFAULT.perianal_activity_days
    stale_after_weeks: Weeks = _DEFAULT.stale_after_weeks
    early_half_life_days: Annotated[float, Field(ge=3, le=21)] = _DEFAULT.early_half_life_days
    regimen_dose_tolerance: Annotated[float, Field(gt=0, le=0.5)] = _DEFAULT.regimen_dose_tolerance
    regimen_interval_tolerance_weeks: Annotated[float, Field(gt=0, le=4)] = _DEFAULT.regimen_interval_tolerance_weeks
    free_antibody_accepted: bool = _DEFAULT.free_antibody_accepted
    calprotectin_window_days: Days = _DEFAULT.calprotectin_window_days
    crp_window_days: Days = _DEFAULT.crp_window_days
    endoscopy_window_days: Days = _DEFAULT.endoscopy_window_days
    measure_after_weeks_quiet: Weeks = _DEFAULT.measure_after_weeks_quiet
    measure_after_weeks_otherwise: Weeks = _DEFAULT.measure_after_weeks_otherwise
    prompt_days_before_due: Annotated[int, Field(ge=0, le=60)] = _DEFAULT.prompt_days_before_due
    intervals_weeks: Annotated[
        tuple[Annotated[int, Field(ge=2, le=16)], ...], Field(strict=False, min_length=1, max_length=8)
    ] = _DEFAULT.intervals_weeks
    forecast: bool = _DEFAULT.forecast
    forecast_intervals_weeks: Annotated[
        tuple[Annotated[int, Field(ge=2, le=16)], ...], Field(strict=False, min_length=1, max_length=8)
    ] = _DEFAULT.forecast_intervals_weeks
    higher_doses_mg_per_kg: Annotated[
        tuple[Annotated[float, Field(ge=5, le=20)], ...], Field(strict=False, max_length=4)
    ] = _DEFAULT.higher_doses_mg_per_kg
    chance_needed: Fraction = _DEFAULT.chance_needed
    chance_needed_when_urgent: Fraction = _DEFAULT.chance_needed_when_urgent
    minimum_interval_weeks: Annotated[float, Field(ge=2, le=16)] = _DEFAULT.minimum_interval_weeks
    maximum_mg_per_kg: Annotated[float, Field(ge=5, le=20)] = _DEFAULT.maximum_mg_per_kg
    maximum_mg_per_kg_heart_failure: Annotated[float, Field(ge=3, le=10)] = _DEFAULT.maximum_mg_per_kg_heart_failure
    button_on_first_maintenance: bool = _DEFAULT.button_on_first_maintenance
    near_target_fraction: Fraction = _DEFAULT.near_target_fraction
    deep_fraction: Fraction = _DEFAULT.deep_fraction
    deescalation_above_ug_per_ml: Annotated[float, Field(ge=5, le=50)] = _DEFAULT.deescalation_above_ug_per_ml
    weight_window_days: Days = _DEFAULT.weight_window_days
    weight_change_fraction: Fraction = _DEFAULT.weight_change_fraction
    baseline_window_days: Days = _DEFAULT.baseline_window_days
    steroid_window_days: Days = _DEFAULT.steroid_window_days
    infection_window_days: Days = _DEFAULT.infection_window_days
    risk_model_file: Annotated[SitePath, AfterValidator(_known_file)] = ""

    @model_validator(mode="after")
    def _fits_together(self) -> "PolicySection":
        if not _falls(self.intervals_weeks) or self.intervals_weeks[-1] < self.minimum_interval_weeks:
            raise ValueError("intervals_weeks from long to short, none below minimum_interval_weeks, expected")
        if not _falls(self.forecast_intervals_weeks):
            raise ValueError("forecast_intervals_weeks from long to short expected")
        if self.deep_fraction >= self.near_target_fraction:
            raise ValueError("deep_fraction below near_target_fraction expected")
        return self

    def policy(self, risk_model: SiteModel | None = None) -> Policy:
        """The same choices as the medicine reads them, with what the risk model file says."""
        choices = {field.name: getattr(self, field.name) for field in fields(Policy) if field.name != "risk_model"}
        return Policy(**choices, risk_model=risk_model)


class Settings(Section):
    """All settings of one site."""

    server: Server = Server()
    operations: Operations = Operations()
    fhir: Fhir = Fhir()
    callers: CallersSection = CallersSection()
    site: SiteSection = SiteSection()
    ehr: EhrSection = EhrSection()
    policy: PolicySection = PolicySection()

    @field_validator("operations")
    @classmethod
    def _is_another_port(cls, operations: Operations, info: ValidationInfo) -> Operations:
        server = info.data.get("server")
        if server and operations.port and operations.port == server.port:
            raise Misplaced(f"another port than {server.port} of [server] expected", "port")
        return operations

    @field_validator("callers")
    @classmethod
    def _fit_the_rest(cls, callers: CallersSection, info: ValidationInfo) -> CallersSection:
        server, fhir = info.data.get("server"), info.data.get("fhir")
        for number, caller in enumerate(callers.allowed):
            if server and server.mode == "production" and caller.published():
                raise Misplaced(
                    f"keys that nobody else has expected: the private key of {caller.name} is published, which only "
                    'mode = "development" under [server] accepts',
                    *("allowed", number),
                )
            if fhir and (strange := [url for url in caller.fhir_servers if not fhir.allowed().allow(read_base(url))]):
                raise Misplaced(
                    f"servers of fhir.allowed_servers expected, {strange[0]} is none",
                    *("allowed", number, "fhir_servers"),
                )
        return callers

    @property
    def open_to_anyone(self) -> bool:
        """Whether calls are answered that nobody checked and that may come from another machine."""
        return not self.callers.allowed and not self.server.for_this_machine

    @property
    def second_port(self) -> int:
        """Where health and metrics are served; 0 takes a free one."""
        return self.operations.port or (self.server.port and self.server.port + 1)


def load_settings(path: Path | None) -> Settings:
    """The settings of a file, or the defaults without one.

    Raises ConfigurationError with one line per fault: file, line, key and what was expected.
    """
    if path is None:
        return Settings()
    return check(open_toml(path, "the configuration file"), Settings)
