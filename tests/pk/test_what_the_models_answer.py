"""What comes back from the models for single children, usual and odd ones. All of them are synthetic."""

from dataclasses import replace
from math import erfc, exp, log, pi, sqrt

import numpy as np
import pytest

from cds_service.clinical.pk.case import Bound, Case, CovariateRow, GivenDose, MeasuredLevel
from cds_service.clinical.pk.course import Course
from cds_service.clinical.pk.ensemble import Ensemble, ask, widen
from cds_service.clinical.pk.estimate import NotEstimated, estimate, log_normal_tail
from cds_service.clinical.pk.forecast import Likely, Outlook, Regimen
from cds_service.clinical.pk.model import PopulationModel
from cds_service.clinical.pk.posterior import possible_children
from cds_service.clinical.pk.published import DEFAULT_MODELS, published_model
from tests.pk import textbook
from tests.pk.children import (
    COMBINED,
    REACH,
    THE_CHILD,
    TWO_HOURS,
    WOJCIECHOWSKI,
    alone,
    at_steady_state,
    below,
    child,
    fixed,
    found,
    infusions,
    predicted,
    steady_trough,
    typical,
)

PASSOT = published_model("passot-2016-paediatric")
THREE = tuple(map(published_model, DEFAULT_MODELS))
Q8, Q4 = Regimen(56, 150, TWO_HOURS), Regimen(28, 150, TWO_HOURS)


def narrow(model: PopulationModel) -> PopulationModel:
    """The model in which all children are alike, so that every range is a point."""
    alike = tuple(replace(effect, variance=1e-10) for effect in model.between_children)
    return replace(fixed(model), between_children=alike)


def second(outlook: Outlook) -> tuple[float, float, float]:
    return outlook.second.spread.p05, outlook.second.spread.median, outlook.second.spread.p95


# --- no level, and levels that say little ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*THREE, PASSOT], ids=lambda model: model.name)
def test_without_levels_it_is_the_typical_child_as_uncertain_as_children_differ(model: PopulationModel) -> None:
    result = found(model, at_steady_state())
    assert result.eta.tolist() == [0.0] * len(model.between_children)
    assert (result.objective, result.distance, result.spread) == (0.0, (), 0.0)
    assert np.diag(result.covariance) == pytest.approx([effect.variance for effect in model.between_children])
    assert result.foce_objective == pytest.approx(0.0)


def test_without_levels_all_models_count_alike() -> None:
    asked = ask(THREE, at_steady_state(), [Q8], start=560.0)
    assert asked.weights == pytest.approx([1 / 3] * 3, abs=0.005)
    assert asked.explains


def test_without_levels_the_median_is_near_the_typical_trough() -> None:
    asked = ask([fixed(COMBINED)], at_steady_state(), [Q8, Q4], start=560.0)
    for outlook, weeks in zip(asked.outlooks, (8, 4), strict=True):
        assert outlook.steady.spread.median == pytest.approx(
            steady_trough(typical(COMBINED, child()), 150, weeks), rel=0.05
        )


@pytest.mark.parametrize("model", [COMBINED, WOJCIECHOWSKI, PASSOT], ids=lambda model: model.name)
def test_a_level_above_the_highest_that_is_measured_raises_the_curve_at_least_halfway(model: PopulationModel) -> None:
    case = at_steady_state(MeasuredLevel(0, 30.0, Bound.ABOVE))
    usual = Course(model, case, (560.0,)).expect(np.zeros(len(model.between_children)))[0][0]
    result = found(model, case)
    assert predicted(result)[0] > 3 * usual
    assert result.distance[0] >= 0  # the level lies above the curve, or where it should


def test_a_bound_that_holds_is_no_distance_from_the_curve() -> None:
    low, high = (found(COMBINED, at_steady_state(MeasuredLevel(0, value, bound))) for value, bound in
                 ((20.0, Bound.BELOW), (0.01, Bound.ABOVE)))  # fmt: skip
    assert low.distance == high.distance == (0.0,)
    assert low.eta == pytest.approx(np.zeros(4), abs=0.01)


def test_the_distance_of_a_level_is_signed_and_in_residual_deviations() -> None:
    for value in (0.5, 4.0):
        result = found(COMBINED, at_steady_state(value))
        expected = predicted(result)[0]
        assert result.distance[0] == pytest.approx((value - expected) / sqrt((0.292 * expected) ** 2 + 0.371**2))


def test_a_zero_level_is_taken_as_a_number_where_the_residual_has_an_additive_part() -> None:
    result = found(COMBINED, at_steady_state(0.0))
    assert 0 < predicted(result)[0] < 0.3


# --- levels that no child explains -----------------------------------------------------------------------------------

NO_CHILD = "no child of this model fits the levels"


def test_a_zero_level_leads_a_model_with_a_proportional_residual_nowhere() -> None:
    assert estimate(WOJCIECHOWSKI, at_steady_state(0.0)) == NotEstimated("wojciechowski-2017", NO_CHILD)


@pytest.mark.parametrize("model", [WOJCIECHOWSKI, published_model("dubinsky-2017")], ids=lambda model: model.name)
def test_a_level_when_no_drug_can_be_left_is_explained_by_no_child(model: PopulationModel) -> None:
    case = Case(infusions([0], 150), (MeasuredLevel(30 * 365.0, 2.0),), alone(child()))
    assert estimate(model, case) == NotEstimated(model.name, NO_CHILD)


def test_with_an_additive_residual_such_a_level_is_far_from_the_curve() -> None:
    case = Case(infusions([0], 150), (MeasuredLevel(30 * 365.0, 2.0),), alone(child()))
    asked = ask([COMBINED], case, [Q8], start=30 * 365.0)
    assert asked.estimates[0].distance == (pytest.approx(2.0 / 0.371),)
    assert not asked.explains


@pytest.mark.parametrize(("trough", "explained"), [(1.7, True), (6.0, True), (40.0, False), (300.0, False)])
def test_a_level_far_from_every_curve_is_not_explained(trough: float, explained: bool) -> None:
    assert ask(THREE, at_steady_state(trough), [Q8], start=560.0).explains is explained


def test_a_child_farther_than_two_and_a_half_deviations_from_the_typical_one_is_not_explained() -> None:
    asked = ask([fixed(COMBINED)], at_steady_state(14.0, 14.0, 14.0), [Q8], start=560.0)
    assert max(map(abs, asked.estimates[0].distance)) < 3
    assert asked.estimates[0].spread > 2.5
    assert not asked.explains


# --- models that refuse ----------------------------------------------------------------------------------------------


def asked_of(rows: tuple[CovariateRow, ...], models: tuple[PopulationModel, ...] = THREE) -> Ensemble:
    return ask(models, replace(at_steady_state(1.69), covariates=rows), [Q8], start=560.0)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"weight_kg": 14.9}, "weight_kg 14.9 lies outside 15 to 100"),
        ({"weight_kg": 101.0}, "weight_kg 101 lies outside 15 to 100"),
        ({"albumin_g_per_dl": 2.4}, "albumin_g_per_dl 2.4 lies outside 2.5 to 5.5"),
        ({"albumin_g_per_dl": 38.0}, "albumin_g_per_dl 38 lies outside 2.5 to 5.5"),
    ],
)
def test_outside_its_children_a_model_is_not_asked(known: dict[str, float], reason: str) -> None:
    asked = asked_of(alone(child(**known)))
    assert [one.reason for one in asked.refused] == [reason] * 3
    assert (asked.estimates, asked.weights, asked.outlooks, asked.effective) == ((), (), (), ())
    assert not asked.explains


@pytest.mark.parametrize("known", [{"weight_kg": 15.0}, {"weight_kg": 100.0}, {"albumin_g_per_dl": 2.5}])
def test_at_the_border_of_its_children_it_is_asked(known: dict[str, float]) -> None:
    assert not asked_of(alone(child(**known))).refused


def test_only_the_child_of_today_must_lie_inside() -> None:
    grown = (CovariateRow(0, child(weight_kg=14.0)), CovariateRow(300, child(weight_kg=16.0)))
    assert not asked_of(grown).refused


def test_a_model_refuses_without_a_covariate_and_the_others_speak() -> None:
    known = {name: value for name, value in THE_CHILD.items() if name != "immunomodulator"}
    asked = asked_of((CovariateRow(0, child()), CovariateRow(300, known)))
    assert asked.refused == (NotEstimated("fasanmade-2011-combined", "the model needs immunomodulator"),)
    assert [one.model.name for one in asked.estimates] == list(DEFAULT_MODELS[1:])
    assert sum(asked.weights) == pytest.approx(1.0)
    assert len(asked.outlooks[0].by_model) == 2


def test_more_occasions_than_can_be_drawn_are_refused_by_name() -> None:
    case = at_steady_state(*[2.0] * 22, every=28, doses=30)
    with pytest.raises(ValueError, match="at most 24 random effects, occasions included, got 26"):
        ask([COMBINED], case, [Q8], start=840.0)


# --- regimens --------------------------------------------------------------------------------------------------------


def test_an_old_dose_begins_the_new_interval() -> None:
    """The last event is an infusion of 300 mg over 3 h: it is followed by the new dose after the new interval."""
    model = narrow(COMBINED)
    old = GivenDose(112, 3 / 24, 300)
    case = Case((*infusions([0, 56], 300), old), (), alone(child()))
    (outlook,) = ask([model], case, [Regimen(28, 150, TWO_HOURS)], start=112.0, first=old).outlooks
    course = Course(model, replace(case, infusions=(*case.infusions, *infusions([140, 168], 150))), (140.0, 168.0))
    first, then = course.expect(np.zeros(3))[0]
    assert outlook.following.spread.median == pytest.approx(first, rel=1e-4)
    assert second(outlook) == pytest.approx([then] * 3, rel=1e-3)
    assert outlook.steady.spread.median == pytest.approx(steady_trough(typical(COMBINED, child()), 150, 4), rel=1e-4)


@pytest.mark.parametrize("model", [COMBINED, PASSOT], ids=lambda model: model.name)
def test_without_an_old_dose_the_regimen_begins_at_its_start(model: PopulationModel) -> None:
    case = Case(infusions([0, 14, 42], 150), (), alone(child()))
    outlooks = ask([narrow(model)], case, [Q8, Q4, Regimen(28, 300, TWO_HOURS)], start=98.0).outlooks
    before = [(day, TWO_HOURS, 150.0) for day in (0.0, 14.0, 42.0)]
    for outlook in outlooks:
        span, mg = outlook.regimen.interval, outlook.regimen.mg
        after = [(98.0 + number * span, TWO_HOURS, mg) for number in range(2)]
        levels = [textbook.level(typical(model, child()), [*before, *after], 98 + number * span) for number in (1, 2)]
        assert outlook.following.spread.median == pytest.approx(levels[0], rel=1e-4)
        assert second(outlook) == pytest.approx([levels[1]] * 3, rel=1e-3)


def test_the_course_can_be_asked_for_more_days_after_the_start() -> None:
    case = at_steady_state(1.69)
    asked = ask([COMBINED], case, start=560.0, times=(504.0, 530.0))
    levels = predicted(asked.estimates[0])
    assert levels == pytest.approx([*predicted(found(COMBINED, case, (560.0, 504.0, 530.0)))])
    assert len(levels) == 4
    assert asked.outlooks == ()


def test_the_last_row_of_covariates_holds_for_what_is_to_come() -> None:
    rows = (CovariateRow(0, child()), CovariateRow(300, child(antibody_positive=1.0)))
    (outlook,) = ask([narrow(COMBINED)], replace(at_steady_state(), covariates=rows), [Q8], start=560.0).outlooks
    expected = steady_trough(typical(COMBINED, child(antibody_positive=1.0)), 150, 8)
    assert outlook.steady.spread.median == pytest.approx(expected, rel=1e-3)


def test_a_level_drawn_when_covariates_change_still_belongs_to_those_before() -> None:
    """It is drawn before the infusion of that day, and before the weight of that day was taken for the dose."""
    lighter, heavier = child(weight_kg=30.0), child(weight_kg=45.0)
    case = Case(infusions([0, 56], 150), (), (CovariateRow(0, lighter), CovariateRow(56, heavier)))
    at_the_change, just_before, just_after = Course(narrow(COMBINED), case, (56.0, 55.9999, 56.0001)).expect(
        np.zeros(3)
    )[0]
    assert at_the_change == pytest.approx(just_before, rel=1e-4)
    assert at_the_change != pytest.approx(just_after, rel=0.1)


def test_the_same_question_gets_the_same_answer() -> None:
    one, other = (ask(THREE, at_steady_state(1.69), [Q8, Q4], start=560.0) for _ in range(2))
    assert (one.weights, one.effective) == (other.weights, other.effective)
    assert [second(outlook) for outlook in one.outlooks] == [second(outlook) for outlook in other.outlooks]


def test_what_had_to_be_assumed_widens_the_range() -> None:
    known, assumed = (
        ask(models, at_steady_state(1.69), [Q4], start=560.0).outlooks[0].second.spread
        for models in ([fixed(COMBINED)], widen([fixed(COMBINED)], {"antibody_positive": 0.36, "immunomodulator": 0.5}))
    )
    assert assumed.p95 / assumed.p05 > known.p95 / known.p05
    assert widen([COMBINED, REACH], {}) == [COMBINED, REACH]


def test_variability_between_occasions_widens_the_range() -> None:
    without, with_it = (
        ask([model], at_steady_state(1.69), [Q8], start=560.0).outlooks[0].second.spread
        for model in (fixed(COMBINED), COMBINED)
    )
    assert with_it.p05 < without.p05 < without.p95 < with_it.p95


def test_chances_count_what_is_at_least_and_what_is_above() -> None:
    likely = Likely(np.array([1.0, 2.0, 2.0, 4.0]))
    assert [likely.at_least(limit) for limit in (0.5, 1.0, 2.0, 4.0, 5.0)] == [1, 1, 0.75, 0.25, 0]
    assert [likely.above(limit) for limit in (0.5, 1.0, 2.0, 4.0, 5.0)] == [1, 0.75, 0.25, 0, 0]


def test_percentiles_lie_between_the_middles_of_the_shares() -> None:
    spread = Likely(np.arange(1.0, 11.0)).spread
    assert (spread.p05, spread.median, spread.p95) == pytest.approx((1.0, 5.5, 10.0))
    assert Likely(np.arange(1.0, 21.0)).spread.p05 == pytest.approx(1.5)


def test_chances_of_the_average_are_those_of_the_models_by_weight() -> None:
    asked = ask(THREE, at_steady_state(1.69), [Q4], start=560.0)
    (outlook,) = asked.outlooks
    for limit in (3.0, 5.0, 10.0):
        assert outlook.chance_at_least(limit) == pytest.approx(
            np.dot(asked.weights, outlook.chances_by_model(limit)), abs=0.0005
        )
    assert outlook.chance_above(5.0) <= outlook.chance_at_least(5.0)
    assert min(outlook.by_model) <= outlook.second.spread.median <= max(outlook.by_model)


def test_possible_children_agree_with_the_estimate_where_levels_are_many() -> None:
    case = at_steady_state(*[2.0] * 8, every=56, doses=14)
    result = found(fixed(COMBINED), case, (14 * 56.0,))
    possible = possible_children(result, case, len(case.levels))
    own = typical(COMBINED, child())[0] * np.exp(result.eta[0])
    assert possible.weights @ possible.parameters[0] == pytest.approx(own, rel=0.03)
    assert np.sum(possible.weights) == pytest.approx(1.0)


# --- the tail of the normal distribution -----------------------------------------------------------------------------


@pytest.mark.parametrize("z", [-34.0, -10.0, -3.0, -0.5, 0.0, 1.0, 5.0])
def test_the_tail_is_that_of_the_normal_distribution(z: float) -> None:
    chance, ratio = log_normal_tail(z)
    assert chance == pytest.approx(log(erfc(-z / sqrt(2)) / 2), rel=1e-12)
    assert ratio == pytest.approx(exp(-z * z / 2) / sqrt(2 * pi) / (erfc(-z / sqrt(2)) / 2), rel=1e-12)


@pytest.mark.parametrize("z", [-36.0, -40.0, -100.0, -1000.0])
def test_the_tail_far_out_is_that_of_laplaces_continued_fraction(z: float) -> None:
    fraction = -z
    for number in range(60, 0, -1):
        fraction = -z + number / fraction
    chance, ratio = log_normal_tail(z)
    assert chance == pytest.approx(-z * z / 2 - log(sqrt(2 * pi)) - log(fraction), rel=1e-9)
    assert ratio == pytest.approx(fraction, rel=1e-7)


def test_the_tail_has_no_step_where_the_series_begins() -> None:
    nearer, farther = log_normal_tail(-35 + 1e-9), log_normal_tail(-35 - 1e-9)
    assert farther == pytest.approx(nearer, rel=1e-6)


def test_a_level_reported_below_and_one_above_share_the_probability() -> None:
    """Phi and 1 - Phi: at the curve itself both are a half."""
    case = at_steady_state(below(0, 0.4))
    curve = float(Course(narrow(COMBINED), case, (560.0,)).expect(np.zeros(3))[0][0])
    for bound in Bound:
        result = found(narrow(COMBINED), at_steady_state(MeasuredLevel(0, curve, bound)))
        assert result.objective == pytest.approx(2 * log(2), abs=1e-4)
