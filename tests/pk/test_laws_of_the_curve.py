"""What holds for every child and every model, on generated synthetic children."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.clinical.pk.case import Case, CovariateRow, GivenDose, MeasuredLevel
from cds_service.clinical.pk.course import Course
from cds_service.clinical.pk.estimate import NotEstimated, estimate
from cds_service.clinical.pk.model import Array, PopulationModel, RandomEffect
from cds_service.clinical.pk.published import model_names, published_model
from tests.pk import textbook
from tests.pk.children import TWO_HOURS, alone, below, child, fixed, found, predicted, steady_trough, typical

EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
many = settings(max_examples=EXAMPLES, deadline=None)
some = settings(max_examples=EXAMPLES // 2, deadline=None)
MODELS = st.sampled_from(model_names()).map(published_model)
DAYS = st.floats(0, 400)
DOSES = st.builds(GivenDose, DAYS, st.floats(0.01, 5), st.floats(10, 1500))
COVARIATES = st.builds(
    child,
    weight_kg=st.floats(15, 100),
    albumin_g_per_dl=st.floats(2.5, 5.5),
    antibody_positive=st.sampled_from([0.0, 1.0]),
    immunomodulator=st.sampled_from([0.0, 1.0]),
    male=st.sampled_from([0.0, 1.0]),
    under_15=st.sampled_from([0.0, 1.0]),
)
READ = (0.5, 30.0, 100.0, 250.0, 401.0, 460.0)


@st.composite
def parameters(draw: st.DrawFn) -> Array:
    """CL, V1, Q, V2 far beyond what children have."""
    return np.array(
        [draw(st.floats(0.02, 2)), draw(st.floats(0.5, 10)), draw(st.floats(0.01, 8)), draw(st.floats(0.1, 8))]
    )


@st.composite
def histories(draw: st.DrawFn) -> Case:
    """Infusions that may overlap, covariates and occasions that change at any time, no levels."""
    doses = draw(st.lists(DOSES, min_size=1, max_size=6))
    rows = [CovariateRow(draw(DAYS), draw(COVARIATES)) for _ in range(draw(st.integers(1, 3)))]
    return Case(tuple(doses), (), tuple(rows), tuple(draw(st.lists(DAYS, max_size=3))))


def with_levels(case: Case, *days: float) -> Case:
    """Levels make occasions count; their values do not matter here."""
    after = [day for day in days if day > case.begin]
    return replace(case, levels=tuple(MeasuredLevel(day, 3.0) for day in after))


def some_etas(course: Course, seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(len(course.variances)) * np.sqrt(course.variances)


def levels(model: PopulationModel, case: Case, seed: int = 0, times: tuple[float, ...] = READ) -> Array:
    course = Course(model, case, times)
    return course.expect_many(some_etas(course, seed)[:, None])[0][:, 0]


# --- the curve -------------------------------------------------------------------------------------------------------


@many
@given(MODELS, COVARIATES, st.lists(DOSES, min_size=1, max_size=6))
def test_the_typical_curve_is_the_sum_of_the_textbooks_infusions(
    model: PopulationModel, covariates: dict[str, float], doses: list[GivenDose]
) -> None:
    ours = levels(fixed(replace(model, between_children=())), Case(tuple(doses), (), alone(covariates)))
    given_doses = [(dose.time, dose.duration, dose.mg) for dose in doses]
    theirs = [float(textbook.level(typical(model, covariates), given_doses, day)) for day in READ]
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@settings(max_examples=EXAMPLES // 10, deadline=None)
@given(st.data())
def test_covariates_and_occasions_that_change_follow_the_differential_equations(data: st.DataObject) -> None:
    model = published_model("fasanmade-2011-combined")
    first, second = (data.draw(COVARIATES) for _ in range(2))
    case = Case(
        (GivenDose(0, 0.25, 200), GivenDose(14, 0.25, 300)),
        (MeasuredLevel(10, 1), MeasuredLevel(30, 1)),
        (CovariateRow(0, first), CovariateRow(8, second)),
        occasions=(20,),
    )
    course = Course(model, case, (5.0, 14.125, 30.0))
    eta = some_etas(course, data.draw(st.integers(0, 1000)))
    effects = dict(zip((*course.effects, "CL@3"), eta, strict=True))

    def at(day: float) -> Array:
        moved = {name: effects[name] for name in ("CL", "V1", "V2")}
        moved["CL"] += effects["CL@1"] if day < 20 else effects["CL@2"]
        own = typical(model, first if day < 8 else second)
        return own * np.exp([moved["CL"], moved["V1"], 0.0, moved["V2"]])

    doses = [(dose.time, dose.duration, dose.mg) for dose in case.infusions]
    theirs = [textbook.integrated(at, doses, day, 1 / 32) for day in (5.0, 14.125, 30.0)]
    assert course.expect_many(eta[:, None])[0][:, 0] == pytest.approx(theirs, rel=1e-5)


@many
@given(MODELS, histories(), st.floats(0.1, 10), st.integers(0, 1000))
def test_levels_are_proportional_to_the_dose(model: PopulationModel, case: Case, factor: float, seed: int) -> None:
    more = replace(case, infusions=tuple(replace(dose, mg=dose.mg * factor) for dose in case.infusions))
    assert levels(model, more, seed) == pytest.approx(factor * levels(model, case, seed), rel=1e-9, abs=1e-12)


@many
@given(MODELS, histories(), st.integers(0, 1000))
def test_infusions_add_up_also_where_they_overlap(model: PopulationModel, case: Case, seed: int) -> None:
    first = min(dose.time for dose in case.infusions)
    marker = GivenDose(first, 1.0, 1e-9)  # every part begins on the same day, so that the same occasions hold
    parts = [replace(case, infusions=(marker, dose)) for dose in case.infusions]
    together = sum(levels(model, part, seed) for part in parts)
    assert levels(model, case, seed) == pytest.approx(together, rel=1e-6, abs=1e-8)


@many
@given(MODELS, histories(), DAYS, st.integers(0, 1000))
def test_saying_the_same_covariates_again_changes_nothing(
    model: PopulationModel, case: Case, day: float, seed: int
) -> None:
    holding = [row for row in case.covariates if row.time <= day] or [case.covariates[0]]
    again = replace(case, covariates=(*case.covariates, CovariateRow(day, holding[-1].values)))
    assert levels(model, again, seed) == pytest.approx(levels(model, case, seed), rel=1e-9, abs=1e-12)


@many
@given(MODELS, histories(), st.lists(DAYS, max_size=4), st.integers(0, 1000))
def test_occasions_of_a_model_that_does_not_vary_between_them_change_nothing(
    model: PopulationModel, case: Case, days: list[float], seed: int
) -> None:
    other = replace(case, occasions=tuple(days))
    assert levels(fixed(model), other, seed) == pytest.approx(levels(fixed(model), case, seed), rel=1e-9, abs=1e-12)


@many
@given(MODELS, histories(), st.randoms(use_true_random=False), st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing(model: PopulationModel, case: Case, random: object, seed: int) -> None:
    def shuffled(rows: tuple[object, ...]) -> tuple[object, ...]:
        mixed = list(rows)
        random.shuffle(mixed)  # type: ignore[attr-defined]
        return tuple(mixed)

    if len({row.time for row in case.covariates}) < len(case.covariates):
        return  # of two rows of one day the last one said holds
    mixed = Case(
        shuffled(case.infusions),
        (),
        shuffled(case.covariates),
        shuffled(case.occasions or ()),  # type: ignore[arg-type]
    )
    assert levels(model, mixed, seed) == pytest.approx(levels(model, case, seed), rel=1e-9, abs=1e-12)


@many
@given(MODELS, COVARIATES, st.floats(-50, 400))
def test_without_an_infusion_there_is_no_drug(model: PopulationModel, covariates: dict[str, float], day: float) -> None:
    assert levels(model, Case((), (), alone(covariates)), times=(day,)).tolist() == [0.0]


@many
@given(MODELS, histories())
def test_before_the_first_infusion_there_is_no_drug(model: PopulationModel, case: Case) -> None:
    assert levels(model, case, times=(case.begin - 1, case.begin)).tolist() == [0.0, 0.0]


@many
@given(MODELS, histories(), st.integers(0, 1000))
def test_single_precision_is_good_to_a_thousandth(model: PopulationModel, case: Case, seed: int) -> None:
    course = Course(model, case, READ)
    eta = some_etas(course, seed)[:, None]
    double, single = (course.expect_many(eta.astype(kind))[0] for kind in (np.float64, np.float32))
    assert single == pytest.approx(double, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("hours", [0.01, 0.1, 2.0])
def test_a_short_infusion_keeps_its_digits_in_single_precision(hours: float) -> None:
    model = published_model("fasanmade-2011-combined")
    doses = tuple(GivenDose(56.0 * number, hours / 24, 150) for number in range(4))
    course = Course(model, Case(doses, (), alone(child())), (30.0, 224.0))
    etas = np.random.default_rng(0).standard_normal((4, 200)) * np.sqrt(course.variances)[:, None]
    double, single = (course.expect_many(etas.astype(kind))[0] for kind in (np.float64, np.float32))
    assert single == pytest.approx(double, rel=1e-4, abs=1e-5)


# --- the steady state ------------------------------------------------------------------------------------------------


@many
@given(parameters(), st.floats(2, 12), st.floats(0.01, 2))
def test_the_steady_trough_is_the_textbooks(own: Array, weeks: float, duration: float) -> None:
    theirs = float(textbook.steady_trough(own, 150, duration, 7 * weeks))
    assert steady_trough(own, 150, weeks, duration) == pytest.approx(theirs, rel=1e-7, abs=1e-12)


@many
@given(MODELS, COVARIATES, st.floats(2, 12))
def test_the_steady_trough_is_what_sixty_infusions_arrive_at(
    model: PopulationModel, covariates: dict[str, float], weeks: float
) -> None:
    doses = tuple(GivenDose(number * 7 * weeks, TWO_HOURS, 150) for number in range(60))
    arrived = levels(
        replace(fixed(model), between_children=()), Case(doses, (), alone(covariates)), 0, (420.0 * weeks,)
    )
    assert steady_trough(typical(model, covariates), 150, weeks) == pytest.approx(arrived[0], rel=1e-6)


@many
@given(parameters(), st.lists(st.floats(1, 12), min_size=2, max_size=2))
def test_a_shorter_interval_never_lowers_the_steady_trough(own: Array, weeks: list[float]) -> None:
    shorter, longer = sorted(weeks)
    assert steady_trough(own, 150, shorter) >= steady_trough(own, 150, longer) * (1 - 1e-9)


@many
@given(MODELS, COVARIATES, st.floats(4, 10))
def test_more_clearance_always_means_a_lower_steady_trough(
    model: PopulationModel, covariates: dict[str, float], weeks: float
) -> None:
    own = typical(model, covariates)
    faster = own * np.array([1.1, *[1.0] * (len(own) - 1)])
    assert steady_trough(faster, 150, weeks) < steady_trough(own, 150, weeks)


# --- derivatives and the estimate ------------------------------------------------------------------------------------


@many
@given(MODELS, histories(), st.integers(0, 1000))
def test_derivatives_are_finite_differences(model: PopulationModel, case: Case, seed: int) -> None:
    course = Course(model, with_levels(case, 250.0, 401.0), READ)
    eta = some_etas(course, seed)[: len(course.effects)] / 2
    values, slopes = course.expect(eta)
    nothing_of_the_occasion_to_come = np.zeros(len(course.variances) - len(eta))
    many = course.expect_many(np.append(eta, nothing_of_the_occasion_to_come)[:, None])[0][:, 0]
    assert values == pytest.approx(many, rel=1e-9, abs=1e-12)
    for number, unit in enumerate(np.eye(len(eta)) * 1e-5):
        difference = (course.expect(eta + unit)[0] - course.expect(eta - unit)[0]) / 2e-5
        assert slopes[:, number] == pytest.approx(difference, rel=1e-4, abs=1e-5)


@some
@given(MODELS, COVARIATES, st.lists(st.floats(0.3, 30), min_size=1, max_size=4))
def test_nowhere_near_the_best_fit_is_a_better_one(
    model: PopulationModel, covariates: dict[str, float], values: list[float]
) -> None:
    doses = tuple(GivenDose(56.0 * number, TWO_HOURS, 5 * covariates["weight_kg"]) for number in range(6))
    drawn = tuple(MeasuredLevel(56.0 * (number + 3), value) for number, value in enumerate(values))
    best = found(model, Case(doses, drawn, alone(covariates)))

    def objective(eta: Array) -> float:
        expected = best.course.expect(eta)[0]
        variance = model.residual.variance(expected)[0]
        away = np.array(values) - expected
        prior = np.sum(eta**2 / best.course.variances[: len(eta)])
        return float(np.sum(np.log(variance) + away**2 / variance) + prior)

    assert best.objective == pytest.approx(objective(best.eta), abs=1e-9)
    random = np.random.default_rng(0)
    deviations = np.sqrt(np.diag(best.covariance))
    for size in (1e-3, 0.03, 0.3):
        for _ in range(20):
            nearby = best.eta + size * deviations * random.standard_normal(len(best.eta))
            assert objective(nearby) >= best.objective - 1e-9


@many
@given(st.sampled_from(["fasanmade-2011-combined", "fasanmade-2011-reach"]), COVARIATES, st.floats(0.2, 5))
def test_below_a_limit_is_lower_than_at_the_limit(name: str, covariates: dict[str, float], limit: float) -> None:
    """Not a law of a model without an additive residual: there a high level is "below the limit" with some chance."""
    doses = tuple(GivenDose(56.0 * number, TWO_HOURS, 5 * covariates["weight_kg"]) for number in range(6))
    censored, taken_for_a_value = (
        predicted(found(published_model(name), Case(doses, (drawn,), alone(covariates))))[0]
        for drawn in (below(280.0, limit), MeasuredLevel(280.0, limit))
    )
    assert censored < taken_for_a_value


@some
@given(MODELS, COVARIATES, st.lists(st.floats(0, 100), min_size=1, max_size=5), st.lists(DAYS, min_size=5, max_size=5))
def test_no_level_makes_the_search_raise(
    model: PopulationModel, covariates: dict[str, float], values: list[float], days: list[float]
) -> None:
    doses = tuple(GivenDose(float(day), TWO_HOURS, 200) for day in (-1, 20, 60))
    drawn = tuple(MeasuredLevel(day, value) for value, day in zip(values, days, strict=False))
    result = estimate(model, Case(doses, drawn, alone(covariates)))
    if isinstance(result, NotEstimated):
        assert result.reason == "no child of this model fits the levels"
    else:
        assert np.isfinite(result.objective)
        assert np.all(np.diag(result.covariance) > 0)


@many
@given(MODELS, histories(), st.floats(-2, 2))
def test_a_child_of_twice_the_size_in_everything_has_half_the_level(
    model: PopulationModel, case: Case, eta: float
) -> None:
    """One random effect that moves all parameters alike stretches volumes and keeps every rate."""
    size = RandomEffect("size", 1.0, model.parameter_names)
    course = Course(replace(fixed(model), between_children=(size,)), case, READ)
    usual, other = course.expect(np.array([0.0]))[0], course.expect(np.array([eta]))[0]
    assert other == pytest.approx(usual * np.exp(-eta), rel=1e-9, abs=1e-12)
