"""The configuration as an analyst should hear of it: what is right, what is missing, every fault with its line.

Question: could the service start with these files, and is anything left to decide?
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cds_service.check.finding import Finding, find
from cds_service.clinical.knowledge import assays
from cds_service.errors import ConfigurationError
from cds_service.outgoing import Unanswered
from cds_service.site.callers import AllowedCaller
from cds_service.site.key_files import mode_open_to_others
from cds_service.site.risk_model_file import load_risk_model
from cds_service.site.settings import Settings, load_settings
from cds_service.site.site import Site, open_site
from cds_service.trust.caller_token import SERVICES, Caller, endpoint_of
from cds_service.trust.key_sets import FetchedKeys
from cds_service.trust.origins import read_base
from cds_service.trust.public_keys import read_key_file
from fhir_mappings.rows import known_tables, read_rows
from fhir_mappings.tables import load_tables


@dataclass(frozen=True, slots=True)
class Configured:
    """What the files gave: a site, None where they are wrong, and what is to be said about them."""

    site: Site | None
    findings: tuple[Finding, ...]


def check_configuration(path: Path) -> Configured:
    """The site of a configuration file, with its tables and its risk model; faults of all of them are told at once."""
    if not path.is_file():
        what = "a file expected, it is a folder" if path.is_dir() else "there is no such file"
        return Configured(None, (find("configuration-unreadable", fault=f"{path}: {what}"),))
    try:
        settings = load_settings(path)
    except ConfigurationError as error:
        return Configured(None, _faults(error.diagnostics))
    faults = [*_faults_of(lambda: _open_tables(settings)), *_faults_of(lambda: _open_risk_model(settings))]
    if faults:
        return Configured(None, _faults(faults))
    try:
        site = open_site(settings)
    except ConfigurationError as error:
        return Configured(None, _faults(error.diagnostics))
    right = find("configuration-read", file=path)
    told = (*_about_site(settings), *_about_callers(site), *_about_ehr(settings), *_about_tables(site))
    return Configured(site, (right, *told))


def _faults(lines: tuple[str, ...] | list[str]) -> tuple[Finding, ...]:
    return tuple(find("configuration-fault", fault=line) for line in lines)


def _faults_of(load: Callable[[], object]) -> list[str]:
    try:
        load()
    except ConfigurationError as error:
        return list(error.diagnostics)
    return []


def _open_tables(settings: Settings) -> object:
    return load_tables(_folder(settings))


def _open_risk_model(settings: Settings) -> object:
    name = settings.policy.risk_model_file
    return load_risk_model(Path(name)) if name else None


def _folder(settings: Settings) -> Path | None:
    return Path(settings.site.tables_folder) if settings.site.tables_folder else None


def _about_site(settings: Settings) -> Iterator[Finding]:
    # What was written down counts as decided, even where it says the same as the default.
    if "name" not in settings.site.model_fields_set:
        yield find("site-unnamed")
    if "time_zone" not in settings.site.model_fields_set:
        yield find("time-zone-unset")
    servers = settings.fhir.allowed_servers
    if servers:
        yield find("servers-listed", servers=", ".join(servers))
    else:
        decided = "allowed_servers" in settings.fhir.model_fields_set
        yield find("servers-none" if decided else "servers-unset")
    for server in servers:
        if server.startswith("http://") and not read_base(server).loopback:
            yield find("server-in-clear", server=server)
    if settings.policy.risk_model_file:
        yield find("risk-model-read", file=settings.policy.risk_model_file)
    if settings.fhir.code_filtered_searches:
        names = ", ".join(settings.fhir.code_filtered_searches)
        yield find("searches-by-code", searches=names)


def _about_callers(site: Site) -> Iterator[Finding]:
    settings = site.settings
    if not settings.callers.allowed:
        yield find("callers-none" if settings.server.for_this_machine else "callers-needed", host=settings.server.host)
    for allowed in settings.callers.allowed:
        yield from _about_keys(allowed, site.callers.allowed[allowed.issuer])
        if uncovered := _endpoints_without_audience(allowed, site):
            yield find("caller-audiences-lacking", caller=allowed.name, endpoints=", ".join(uncovered))
        if allowed.published():
            yield find("caller-published", caller=allowed.name)
    if settings.callers.allowed and (why := _unusable(Path(settings.server.state_folder))):
        yield find("state-folder-unusable", folder=settings.server.state_folder, why=why)


def _unusable(folder: Path) -> str:
    """Why the service could not write to this folder; "" where it could. Nothing is written here."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        return f"{there} is a file"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"this user may not write to {there}"


def _endpoints_without_audience(allowed: AllowedCaller, site: Site) -> list[str]:
    """Our endpoints at which every token of this caller would be refused, whatever else it says."""
    checked = [f"{SERVICES}/{service.id}" for service in site.services]
    if site.settings.callers.discovery_needs_token:
        checked.insert(0, SERVICES)
    covered = {endpoint_of(audience) for audience in allowed.audiences}
    return [] if None in covered else [endpoint for endpoint in checked if endpoint not in covered]


def _about_keys(allowed: AllowedCaller, caller: Caller) -> Iterator[Finding]:
    told = {"caller": allowed.name, "issuer": allowed.issuer, "source": allowed.key_set_file or allowed.key_set_url}
    try:
        keys = (
            caller.keys.fetch() if isinstance(caller.keys, FetchedKeys) else read_key_file(Path(allowed.key_set_file))
        )
    except Unanswered as error:
        yield find("caller-keys-unread", **told, reason=error.reason)
        return
    if keys.fits(allowed.accepted_algorithms):
        yield find("caller-keys-read", **told)
    else:
        why = "".join(f" ({reason})" for reason in keys.passed_over[:3])
        yield find("caller-keys-unfit", **told, algorithms=" or ".join(allowed.accepted_algorithms), why=why)
    for key_id, count in Counter(key.key_id for key in keys.keys).items():
        if count > 1:
            yield find("caller-keys-alike", **told, key_id=key_id)


def _about_ehr(settings: Settings) -> Iterator[Finding]:
    for backend in settings.fhir.backend:
        own = {"server": backend.server, "client": backend.client_id}
        yield find("own-token" if settings.callers.allowed else "own-token-for-anyone", **own)
        file = backend.private_key_file
        mode = mode_open_to_others(Path(file)) if file else None
        if mode is not None:
            yield find("key-open-to-others", file=file, mode=mode)
        else:
            source = file or f"the environment variable {backend.private_key_variable}"
            yield find("key-fits", file=source, algorithm=backend.algorithm)
    unverified = settings.ehr.facts.unverified
    if unverified:
        yield find("profile-unverified", profile=settings.ehr.profile, facts=", ".join(unverified))
    if settings.ehr.creates_nothing:
        yield find("preference-keys-unset")


def _about_tables(site: Site) -> Iterator[Finding]:
    folder = _folder(site.settings)
    if folder is None:
        yield find("tables-none")
    else:
        own = {name: count for name in known_tables() if (count := _own_rows(name, folder))}
        rows = sum(own.values())
        yield find("tables-own", folder=folder, rows=f"{rows} row{'s' * (rows != 1)}", files=", ".join(own) or "none")
    coded = {row.concept for row in site.tables.laboratory.values()}
    bare = [concept.title for name, concept in site.tables.concepts.items() if name not in coded]
    if bare:
        yield find("concepts-uncoded", concepts=", ".join(bare))
    strange = sorted({row.key for row in (*site.tables.assays, *site.tables.performers)} - assays().keys())
    if strange:
        yield find("assays-without-thresholds", assays=", ".join(strange))


def _own_rows(name: str, folder: Path) -> int:
    return sum(row.file == str(folder / name) for row in read_rows(name, folder))
