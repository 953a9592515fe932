"""What each EHR takes from us, as data: ehr_profiles.toml, every fact with its source.

Question: in which form may this EHR be answered, and who says so? What is not verified there is marked and shown.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cards.card import SelectionBehavior
from cards.form import SuggestionForm
from cds_service.checked_toml import Section, Text, TomlFile, check, each_once
from cds_service.hooks.services import load_services

FILE = "ehr_profiles.toml"

Version = Literal["1.0", "2.0"]
PrefetchForm = Literal["discovery", "typed", "none"]
Topic = Literal["any", "alphanumeric"]
Markdown = Literal["gfm", "without-tables", "unknown"]
Value = TypeVar("Value")


def known_hook(name: str) -> str:
    """The same name. Raises ValueError naming the hooks that have a service."""
    hooks = [service.hook for service in load_services()]
    if name not in hooks:
        raise ValueError(f"one of {', '.join(hooks)} expected, got {name}")
    return name


Sentences = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(strict=False)]
Hooks = Annotated[
    tuple[Annotated[str, AfterValidator(known_hook)], ...], Field(strict=False), AfterValidator(each_once)
]


class Fact(Section, Generic[Value]):
    """One thing an EHR does; `source` is a key of the sources, `verified` whether it was read or observed there."""

    value: Value
    source: str
    verified: bool
    note: str = ""


class Source(Section):
    """Where facts were read or observed."""

    label: Text
    url: Text


class Profile(Section):
    """What one EHR takes; the words of each fact are explained at the head of ehr_profiles.toml."""

    title: Text
    cds_hooks: Fact[Version]
    hooks: Fact[Hooks]
    prefetch: Fact[PrefetchForm]
    suggestions: Fact[SuggestionForm]
    selection_behavior: Fact[SelectionBehavior]
    topic: Fact[Topic]
    markdown: Fact[Markdown]
    tasks: Sentences
    open: Sentences
    preference_system: str = ""

    @property
    def facts(self) -> Mapping[str, Fact[object]]:
        """The facts by their names, in the order above."""
        return {name: told for name, told in self if isinstance(told, Fact)}

    @property
    def unverified(self) -> tuple[str, ...]:
        """The names of the facts that could not be verified."""
        return tuple(name for name, fact in self.facts.items() if not fact.verified)


class Profiles(Section):
    """The whole table."""

    source: dict[str, Source]
    profile: dict[str, Profile]

    @model_validator(mode="after")
    def _sources_exist(self) -> "Profiles":
        for name, row in self.profile.items():
            for fact, told in row.facts.items():
                if told.source not in self.source:
                    raise ValueError(f"profile.{name}.{fact}: {told.source} is none of the sources")
        return self


@cache
def load_profiles() -> Mapping[str, Profile]:
    """The profiles shipped with the service, by name; the first is the default."""
    return MappingProxyType(_load().profile)


@cache
def load_sources() -> Mapping[str, Source]:
    """The sources of the facts, by their keys."""
    return MappingProxyType(_load().source)


@cache
def _load() -> Profiles:
    return read_profiles(files("cds_service").joinpath(FILE).read_text("utf-8"))


def read_profiles(text: str) -> Profiles:
    """A table of profiles. Raises ConfigurationError with one line per fault: file, line, key, what was expected."""
    return check(TomlFile(Path(FILE), text, tomllib.loads(text)), Profiles)
