"""The section [callers] of the settings: which EHRs may call, and how each signs its calls.

Question: whose token is accepted, at which of our endpoints? What a table leaves empty follows its profile.
"""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from cds_service.site.caller_profiles import (
    MOST_SECONDS,
    Algorithms,
    CallerProfile,
    load_caller_profiles,
    published_callers,
    published_thumbprints,
)
from cds_service.site.checked_toml import Section, Text, each_once
from cds_service.site.services import load_services
from cds_service.site.values import BaseUrl, SecureUrl, SitePath, Visible
from cds_service.trust.caller_token import SERVICES, Caller, endpoint_of
from cds_service.trust.callers import Callers
from cds_service.trust.key_sets import FetchedKeys
from cds_service.trust.origins import AllowedServers, read_base
from cds_service.trust.public_keys import KeySource, read_key_file
from cds_service.trust.used_tokens import UsedTokens


def _known_profile(name: str) -> str:
    known = load_caller_profiles().profile
    if name not in known:
        raise ValueError(f"one of {', '.join(known)} expected")
    return name


def _known_endpoint(audience: str) -> str:
    endpoints = [SERVICES, *(f"{SERVICES}/{service.id}" for service in load_services())]
    endpoint = endpoint_of(audience)
    if endpoint is not None and endpoint not in endpoints:
        raise ValueError(
            f"an address that ends in one of {', '.join(endpoints)} expected, or a text without {SERVICES}"
        )
    return audience


Audience = Annotated[Visible, AfterValidator(_known_endpoint)]


class AllowedCaller(Section):
    """One EHR that may call (CDS Hooks 2.0.1, Trusting CDS Clients).

    `audiences` are compared letter by letter. The address of one of our endpoints counts at that endpoint only, any
    other text at each.
    """

    name: Text
    profile: Annotated[str, AfterValidator(_known_profile)] = "generic"
    issuer: Visible
    audiences: Annotated[tuple[Audience, ...], Field(strict=False, min_length=1)]
    algorithms: Algorithms = ()
    key_set_file: SitePath = ""
    key_set_url: SecureUrl = ""
    max_lifetime_seconds: Annotated[int, Field(ge=0, le=MOST_SECONDS)] = 0
    tenants: Annotated[tuple[Visible, ...], Field(strict=False)] = ()
    subject: Annotated[str, Field(max_length=1000)] = ""
    fhir_servers: Annotated[tuple[BaseUrl, ...], Field(strict=False)] = ()

    @field_validator("key_set_file")
    @classmethod
    def _holds_a_fitting_key(cls, name: str, info: ValidationInfo) -> str:
        if name and {"algorithms", "profile"} <= info.data.keys():
            algorithms = info.data["algorithms"] or _facts_of(info.data["profile"]).algorithms.value
            found = read_key_file(Path(name))
            if not found.fits(algorithms):
                others = (f"kid {key.key_id}: for {', '.join(sorted(key.algorithms))}" for key in found.keys)
                why = "; ".join((*found.passed_over, *others))
                expected = f"a JWK Set with a public signing key for {' or '.join(algorithms)} expected"
                raise ValueError(f"{expected} ({why})" if why else expected)
        return name

    @model_validator(mode="after")
    def _has_keys(self) -> "AllowedCaller":
        if not self.key_set_file and not self.key_set_url:
            raise ValueError("key_set_file or key_set_url expected")
        return self

    @property
    def facts(self) -> CallerProfile:
        """What the profile says."""
        return _facts_of(self.profile)

    @property
    def accepted_algorithms(self) -> tuple[str, ...]:
        """The algorithms with which this caller may sign."""
        return self.algorithms or self.facts.algorithms.value

    def published(self) -> bool:
        """Whether anybody can sign as this caller, because the private key is published."""
        if self.facts.published is not None:
            return True
        host = urlsplit(self.key_set_url).hostname
        if any(self.issuer.rstrip("/") in row.issuers or host == row.key_set_host for row in published_callers()):
            return True
        thumbprints = published_thumbprints()
        return bool(self.key_set_file) and any(
            key.thumbprint in thumbprints for key in read_key_file(Path(self.key_set_file)).keys
        )

    def caller(self, refused_keys: frozenset[str]) -> Caller:
        """The same as the service reads it. Raises ValueError where the file with the keys cannot be read."""
        return Caller(
            name=self.name,
            issuer=self.issuer,
            keys=self.key_source(refused_keys),
            audiences=frozenset(self.audiences),
            algorithms=frozenset(self.accepted_algorithms),
            longest_seconds=self.max_lifetime_seconds or self.facts.max_lifetime_seconds.value,
            key_set_url=self.key_set_url or None,
            tenants=frozenset(self.tenants),
            subject=self.subject or None,
            servers=AllowedServers(tuple(map(read_base, self.fhir_servers))) if self.fhir_servers else None,
        )

    def key_source(self, refused_keys: frozenset[str]) -> KeySource:
        """The file where there is one, else the URL, which is not asked here."""
        if self.key_set_file:
            return read_key_file(Path(self.key_set_file)).without(refused_keys)
        return FetchedKeys(self.key_set_url, refused_keys)


def _facts_of(profile: str) -> CallerProfile:
    return load_caller_profiles().profile[profile]


class CallersSection(Section):
    """Who may call."""

    discovery_needs_token: bool = False
    allowed: Annotated[tuple[AllowedCaller, ...], Field(strict=False, max_length=50)] = ()

    @field_validator("allowed")
    @classmethod
    def _differ(cls, allowed: tuple[AllowedCaller, ...]) -> tuple[AllowedCaller, ...]:
        each_once(tuple(caller.issuer for caller in allowed), "issuer")
        return allowed

    def open(self, state_folder: str, *, development: bool) -> Callers:
        """The callers of the site. Asks no URL and opens no file but those with keys.

        Raises ValueError where a file with keys cannot be read.
        """
        refused = frozenset() if development else published_thumbprints()
        callers = [allowed.caller(refused) for allowed in self.allowed]
        return Callers({caller.issuer: caller for caller in callers}, UsedTokens(Path(state_folder)))
