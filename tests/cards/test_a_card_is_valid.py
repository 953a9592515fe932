"""A card that an EHR would reject cannot be built, and every kind of card obeys CDS Hooks."""

from collections.abc import Callable

import pytest

from cards.card import Action, Card, Coding, Link, Source, Suggestion
from cards.write import write_cards
from cds_service.clinical.assessment import Severity
from tests.cards.assessments import CARDS, draft_for, hook_for
from tests.cards.rules import broken_rules

SOURCE = Source("infliximab-cds")
UPDATE = Action("update", "Change the interval", resource={"resourceType": "MedicationRequest", "id": "1"})
BUTTON = Suggestion("Every 6 weeks", (UPDATE,))


def card(**changes: object) -> Card:
    return Card(**({"summary": "A summary", "indicator": Severity.INFO, "source": SOURCE} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: card(summary="x" * 140), "139 characters, got 140"),
        (lambda: card(summary=""), "1 to 139"),
        (lambda: card(summary="two\nlines"), "one line"),
        (lambda: card(detail="  "), "detail"),
        (lambda: card(suggestions=(BUTTON,)), "selectionBehavior"),
        (lambda: card(selection_behavior="any"), "selectionBehavior"),
        (
            lambda: card(
                suggestions=(Suggestion("a", is_recommended=True), Suggestion("b", is_recommended=True)),
                selection_behavior="at-most-one",
            ),
            "recommended",
        ),
        (lambda: Source(" "), "label"),
        (lambda: Source("x", url="/relative"), "absolute"),
        (lambda: Coding("", "c", "d"), "system"),
        (lambda: Coding("s", "", "d"), "code"),
        (lambda: Coding("s", "c", ""), "display"),
        (lambda: Suggestion(""), "label"),
        (lambda: Action("update", "", resource={}), "description"),
        (lambda: Action("update", "no resource"), "resource"),
        (lambda: Action("delete", "no id"), "resourceId"),
        (lambda: Action("create", "an id", resource={}, resource_id="MedicationRequest/1"), "resourceId"),
        (lambda: Link("", "https://example.org"), "label"),
        (lambda: Link("read", "example.org"), "absolute"),
        (lambda: Link("read", "https://example.org", app_context="x"), "smart"),
    ],
)
def test_what_cds_hooks_forbids_cannot_be_built(build: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build()


def test_a_card_of_139_characters_with_everything_optional_obeys_every_rule() -> None:
    full = card(
        summary="x" * 139,
        detail="text",
        suggestions=(BUTTON,),
        selection_behavior="at-most-one",
        override_reasons=(Coding("urn:x", "c", "Because"),),
        links=(Link("read", "https://example.org"), Link("app", "https://example.org/a", "smart", "ctx")),
    )
    assert broken_rules(full.to_json()) == []


def test_what_is_not_said_is_absent_and_never_null_or_empty() -> None:
    assert card().to_json() == {"summary": "A summary", "indicator": "info", "source": {"label": "infliximab-cds"}}


def test_the_resource_of_an_action_keeps_the_nulls_and_blanks_that_the_ehr_sent() -> None:
    sent = {"resourceType": "MedicationRequest", "id": "1", "note": [], "intent": None}
    assert Action("update", "change", resource=sent).to_json()["resource"] == sent


@pytest.mark.parametrize("name", CARDS)
def test_every_kind_of_card_obeys_every_rule(name: str) -> None:
    cards = write_cards(CARDS[name], hook=hook_for(name), draft=draft_for(CARDS[name]))
    assert [broken_rules(one.to_json()) for one in cards] == [[]]


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ({"summary": "x" * 140, "indicator": "info", "source": {"label": "x"}}, "C1"),
        ({"summary": "x", "indicator": "hard-stop", "source": {"label": "x"}}, "C2"),
        ({"summary": "x", "indicator": "info", "source": {}}, "C3"),
        ({"summary": "x", "indicator": "info", "source": {"label": "x"}, "suggestions": [{"label": "y"}]}, "C6"),
        ({"summary": "x", "indicator": "info", "source": {"label": "x"}, "overrideReasons": [{"code": "y"}]}, "C7"),
        ({"summary": "x", "indicator": "info", "source": {"label": "x"}, "links": []}, "G2"),
    ],
)
def test_the_rules_themselves_find_what_is_broken(broken: dict[str, object], rule: str) -> None:
    assert any(found.startswith(rule) for found in broken_rules(broken))
