"""CDS Hooks cards as values: what an EHR would reject cannot be built.

Source: CDS Hooks 2.0.1, "CDS Service Response" (summary under 140 characters, required members, no null and no
empty member). Every constructor raises ValueError naming the member; `to_json` gives the wire form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from cds_service.clinical.assessment import Severity

LONGEST_SUMMARY = 139

ActionType = Literal["create", "update", "delete"]
LinkType = Literal["absolute", "smart"]
SelectionBehavior = Literal["at-most-one", "any"]


def _require(fulfilled: bool, what: str) -> None:
    if not fulfilled:
        raise ValueError(what)


def _absolute(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("https", "http") and bool(parts.netloc)


def _present(**members: object) -> dict[str, object]:
    """The members that say something: absent is the only way CDS Hooks knows to say nothing."""
    return {name: value for name, value in members.items() if value or value is False}


@dataclass(frozen=True, slots=True)
class Coding:
    """A code with its system and its words; override reasons need all three (C7)."""

    system: str
    code: str
    display: str

    def __post_init__(self) -> None:
        _require(all((self.system, self.code, self.display)), "a coding has a system, a code and a display")

    def to_json(self) -> dict[str, object]:
        """The coding as FHIR JSON."""
        return {"system": self.system, "code": self.code, "display": self.display}


@dataclass(frozen=True, slots=True)
class Source:
    """Who speaks (C3). `url` is about the service, never a deep link into the data."""

    label: str
    url: str | None = None
    topic: Coding | None = None

    def __post_init__(self) -> None:
        _require(bool(self.label.strip()), "a source has a label")
        _require(self.url is None or _absolute(self.url), f"source.url is absolute, got {self.url}")

    def to_json(self) -> dict[str, object]:
        """The source as it stands on a card."""
        return _present(label=self.label, url=self.url, topic=self.topic.to_json() if self.topic else None)


@dataclass(frozen=True, slots=True)
class Action:
    """One change of one order (C10, C11): an update carries the whole resource, not a difference."""

    type: ActionType
    description: str
    resource: Mapping[str, object] | None = None
    resource_id: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.description.strip()), "an action has a description")
        _require((self.type == "delete") == (self.resource is None), "create and update carry a resource, delete none")
        _require((self.type == "delete") == bool(self.resource_id), "delete, and only delete, names a resourceId")

    def to_json(self) -> dict[str, object]:
        """The action with its resource as it stands, FHIR members untouched."""
        named = _present(type=self.type, description=self.description, resourceId=self.resource_id)
        return named | ({"resource": dict(self.resource)} if self.resource is not None else {})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One button (C8). Its actions happen together."""

    label: str
    actions: tuple[Action, ...] = ()
    is_recommended: bool | None = None

    def __post_init__(self) -> None:
        _require(bool(self.label.strip()), "a suggestion has a label")

    def to_json(self) -> dict[str, object]:
        """The suggestion with its actions."""
        actions = [action.to_json() for action in self.actions]
        return _present(label=self.label, isRecommended=self.is_recommended, actions=actions)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to read on (C14). `app_context` belongs to SMART links only."""

    label: str
    url: str
    type: LinkType = "absolute"
    app_context: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.label.strip()), "a link has a label")
        _require(_absolute(self.url), f"a link's url is absolute, got {self.url}")
        _require(self.app_context is None or self.type == "smart", "appContext needs a link of type smart")

    def to_json(self) -> dict[str, object]:
        """The link as it stands on a card."""
        return _present(label=self.label, url=self.url, type=self.type, appContext=self.app_context)


@dataclass(frozen=True, slots=True)
class Card:
    """One answer about one order. Everything optional is absent when there is nothing to say (G2)."""

    summary: str
    indicator: Severity
    source: Source
    detail: str | None = None
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: SelectionBehavior | None = None
    override_reasons: tuple[Coding, ...] = ()
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        length = len(self.summary)
        _require(0 < length <= LONGEST_SUMMARY, f"a summary has 1 to {LONGEST_SUMMARY} characters, got {length}")
        _require(self.summary == " ".join(self.summary.split()), "a summary is one line without stray blanks")
        _require(self.detail is None or bool(self.detail.strip()), "a detail is absent or says something")
        _require(bool(self.suggestions) == bool(self.selection_behavior), "selectionBehavior goes with suggestions")
        recommended = sum(bool(suggestion.is_recommended) for suggestion in self.suggestions)
        _require(recommended <= 1 or self.selection_behavior == "any", "several recommended need `any`")

    def to_json(self) -> dict[str, object]:
        """The card as CDS Hooks JSON: no null, no empty string, list or object of ours."""
        return _present(
            summary=self.summary,
            detail=self.detail,
            indicator=str(self.indicator),
            source=self.source.to_json(),
            suggestions=[suggestion.to_json() for suggestion in self.suggestions],
            selectionBehavior=self.selection_behavior,
            overrideReasons=[reason.to_json() for reason in self.override_reasons],
            links=[link.to_json() for link in self.links],
        )
