"""What an EHR profile may change, and what it may never change. All children and hospitals here are synthetic.

After a wanted change of the golden answers: `python tests/cards/gallery.py --update`, then read the difference.
"""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cards.card import Card
from cards.suggest import suggest, suggest_listed
from cards.wording import load_wording
from cards.write import write_cards
from cds_service.clinical.assessment import Assessment
from cds_service.site.ehr import EhrSection
from cds_service.site.ehr_profiles import load_profiles
from tests.cards.assessments import CARDS, DRAFT, LOW_TROUGH, draft_for, hook_for
from tests.cards.profiles import GOLDEN, OWN_REASONS, SITES, answers_of, as_json, cards_of, discovery_of, form_of
from tests.cards.rules import (
    broken_rules,
    broken_rules_of_discovery,
    broken_rules_of_epic,
    broken_rules_of_version_1,
)
from tests.cards.test_any_assessment_gives_a_valid_card import ANY

HOOKS = ("order-select", "order-sign", "patient-view")
EPIC_LIST = "urn:com.epic.cdshooks.action.code.system.preference-list-item"


@pytest.mark.parametrize("name", SITES)
def test_the_answer_reads_as_it_did_when_it_was_last_reviewed(name: str) -> None:
    assert as_json(answers_of(name)) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


def test_every_profile_has_a_golden_answer_and_none_is_left_over() -> None:
    assert set(SITES) == set(load_profiles()) == {path.stem for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("name", SITES)
def test_every_profile_obeys_every_rule(name: str) -> None:
    assert broken_rules_of_discovery(discovery_of(name)) == []
    for hook in HOOKS:
        (card,) = cards_of(name, hook)
        assert broken_rules(card) == []


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("name", ["epic", "oracle-health"])
def test_every_kind_of_card_obeys_what_the_ehr_asks_besides(name: str, card: str) -> None:
    asked = broken_rules_of_epic if name == "epic" else broken_rules_of_version_1
    cards = write_cards(CARDS[card], hook=hook_for(card), draft=draft_for(CARDS[card]), form=form_of(name))
    assert [asked(one.to_json()) for one in cards] == [[]]


def test_the_rules_of_an_ehr_find_the_standard_card() -> None:
    (card,) = cards_of("generic", "order-sign")
    assert broken_rules_of_epic(card) == [
        "the topic is at most 100 letters and digits",
        "only selectionBehavior any",
        "no update of an order",
    ]
    assert broken_rules_of_version_1(card) == ["overrideReasons is of 2.0", "topic is of 2.0"]


def advice_of(card: Card) -> tuple[object, ...]:
    """What no profile may change."""
    return card.summary, card.indicator, card.detail, card.links, card.source.label, card.source.url


@given(ANY, st.sampled_from(HOOKS), st.sampled_from([None, DRAFT]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_profile_changes_advice_severity_or_detail(assessment: Assessment, hook: str, draft: Any) -> None:
    standard = write_cards(assessment, hook=hook, draft=draft)
    for name in SITES:
        given_form = write_cards(assessment, hook=hook, draft=draft, form=form_of(name))
        assert [advice_of(card) for card in given_form] == [advice_of(card) for card in standard]
        for own, card in zip(given_form, standard, strict=True):
            assert [s.label for s in own.suggestions] in ([], [s.label for s in card.suggestions])
            assert all(s.is_recommended is None for s in own.suggestions)
            assert len(own.override_reasons) in (0, len(card.override_reasons))


@pytest.mark.parametrize("card", CARDS)
def test_the_generic_profile_is_the_card_without_a_profile(card: str) -> None:
    hook, draft = hook_for(card), draft_for(CARDS[card])
    assert write_cards(CARDS[card], hook=hook, draft=draft, form=form_of("generic")) == write_cards(
        CARDS[card], hook=hook, draft=draft
    )


def test_no_detail_uses_markdown_that_a_profile_does_not_show() -> None:
    allowed = {"paragraph", "inline", "ordered_list", "bullet_list", "list_item", "table", "thead", "tbody", "tr", "th"}
    for assessment in CARDS.values():
        for card in write_cards(assessment, hook="patient-view"):
            tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(str(card.detail))
            kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
            assert kinds <= {*allowed, "td"}


def topics_of(name: str) -> set[object]:
    written = [
        write_cards(assessment, hook=hook_for(card), draft=draft_for(assessment), form=form_of(name))
        for card, assessment in CARDS.items()
    ]
    return {card.source.topic.code if card.source.topic else None for cards in written for card in cards}


def test_the_topic_is_static_on_every_card() -> None:
    assert topics_of("generic") == {"infliximab-trough"}
    assert topics_of("epic") == {"infliximabtrough"}
    assert topics_of("oracle-health") == {None}


def created(weeks: float, **keys: str) -> list[dict[str, Any]]:
    form = EhrSection(profile="epic", preference_keys=keys).card_form()
    advised = replace(LOW_TROUGH, advice=(replace(LOW_TROUGH.advice[0], interval_weeks=weeks),))
    (card,) = write_cards(advised, hook="order-sign", draft=DRAFT, form=form)
    return [action for suggestion in card.to_json().get("suggestions", []) for action in suggestion["actions"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("weeks", "key"), [(6, "A"), (6.0, "A"), (4, "B")])
def test_an_interval_is_created_by_its_own_key(weeks: float, key: str) -> None:
    (action,) = created(weeks, **{"6": "A", "4": "B"})
    assert action["type"] == "create"
    assert action["resource"]["medicationCodeableConcept"]["coding"] == [{"system": EPIC_LIST, "code": key}]


@pytest.mark.parametrize("weeks", [5, 5.5, 7, 6.1])
def test_an_interval_without_a_key_gives_text_only_and_never_another_key(weeks: float) -> None:
    assert created(weeks, **{"6": "A", "4": "B"}) == []
    assert created(weeks) == []


def test_what_is_created_is_a_new_proposal_of_valid_fhir_without_dose_and_interval_of_ours() -> None:
    sent = deepcopy(dict(DRAFT)) | {"category": [{"coding": [{"code": "outpatient"}]}], "encounter": {"reference": "x"}}
    suggestion = suggest_listed(sent, 6, EPIC_LIST, "A")
    assert suggestion is not None
    (action,) = suggestion.actions
    assert action.resource == {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "proposal",
        "medicationCodeableConcept": {
            "coding": [{"system": EPIC_LIST, "code": "A"}],
            "text": "Infliximab every 6 weeks",
        },
        "subject": {"reference": "Patient/p1"},
        "category": [{"coding": [{"code": "outpatient"}]}],
    }
    get_fhir_model_class("MedicationRequest").model_validate(dict(action.resource))


def test_the_words_of_a_create_say_what_it_does_not_do() -> None:
    suggestion = suggest_listed(DRAFT, 6, EPIC_LIST, "A")
    assert suggestion is not None
    assert suggestion.actions[0].description == (
        "Add the order for infliximab every 6 weeks from this hospital's list; product, dose and interval come from "
        "that list, check them; the present order (every 8 weeks) stays, remove it"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"subject": None},
        {"subject": "Patient/p1"},
        {"id": None},
        {"dosageInstruction": []},
        {"resourceType": "ServiceRequest", "occurrenceTiming": {"repeat": {"period": 8, "periodUnit": "wk"}}},
    ],
)
def test_nothing_is_created_where_an_update_would_be_uncertain_or_the_list_is_another(change: dict[str, Any]) -> None:
    assert suggest_listed(deepcopy(dict(DRAFT)) | change, 6, EPIC_LIST, "A") is None


def test_nothing_is_created_for_an_interval_that_is_not_shorter_than_the_drafts() -> None:
    assert suggest_listed(DRAFT, 8, EPIC_LIST, "A") is None


@pytest.mark.parametrize("suggestions", ["update", "create", "text"])
def test_no_form_of_a_suggestion_changes_the_draft(suggestions: str) -> None:
    sent = deepcopy(dict(DRAFT))
    profile = EhrSection(profile="epic", suggestions=suggestions)  # type: ignore[arg-type]
    write_cards(LOW_TROUGH, hook="order-sign", draft=sent, form=profile.card_form())
    assert suggest(sent, 6) is not None
    assert sent == DRAFT


def test_a_category_that_is_no_list_is_not_passed_on() -> None:
    suggestion = suggest_listed(deepcopy(dict(DRAFT)) | {"category": {"coding": []}}, 6, EPIC_LIST, "A")
    assert suggestion is not None
    assert "category" not in dict(suggestion.actions[0].resource or {})


def test_own_reasons_stand_in_the_place_of_ours_and_the_others_stay() -> None:
    ours, own = load_wording().override_reasons, form_of("epic").override_reasons
    assert [reason.code for reason in own if reason.system == "urn:example:acknowledgement"] == ["1021", "1022"]
    assert (own[0].display, own[-1].display) == (ours[0].display, "Chart is wrong")
    assert [mine for mine, theirs in zip(ours, own, strict=True) if mine.code not in OWN_REASONS] == list(own[1:-1])


def test_a_client_of_version_1_hears_of_no_reasons_unless_the_site_knows_better() -> None:
    assert form_of("oracle-health").override_reasons == ()
    later = EhrSection(profile="oracle-health", cds_hooks="2.0", override_reasons=dict(OWN_REASONS)).card_form()
    assert later.override_reasons[0].code == "1021"
    assert later.source.topic is not None


def test_single_settings_go_before_the_profile() -> None:
    own = EhrSection(profile="epic", suggestions="update", selection_behavior="at-most-one", hooks=("order-sign",))
    (card,) = write_cards(LOW_TROUGH, hook="order-sign", draft=DRAFT, form=own.card_form())
    assert (card.selection_behavior, card.suggestions[0].actions[0].type) == ("at-most-one", "update")
    assert [service.hook for service in own.services()] == ["order-sign"]
