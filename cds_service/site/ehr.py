"""The section [ehr] of the settings: which EHR this is, and what this site does differently.

Question: in which form does this site's EHR take our answers? A setting that is left empty follows the profile.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cards.card import Coding, SelectionBehavior, Source
from cards.form import CardForm, SuggestionForm
from cards.wording import load_wording
from cds_service.site.checked_toml import Section
from cds_service.site.ehr_profiles import EhrProfile, Hooks, Version, load_profiles
from cds_service.site.services import Service, load_services

LONGEST_INTERVAL = 16  # weeks, as in [policy]


def _known_profile(name: str) -> str:
    if name not in load_profiles():
        raise ValueError(f"one of {', '.join(load_profiles())} expected")
    return name


def _without_stray_blanks(text: str) -> str:
    if text != " ".join(text.split()):
        raise ValueError("a text without blanks at its ends and without double ones expected")
    return text


def _whole_weeks(text: str) -> str:
    if not (text.isascii() and text.isdigit() and not text.startswith("0") and 2 <= int(text) <= LONGEST_INTERVAL):
        raise ValueError(f"an interval in whole weeks, 2 to {LONGEST_INTERVAL}, expected")
    return text


def _known_reason(code: str) -> str:
    codes = [reason.code for reason in load_wording().override_reasons]
    if code not in codes:
        raise ValueError(f"one of our reasons expected: {', '.join(codes)}")
    return code


def _one_order_each(keys: dict[str, str]) -> dict[str, str]:
    if len(set(keys.values())) != len(keys):
        raise ValueError("another key for each interval expected")
    return keys


Code = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_without_stray_blanks)]
OrNothing = Annotated[str, StringConstraints(max_length=200), AfterValidator(_without_stray_blanks)]
Interval = Annotated[str, AfterValidator(_whole_weeks)]
Reason = Annotated[str, AfterValidator(_known_reason)]


class OwnReason(Section):
    """The site's code for one of our override reasons; without a display the clinician reads ours."""

    system: Code
    code: Code
    display: OrNothing = ""


class EhrSection(Section):
    """Which EHR, and the site's own choices; the resolved forms are `card_form` and `services`."""

    profile: Annotated[str, AfterValidator(_known_profile)] = "generic"
    hooks: Hooks = ()
    cds_hooks: Literal["", Version] = ""
    suggestions: Literal["", SuggestionForm] = ""
    selection_behavior: Literal["", SelectionBehavior] = ""
    preference_system: OrNothing = ""
    preference_keys: Annotated[dict[Interval, Code], AfterValidator(_one_order_each)] = Field(default={})
    override_reasons: dict[Reason, OwnReason] = Field(default={})

    @model_validator(mode="after")
    def _fits_together(self) -> "EhrSection":
        if self.preference_keys and self._suggestions != "create":
            raise ValueError(f"no preference_keys expected with suggestions = {self._suggestions}")
        if self.preference_keys and not self._preference_system:
            raise ValueError("preference_system expected beside preference_keys")
        if self.override_reasons and not self._knows_two:
            raise ValueError("no override_reasons expected with cds_hooks = 1.0, which knows none")
        told = [(own.system, own.code) for own in self.override_reasons.values()]
        if len(set(told)) != len(told):
            raise ValueError("another code for each of override_reasons expected")
        return self

    @property
    def facts(self) -> EhrProfile:
        """The row of the profile."""
        return load_profiles()[self.profile]

    @property
    def _suggestions(self) -> SuggestionForm:
        return self.suggestions or self.facts.suggestions.value

    @property
    def _preference_system(self) -> str:
        return self.preference_system or self.facts.preference_system

    @property
    def _knows_two(self) -> bool:
        return (self.cds_hooks or self.facts.cds_hooks.value) != "1.0"

    @property
    def creates_nothing(self) -> bool:
        """Whether orders of the site's list are to be offered and no key of one is known."""
        return self._suggestions == "create" and not self.preference_keys

    def card_form(self) -> CardForm:
        """The form of every card of this site."""
        wording = load_wording()
        return CardForm(
            source=self._source(wording.source),
            override_reasons=self._reasons(wording.override_reasons),
            suggestions=self._suggestions,
            selection_behavior=self.selection_behavior or self.facts.selection_behavior.value,
            preference_system=self._preference_system,
            preference_keys=MappingProxyType({int(weeks): key for weeks, key in self.preference_keys.items()}),
        )

    def _source(self, ours: Source) -> Source:
        if ours.topic is None or not self._knows_two:
            return replace(ours, topic=None)
        if self.facts.topic.value == "any":
            return ours
        return replace(ours, topic=replace(ours.topic, code="".join(filter(str.isalnum, ours.topic.code))))

    def _reasons(self, ours: tuple[Coding, ...]) -> tuple[Coding, ...]:
        if not self._knows_two:
            return ()
        own = self.override_reasons
        return tuple(_mapped(reason, own[reason.code]) if reason.code in own else reason for reason in ours)

    def services(self) -> tuple[Service, ...]:
        """The services of the hooks that are on, described with what the client knows, in our order."""
        hooks = self.hooks or self.facts.hooks.value
        offered = (service for service in load_services() if service.hook in hooks)
        return tuple(service if self._knows_two else replace(service, usage="") for service in offered)

    def discovered(self, prefetch: Mapping[str, str]) -> Mapping[str, str]:
        """The prefetch templates that discovery tells: all, or none where the client takes no form of them."""
        return {} if self.facts.prefetch.value == "none" else prefetch


def _mapped(ours: Coding, own: OwnReason) -> Coding:
    return Coding(own.system, own.code, own.display or ours.display)
