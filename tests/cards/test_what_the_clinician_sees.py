"""When there is a card, what stands on it, and what never does."""

import re
from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest
from markdown_it import MarkdownIt

from cards.card import Card
from cards.options import FORBIDS_MORE
from cards.wording import load_wording
from cards.write import write_cards
from cds_service.clinical.assessment import (
    AdviceKind,
    Assessment,
    OrderChange,
    PredictorState,
    Qualification,
    Severity,
    TroughJudgement,
)
from cds_service.clinical.record import Comparator
from tests.cards.assessments import (
    AS_OF,
    CARDS,
    DRAFT,
    GIVEN,
    LOW_TROUGH,
    ORDERED,
    change,
    draft_for,
    hook_for,
    options,
    trough,
)

COMPARED = [name for name, shown in CARDS.items() if shown.given and shown.given.interval_weeks]
BOLD_WORDS = ["Trough", "Antibody", "Given", "Disease", "Options", "Assumed"]


def card_of(assessment: Assessment, hook: str = "order-sign") -> Card:
    (card,) = write_cards(assessment, hook=hook, draft=DRAFT)
    return card


def detail(assessment: Assessment, hook: str = "order-sign") -> str:
    return str(card_of(assessment, hook).detail)


def leading(name: str, **changes: object) -> Assessment:
    assessment = CARDS[name]
    advice = (replace(assessment.advice[0], **changes), *assessment.advice[1:])  # type: ignore[arg-type]
    return replace(assessment, advice=advice)


@pytest.mark.parametrize("hook", ["order-select", "order-sign", "patient-view"])
@pytest.mark.parametrize(
    "silent",
    [
        replace(LOW_TROUGH, applies=False, not_applicable_reason="18 years or older", advice=()),
        replace(LOW_TROUGH, advice=()),
        leading("measure_trough", prompt=False),
    ],
)
def test_nothing_to_say_is_no_card(silent: Assessment, hook: str) -> None:
    assert write_cards(silent, hook=hook, draft=DRAFT) == ()


@pytest.mark.parametrize(("hook", "cards"), [("order-select", 0), ("order-sign", 0), ("patient-view", 1)])
def test_a_regimen_to_keep_is_said_on_opening_the_chart_only(hook: str, cards: int) -> None:
    assert len(write_cards(CARDS["keep_regimen"], hook=hook)) == cards


@pytest.mark.parametrize("severity", Severity)
def test_the_indicator_is_the_severity_of_the_leading_advice(severity: Severity) -> None:
    assert card_of(leading("shorten_interval-below-limit", severity=severity)).indicator is severity


@pytest.mark.parametrize("name", CARDS)
def test_the_six_lines_stand_in_order_and_each_begins_with_a_bold_word(name: str) -> None:
    lines = re.findall(r"^(\d)\. \*\*(\w+)\*\*", detail(CARDS[name], hook_for(name)), re.MULTILINE)
    assert lines == [(str(place), word) for place, word in enumerate(BOLD_WORDS, start=1)]


@pytest.mark.parametrize("name", CARDS)
def test_rendered_as_markdown_it_is_one_list_of_six_with_the_table_inside_and_no_html(name: str) -> None:
    shown = detail(CARDS[name], hook_for(name))
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(shown)
    kinds = [token.type for token in tokens]
    inline = [child.type for token in tokens for child in token.children or ()]
    assert "html_block" not in kinds
    assert "html_inline" not in inline
    assert kinds.count("ordered_list_open") == 1
    assert [token.level for token in tokens if token.type == "table_open"] == ([2] if name in COMPARED else [])
    assert sum(token.type == "list_item_open" and token.level == 1 and bool(token.info) for token in tokens) == 6


@pytest.mark.parametrize("name", COMPARED)
def test_the_columns_of_the_table_line_up_as_plain_text(name: str) -> None:
    rows = [line for line in detail(CARDS[name], hook_for(name)).splitlines() if line.startswith("   |")]
    assert len(rows) >= 3
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("name", [name for name in CARDS if not name.startswith("keep_regimen")])
def test_every_card_that_may_be_acted_on_names_two_other_ways_and_six_reasons_to_decline(name: str) -> None:
    card = card_of(CARDS[name])
    assert len(re.findall(r"^   - ", str(card.detail), re.MULTILINE)) >= 2
    assert [reason.code for reason in card.override_reasons] == [
        "decided-at-visit",
        "quiet-keep-and-recheck",
        "capacity-payer-family",
        "switch-or-stop-planned",
        "infection-or-surgery",
        "data-wrong",
    ]


@pytest.mark.parametrize("name", CARDS)
def test_every_card_says_that_intensification_is_off_label_and_which_versions_judged(name: str) -> None:
    shown = detail(CARDS[name], hook_for(name))
    assert "Off-label" in shown
    assert "infliximab-cds 0.1.0, knowledge 2026-11-22, policy default; judged on 22 Nov 2026" in shown


@pytest.mark.parametrize("kind", [kind for kind in AdviceKind if kind.intensifies])
def test_what_asks_for_more_drug_cites_sources_for_and_against(kind: AdviceKind) -> None:
    shown = detail(CARDS[kind])
    assert "- For: " in shown
    assert "- Against: " in shown


@pytest.mark.parametrize("name", [name for name in CARDS if CARDS[name].advice[0].kind in FORBIDS_MORE])
def test_a_card_that_forbids_more_drug_shows_no_shorter_interval_even_if_options_were_weighed(name: str) -> None:
    shown = detail(replace(CARDS[name], options=options(8.0, 6.0, 4.0)))
    assert "6 weeks" not in shown
    assert "horter interval," not in shown
    assert "(to consider)" not in shown


def test_the_interval_to_consider_is_marked_in_the_table() -> None:
    assert re.search(r"\| Every 6 weeks, 5.2 mg/kg \(to consider\) \| 45 mg/kg", detail(LOW_TROUGH))


def test_a_range_of_intervals_is_named_and_none_is_marked() -> None:
    card = card_of(leading("shorten_interval", interval_weeks=None, interval_weeks_range=(5, 6), button=False))
    assert card.summary.endswith("consider every 5 to 6 weeks instead of 8")
    assert "(to consider)" not in str(card.detail)
    assert not card.suggestions


def test_a_dose_that_leads_together_with_an_interval_is_named_in_mg_per_kg() -> None:
    card = card_of(leading("shorten_interval", dose_mg_per_kg=7.5))
    assert card.summary.endswith("consider every 6 weeks at 7.5 mg/kg")
    assert "with 7.5 mg/kg per infusion" in str(card.detail)


def test_the_button_carries_the_whole_order_and_is_valid_fhir() -> None:
    card = card_of(LOW_TROUGH)
    assert card.selection_behavior == "at-most-one"
    (suggestion,) = card.suggestions
    (action,) = suggestion.actions
    order = MedicationRequest.model_validate(action.resource)
    assert order.id == "draft-1"
    assert order.dosageInstruction[0].timing.repeat.period == 6


@pytest.mark.parametrize(
    ("hook", "assessment", "draft"),
    [
        ("patient-view", LOW_TROUGH, DRAFT),
        ("order-sign", leading("shorten_interval", button=False), DRAFT),
        ("order-sign", leading("shorten_interval", interval_weeks=None), DRAFT),
        ("order-sign", LOW_TROUGH, None),
        ("order-select", CARDS["shorten_interval-no-timing"], draft_for(CARDS["shorten_interval-no-timing"])),
    ],
)
def test_without_a_hook_an_advice_or_a_schedule_for_it_there_is_no_button(
    hook: str, assessment: Assessment, draft: dict[str, object] | None
) -> None:
    (card,) = write_cards(assessment, hook=hook, draft=draft)
    assert not card.suggestions
    assert card.summary.endswith(("consider every 6 weeks instead of 8", "consider a shorter interval"))


def test_the_same_assessment_says_the_same_on_every_hook_and_with_any_draft() -> None:
    cards = [
        write_cards(LOW_TROUGH, hook=hook, draft=draft)[0]
        for hook in ("order-select", "order-sign", "patient-view")
        for draft in (DRAFT, None)
    ]
    assert len({(card.summary, card.detail) for card in cards}) == 1


def test_the_clock_time_of_the_call_and_the_ids_change_no_word() -> None:
    later = replace(LOW_TROUGH, as_of=AS_OF + timedelta(hours=14, minutes=59))
    renamed = replace(LOW_TROUGH, patient=replace(LOW_TROUGH.patient, id="another"))
    assert detail(later) == detail(LOW_TROUGH) == detail(renamed)
    assert "Observation/" not in detail(LOW_TROUGH)


def test_the_day_of_the_call_is_told_against_the_day_of_the_sample() -> None:
    assert "Drawn 22 Nov 2026 (today)" in detail(LOW_TROUGH)
    assert "Drawn 22 Nov 2026 (3 days ago)" in detail(replace(LOW_TROUGH, as_of=AS_OF + timedelta(days=3)))
    assert "Drawn 22 Nov 2026," in detail(replace(LOW_TROUGH, as_of=AS_OF.astimezone(timezone(timedelta(hours=-11)))))


def test_a_level_below_the_assays_limit_is_never_told_as_a_number() -> None:
    card = card_of(CARDS["shorten_interval-below-limit"])
    assert card.summary.startswith("Trough below the assay's limit (<1)")
    assert "**Trough** below the assay's limit (<1 µg/mL)" in str(card.detail)


@pytest.mark.parametrize(
    ("comparator", "told"),
    [
        (Comparator.LESS, "below the assay's limit (<0.4)"),
        (Comparator.LESS_OR_EQUAL, "at the assay's limit (≤0.4)"),
        (Comparator.GREATER, "above the assay's range (>0.4)"),
        (Comparator.GREATER_OR_EQUAL, "above the assay's range (≥0.4)"),
    ],
)
def test_a_bound_is_told_as_a_bound_in_the_summary(comparator: Comparator, told: str) -> None:
    assert card_of(change(trough=trough(0.4, comparator))).summary.startswith(f"Trough {told}, target 5–10")


def test_where_the_regimen_given_is_not_known_the_options_stand_by_themselves() -> None:
    shown = detail(change(given=None, options=options(8.0, 6.0)[1:]))
    assert re.search(r"\| Now +\| not available +\|", shown)
    assert "| Every 6 weeks, 5.2 mg/kg (to consider) |" in shown


@pytest.mark.parametrize(("weeks", "rows"), [(12.0, ["This order: every 12 weeks, 5.2 mg/kg"]), (None, [])])
def test_an_order_that_differs_stands_in_the_table_where_it_says_how_often(
    weeks: float | None, rows: list[str]
) -> None:
    ordered = replace(ORDERED, interval_weeks=weeks, change=OrderChange.RELAXES)
    assert re.findall(r"\| (This order[^|]*?) +\|", detail(change(ordered=ordered))) == rows


def test_the_worst_doubt_comes_first_and_hostile_text_shows_as_text() -> None:
    shown = detail(CARDS["shorten_interval-hostile-text"])
    assert shown.index("Could not be used") < shown.index("Limits the advice")
    assert "\\<script\\>" in shown
    assert "\u202e" not in shown


def test_the_odds_before_treatment_are_never_a_probability_nor_advice_for_steroids() -> None:
    shown = detail(LOW_TROUGH)
    assert "Relative odds of a low trough 9.4 (95% interval 1.3 to 68) against a child with no steroids" in shown
    assert "46 children of one centre" in shown
    assert "Not a probability; not advice to give steroids" in shown


def test_a_child_like_the_reference_child_is_not_told_odds_of_one_with_an_interval_of_no_width() -> None:
    alike = replace(LOW_TROUGH.risk, relative_odds=1.0, ci95=(1.0, 1.0))
    used = tuple(replace(predictor, state=PredictorState.USED) for predictor in LOW_TROUGH.predictors)
    shown = detail(change(risk=alike, predictors=used))
    assert "Relative odds of a low trough no different from a child with no steroids" in shown
    assert "1 to 1" not in shown


def test_a_level_without_a_usable_value_is_not_called_a_trough() -> None:
    card = card_of(change(trough=trough(None), advice=CARDS["measure_trough"].advice))
    assert card.summary.startswith("No usable trough")
    assert "**Trough** not available: the level of 22 Nov 2026 has no value or unit that can be used" in str(
        card.detail
    )
    assert "true trough" not in str(card.detail)


def test_a_sample_without_a_time_says_so() -> None:
    level = replace(trough().level, drawn=None)  # type: ignore[type-var]
    shown = detail(change(trough=trough(level=level, hours_before_next_infusion=None)))
    assert "Time of the sample not available, assay Mayo ECL" in shown


def test_a_newer_level_that_does_not_decide_is_named_with_the_reason() -> None:
    too_early = trough(12.5, qualification=Qualification.TOO_EARLY)
    pending = TroughJudgement(None, Qualification.NONE)
    shown = detail(change(newer_levels=(too_early, pending)))
    assert "Newer level not used: 12.5 µg/mL, 22 Nov 2026, drawn too early to stand for a trough." in shown
    assert "Newer level not used: without a usable value, day not known." in shown


def test_a_dose_without_a_weight_is_told_without_milligrams_per_kilogram() -> None:
    given = replace(GIVEN, dose_mg_per_kg=None, dosing_weight_kg=None)
    shown = detail(change(given=given, options=()))
    assert "**Given** 200 mg (mg/kg not available), every 8 weeks" in shown
    assert re.search(r"\| Now: every 8 weeks +\| not available +\|", shown)


def test_further_entries_stand_under_their_own_heading() -> None:
    shown = detail(CARDS["shorten_interval-below-limit"])
    assert "\n- Re-induction: Level below the assay's limit" in shown
    assert "Confirm that the last two infusions were given in full" in shown


def test_an_order_that_intensifies_against_a_high_antibody_is_not_told_to_go_ahead() -> None:
    shown = detail(CARDS["already_intensified-antibody-high"])
    assert "sign the order as it is" not in shown
    assert "review it with the specialist team before signing" in shown


@pytest.mark.parametrize(
    ("recheck", "summary"),
    [
        ("before infusion 4", "No usable trough: measure before infusion 4"),
        ("x" * 200, "No usable trough: measure as line 6 says"),
        ("before\nthe\u200b next", "No usable trough: measure before the next"),
    ],
)
def test_a_summary_is_never_cut(recheck: str, summary: str) -> None:
    assert card_of(leading("measure_trough", recheck=recheck)).summary == summary


def test_a_target_without_an_upper_end_is_told_as_at_least() -> None:
    card = card_of(change(target=replace(LOW_TROUGH.target, profile="perianal", low=10.0, high=None)))
    assert "target ≥10" in card.summary
    assert "below target of at least 10 µg/mL (profile perianal)" in str(card.detail)


def test_the_source_has_a_topic_that_never_changes() -> None:
    topics = {write_cards(a, hook=hook_for(n), draft=None)[0].source for n, a in CARDS.items()}
    assert topics == {load_wording().source}
    assert load_wording().source.topic is not None
    assert load_wording().source.topic.code == "infliximab-trough"


def test_a_measured_and_an_expected_level_that_differ_are_explained_and_others_are_not() -> None:
    why = "because a forecast also weighs how other children do"
    far, near = (detail(CARDS[name]) for name in ("review_dose-forecast", "near_target-forecast"))
    assert why in far
    assert why not in near
