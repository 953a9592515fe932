"""The section "Before treatment": odds, what is missing, and a probability only with its label. All synthetic."""

import re
from dataclasses import replace

import pytest

from cards.phrases import percent
from cards.write import write_cards
from cds_service.clinical.assessment import (
    Assessment,
    Hindrance,
    NoProbability,
    PredictorState,
    Probability,
    RiskEstimate,
)
from cds_service.clinical.site_model import Measures
from tests.cards.assessments import ALL_FOUR, BASELINE, CARDS, LOW_TROUGH, RECALIBRATED, RISK, change


def section(assessment: Assessment) -> str:
    (card,) = write_cards(assessment, hook="patient-view", draft=None)
    return str(card.detail).partition("**Before treatment**\n\n")[2].partition("\n\n**")[0]


def with_risk(**changes: object) -> str:
    return section(change(risk=replace(RISK, **changes)))  # type: ignore[arg-type]


def judged(by_the_site: Probability | NoProbability) -> str:
    return with_risk(by_the_site=by_the_site).partition("\n- ")[2]


def test_what_was_not_measured_is_told_with_the_span_it_leaves_open() -> None:
    told = section(LOW_TROUGH)
    assert "total protein 65 g/L and alike in SES-CD. SES-CD not known" in told
    assert "SES-CD not known: depending on that, the odds could plausibly be anything from 3.4 to 71." in told


def test_several_missing_predictors_are_told_together() -> None:
    predictors = (*LOW_TROUGH.predictors[:3], replace(LOW_TROUGH.predictors[3], state=PredictorState.OUTSIDE_WINDOW))
    told = section(change(predictors=predictors))
    assert "and alike in SES-CD, total protein." in told
    assert "SES-CD, total protein not known: depending on that" in told


def test_where_nothing_is_missing_nothing_is_said_to_be_open() -> None:
    told = section(change(predictors=ALL_FOUR, risk=replace(RISK, possible_odds=None)))
    assert "alike in" not in told
    assert "not known" not in told


def test_odds_that_are_not_estimated_still_tell_what_is_possible() -> None:
    told = with_risk(relative_odds=1.0, ci95=(1.0, 1.0), possible_odds=(0.365, 7.52))
    assert "not estimated: SES-CD could not be used" in told
    assert "the odds could plausibly be anything from 0.36 to 7.5" in told


@pytest.mark.parametrize("name", [name for name in CARDS if "baseline" not in name and "recalibrated" not in name])
def test_without_a_probability_of_the_hospitals_own_no_card_shows_one(name: str) -> None:
    told = section(CARDS[name])
    assert set(re.findall(r"[\d.]+ ?%", told)) <= {"95%"}
    assert "Probability of a low trough " not in told.replace("Probability of a low trough not given", "")


def test_a_probability_on_a_baseline_is_told_with_interval_and_as_uncalibrated() -> None:
    assert judged(Probability(BASELINE, 0.887, (0.511, 0.983))) == (
        "Probability of a low trough 89% (95% interval 51% to 98%)."
        " Outcome: low trough before infusion 4, under 5 µg/mL."
        " Uncalibrated, the published odds on this hospital's own baseline: 12 of 40 children from 1 Jan 2022 to"
        " 30 Jun 2025 had it, each like one with no steroids before treatment, no perianal disease, SES-CD 4 points,"
        " total protein 66 g/L. The interval leaves out that the published odds may not hold in this hospital, or may"
        " not mean a low trough."
    )


def test_a_probability_of_a_recalibrated_model_is_told_with_interval_children_and_measures() -> None:
    assert judged(Probability(RECALIBRATED, 0.46, (0.32, 0.61))) == (
        "Probability of a low trough 46% (95% interval 32% to 61%)."
        " Outcome: low trough before infusion 4, under 5 µg/mL."
        " Recalibrated in this hospital: 39 of 84 children from 1 Jan 2021 to 30 Jun 2026 had it;"
        " calibration slope 0.78, calibration in the large 0, AUC corrected for optimism 0.69, Brier score 0.21."
        " It holds for children like those. Fitted 1 Sep 2026 by a logistic regression of your choice 1.0."
    )


@pytest.mark.parametrize(
    ("measures", "told"),
    [
        (Measures(), "had it; how well it is calibrated is not stated."),
        (Measures(brier_score=0.2), "had it; Brier score 0.2."),
        (Measures(1.0, auc_optimism_corrected=0.7), "had it; calibration slope 1, AUC corrected for optimism 0.7."),
    ],
)
def test_the_label_tells_the_measures_that_are_there(measures: Measures, told: str) -> None:
    assert told in judged(Probability(replace(RECALIBRATED, measures=measures), 0.46, (0.32, 0.61)))


def test_what_hinders_a_probability_is_named_and_no_number_given() -> None:
    reasons = (("hormone_exposure", Hindrance.NOT_KNOWN), ("total_protein", Hindrance.OUTSIDE_RANGE))
    assert judged(NoProbability(RECALIBRATED, reasons)) == (
        "Probability of a low trough not given: steroids before treatment not known; total protein outside the range of"
        " the children on whom this hospital's model was fitted, 50 to 85 g/L."
    )


def test_what_hinders_it_is_told_although_the_range_or_the_unit_are_not_known_to_the_card() -> None:
    ranges = (("grip_strength", (5.0, 30.0)),)
    unknown = (("grip_strength", Hindrance.OUTSIDE_RANGE),)
    assert "fitted, 5 to 30." in judged(NoProbability(replace(RECALIBRATED, ranges=ranges), unknown))
    assert "model was fitted." in judged(NoProbability(BASELINE, unknown))


def test_text_of_the_model_file_stays_text() -> None:
    evil = replace(RECALIBRATED, software="<b>x</b>", cohort=replace(RECALIBRATED.cohort, outcome="[tap](http://x)"))
    told = judged(Probability(evil, 0.46, (0.32, 0.61)))
    assert "\\<b" in told
    assert "\\[tap\\]" in told


def test_the_odds_keep_their_limits_beside_a_probability() -> None:
    told = section(CARDS["measure_trough-recalibrated"])
    for limit in ("46 children of one centre", "not validated", "Not a probability", "not advice to give steroids"):
        assert limit in told.partition("\n- ")[0]


def test_nothing_is_told_of_a_model_that_the_hospital_does_not_have() -> None:
    assert section(change(predictors=(), risk=RiskEstimate("song-2024", "low trough", None, None, ()))) == (
        "- Relative odds of a low trough not estimated: no predictor could be used."
    )


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.0, "under 1%"), (0.004, "under 1%"), (0.006, "1%"), (0.5, "50%"), (0.887, "89%"), (0.994, "99%"),
        (0.996, "over 99%"), (1.0, "over 99%"),
    ],
)  # fmt: skip
def test_a_probability_is_never_told_as_certainty(share: float, told: str) -> None:
    assert percent(share) == told
