"""How the tokens of each kind of caller are made, as data: caller_profiles.toml, every fact with its source.

Question: what may be expected of a token of this kind of EHR, and whose private key is known to everybody?
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from cds_service.checked_toml import Section, Text, TomlFile, check
from cds_service.ehr_profiles import Fact, Sentences, Source
from cds_service.trust.public_keys import SigningAlgorithm

FILE = "caller_profiles.toml"
MOST_SECONDS = 3600  # of the life of any token, whatever a profile or a site says

Names = Annotated[tuple[str, ...], Field(strict=False)]
Algorithms = Annotated[tuple[SigningAlgorithm, ...], Field(strict=False)]
Lifetime = Annotated[int, Field(ge=1, le=MOST_SECONDS)]


class Published(Section):
    """A caller whose private key is published: how it names itself, and its keys by their thumbprints."""

    issuers: Names
    key_set_host: str
    thumbprints: Names


class CallerProfile(Section):
    """What the tokens of one kind of caller are like."""

    title: Text
    algorithms: Fact[Algorithms]
    max_lifetime_seconds: Fact[Lifetime]
    tasks: Sentences
    published: Published | None = None

    @property
    def facts(self) -> Mapping[str, Fact[object]]:
        """The facts by their names, in the order above."""
        return {name: told for name, told in self if isinstance(told, Fact)}


class CallerProfiles(Section):
    """The whole table."""

    source: dict[str, Source]
    profile: dict[str, CallerProfile]

    @model_validator(mode="after")
    def _sources_exist(self) -> "CallerProfiles":
        for name, row in self.profile.items():
            for fact, told in row.facts.items():
                if told.source not in self.source:
                    raise ValueError(f"profile.{name}.{fact}: {told.source} is none of the sources")
        return self


@cache
def load_caller_profiles() -> CallerProfiles:
    """The profiles shipped with the service; the first is the default."""
    return read_caller_profiles(files("cds_service").joinpath(FILE).read_text("utf-8"))


def read_caller_profiles(text: str) -> CallerProfiles:
    """A table of profiles. Raises ConfigurationError with one line per fault: file, line, key, what was expected."""
    return check(TomlFile(Path(FILE), text, tomllib.loads(text)), CallerProfiles)


@cache
def published_callers() -> tuple[Published, ...]:
    """Every caller whose private key is published."""
    return tuple(row.published for row in load_caller_profiles().profile.values() if row.published)


@cache
def published_thumbprints() -> frozenset[str]:
    """The thumbprints of every key whose private half is published."""
    return frozenset(thumbprint for published in published_callers() for thumbprint in published.thumbprints)
