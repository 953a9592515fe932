"""What each EHR takes from us, as data: ehr_profiles.toml, every fact with its source.

Question: in which form may this EHR be answered, and who says so? What is not verified there is marked and shown.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cards.card import SelectionBehavior
from cards.form import SuggestionForm
from cds_service.site.checked_toml import each_once
from cds_service.site.profiles import Fact, Profile, Profiles, Sentences, Source, read_profiles, shipped
from cds_service.site.services import load_services

FILE = "ehr_profiles.toml"

Version = Literal["1.0", "2.0"]
PrefetchForm = Literal["discovery", "typed", "none"]
Topic = Literal["any", "alphanumeric"]
Markdown = Literal["gfm", "without-tables", "unknown"]


def known_hook(name: str) -> str:
    """The same name. Raises ValueError naming the hooks that have a service."""
    hooks = [service.hook for service in load_services()]
    if name not in hooks:
        raise ValueError(f"one of {', '.join(hooks)} expected, got {name}")
    return name


Hooks = Annotated[
    tuple[Annotated[str, AfterValidator(known_hook)], ...], Field(strict=False), AfterValidator(each_once)
]


class EhrProfile(Profile):
    """What one EHR takes; the words of each fact are explained at the head of ehr_profiles.toml."""

    cds_hooks: Fact[Version]
    hooks: Fact[Hooks]
    prefetch: Fact[PrefetchForm]
    suggestions: Fact[SuggestionForm]
    selection_behavior: Fact[SelectionBehavior]
    topic: Fact[Topic]
    markdown: Fact[Markdown]
    open: Sentences
    preference_system: str = ""

    @property
    def unverified(self) -> tuple[str, ...]:
        """The names of the facts that could not be verified."""
        return tuple(name for name, fact in self.facts.items() if not fact.verified)


@cache
def load_profiles() -> Mapping[str, EhrProfile]:
    """The profiles shipped with the service, by name; the first is the default."""
    return MappingProxyType(_load().profile)


@cache
def load_sources() -> Mapping[str, Source]:
    """The sources of the facts, by their keys."""
    return MappingProxyType(_load().source)


@cache
def _load() -> Profiles[EhrProfile]:
    return read_profiles(shipped(FILE), EhrProfile)
