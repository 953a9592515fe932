"""What CDS Hooks 2.0.1 asks of a card and of discovery, rule by rule, against the JSON and not our own classes.

The numbers C1 to C16, D2 to D5 and G2 are those of the project's checklist of the specification. What a single EHR
asks besides is written here too, from its own documentation.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

Json = dict[str, object]

CARD = {
    "uuid",
    "summary",
    "detail",
    "indicator",
    "source",
    "suggestions",
    "selectionBehavior",
    "overrideReasons",
    "links",
}
SUGGESTION = {"label", "uuid", "isRecommended", "actions"}
SERVICE = {"hook", "id", "title", "description", "usageRequirements", "prefetch", "extension"}
SINCE_2 = {"uuid", "overrideReasons"}


def broken_rules(card: Json) -> list[str]:
    """Every rule that this card breaks, in words; empty for a good card."""
    return list(_broken(card))


def broken_rules_of_discovery(document: Json) -> list[str]:
    """Every rule that this answer of the discovery endpoint breaks."""
    services = _list(document, "services")
    return [
        *(["D2: an object with the list of services"] if set(document) != {"services"} or not services else []),
        *("D3: hook, id and description" for s in services if not {"hook", "id", "description"} <= set(s)),
        *(f"D5: unknown members {sorted(set(s) - SERVICE)}" for s in services if not set(s) <= SERVICE),
        *(["one id for each hook"] if len({s.get("id") for s in services}) != len(services) else []),
        *(f"G2: {where} says nothing" for where in _says_nothing(document, "discovery")),
    ]


def broken_rules_of_epic(card: Json) -> list[str]:
    """What Epic's documentation of CDS Hooks asks beyond the standard."""
    source, suggestions = card.get("source"), _list(card, "suggestions")
    topic = source.get("topic", {}).get("code", "") if isinstance(source, dict) else ""
    actions = [_list(suggestion, "actions") for suggestion in suggestions]
    creates = [action for held in actions for action in held if action["type"] == "create"]
    return [
        *(["the topic is at most 100 letters and digits"] if not (topic.isalnum() and len(topic) <= 100) else []),
        *(["only selectionBehavior any"] if card.get("selectionBehavior", "any") != "any" else []),
        *("one action for each suggestion" for held in actions if len(held) != 1),
        *("no update of an order" for held in actions for action in held if action["type"] == "update"),
        *("what is created carries one code of the list" for action in creates if _listed(action) != 1),
    ]


def broken_rules_of_version_1(card: Json) -> list[str]:
    """Members that CDS Hooks 1.0 does not know."""
    source = card.get("source")
    known = isinstance(source, dict) and "topic" not in source
    return [f"{name} is of 2.0" for name in sorted(SINCE_2 & set(card))] + ([] if known else ["topic is of 2.0"])


def _listed(action: Json) -> int:
    resource = action["resource"]
    assert isinstance(resource, dict)
    codings = resource["medicationCodeableConcept"]["coding"]
    return sum(c["system"] == "urn:com.epic.cdshooks.action.code.system.preference-list-item" for c in codings)


def _broken(card: Json) -> Iterator[str]:
    summary = card.get("summary")
    if not isinstance(summary, str) or not 0 < len(summary) < 140 or "\n" in summary:
        yield "C1: summary is one sentence of less than 140 characters"
    if card.get("indicator") not in ("info", "warning", "critical"):
        yield "C2: indicator is info, warning or critical"
    yield from _source(card.get("source"))
    yield from _optional(card)
    if not set(card) <= CARD:
        yield f"C15, C16: unknown members {sorted(set(card) - CARD)}"
    yield from (f"G2: {where} says nothing" for where in _says_nothing(card, "card"))


def _optional(card: Json) -> Iterator[str]:
    if "uuid" in card:
        yield "C4: without feedback there is no uuid"
    if "detail" in card and not isinstance(card["detail"], str):
        yield "C5: detail is Markdown text"
    if ("suggestions" in card) != (card.get("selectionBehavior") in ("at-most-one", "any")):
        yield "C6: selectionBehavior goes with suggestions"
    for reason in _list(card, "overrideReasons"):
        if set(reason) != {"code", "system", "display"}:
            yield "C7: an override reason has code, system and display"
    for suggestion in _list(card, "suggestions"):
        yield from _suggestion(suggestion)
    for link in _list(card, "links"):
        if not {"label", "url", "type"} <= set(link) or ("appContext" in link and link["type"] != "smart"):
            yield "C14: a link has label, url and type, appContext only with smart"


def _source(source: object) -> Iterator[str]:
    if not isinstance(source, dict) or not source.get("label"):
        yield "C3: source has a label"
        return
    if "url" in source and not urlsplit(str(source["url"])).netloc:
        yield "C3: source.url is absolute"
    if "topic" in source and not str(source["topic"].get("code", "")).replace("-", "").isalnum():
        yield "C3: topic.code is letters, digits and hyphens"


def _suggestion(suggestion: Json) -> Iterator[str]:
    if not suggestion.get("label") or not set(suggestion) <= SUGGESTION or "uuid" in suggestion:
        yield "C8: a suggestion has a label and no member of another kind"
    if "actionSelectionBehavior" in suggestion:
        yield "C13: actionSelectionBehavior is not for unknown clients"
    for action in _list(suggestion, "actions"):
        if action.get("type") not in ("create", "update", "delete") or not action.get("description"):
            yield "C10: an action has a type and a description"
        if action.get("type") in ("create", "update") and not isinstance(action.get("resource"), dict):
            yield "C11: create and update carry a whole resource"
        if action.get("type") == "delete" and not action.get("resourceId"):
            yield "C11: delete names a resourceId"


def _list(holder: Json, name: str) -> list[Json]:
    value = holder.get(name, [])
    return value if isinstance(value, list) else []


def _says_nothing(value: object, where: str) -> Iterator[str]:
    """Places of ours that are null or empty; a FHIR resource inside is the EHR's own."""
    if value is None or value in ("", [], {}):
        yield where
    elif isinstance(value, dict):
        for name, item in value.items():
            if name != "resource":
                yield from _says_nothing(item, f"{where}.{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _says_nothing(item, f"{where}[{place}]")
