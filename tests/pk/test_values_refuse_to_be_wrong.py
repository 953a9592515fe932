"""Cases and models cannot be built wrong, and each error says what was expected."""

from typing import Any

import pytest

from cds_service.clinical.pk.assumed import assumptions, complete, spread_of
from cds_service.clinical.pk.case import COVARIATES, Bound, Case, CovariateRow, GivenDose, MeasuredLevel
from cds_service.clinical.pk.model import Effect, Parameter, PopulationModel, RandomEffect, Residual
from cds_service.clinical.pk.published import DEFAULT_MODELS, model_names, published_model, read_model
from tests.pk.children import COMBINED, alone, child, infusions, typical

ROWS = alone(child())
ONE = Parameter("CL", 0.2), Parameter("V1", 2.0)


@pytest.mark.parametrize("duration", [0.0, -0.1])
def test_an_infusion_takes_time(duration: float) -> None:
    with pytest.raises(ValueError, match="takes longer than 0 days"):
        GivenDose(0, duration, 100)


@pytest.mark.parametrize("mg", [0.0, -100.0])
def test_a_dose_is_more_than_nothing(mg: float) -> None:
    with pytest.raises(ValueError, match="more than 0 mg"):
        GivenDose(0, 0.1, mg)


@pytest.mark.parametrize(("value", "bound"), [(-0.1, None), (0.0, Bound.BELOW), (-1.0, Bound.ABOVE)])
def test_a_level_is_not_negative_and_nothing_lies_below_0(value: float, bound: Bound | None) -> None:
    with pytest.raises(ValueError, match="at least 0 ug/mL and a limit above 0"):
        MeasuredLevel(1, value, bound)


def test_a_level_of_0_is_a_level() -> None:
    assert MeasuredLevel(1, 0.0).value == 0


def test_a_case_needs_covariates() -> None:
    with pytest.raises(ValueError, match="at least one row of covariates"):
        Case((), (), ())


@pytest.mark.parametrize("given", [(), infusions([1], 100), infusions([2], 100)])
def test_a_level_comes_after_an_infusion(given: tuple[GivenDose, ...]) -> None:
    with pytest.raises(ValueError, match="after the first infusion"):
        Case(given, (MeasuredLevel(1, 5),), ROWS)


def test_a_case_is_sorted_and_begins_with_the_first_infusion_or_else_the_first_row() -> None:
    case = Case(infusions([14, 0], 100), (MeasuredLevel(30, 2), MeasuredLevel(14, 3)), ROWS)
    assert [dose.time for dose in case.infusions] == [0, 14]
    assert [level.time for level in case.levels] == [14, 30]
    assert case.begin == 0
    assert Case((), (), (CovariateRow(5, child()), CovariateRow(3, child()))).begin == 3


def test_a_new_occasion_begins_with_the_first_infusion_at_or_after_each_level() -> None:
    case = Case(infusions([0, 14, 42, 98], 100), tuple(MeasuredLevel(day, 2.0) for day in (14, 20, 41, 99)), ROWS)
    assert case.borders == (14, 42)


def test_stated_occasions_hold_in_any_order_and_the_first_infusion_begins_none() -> None:
    assert Case(infusions([0, 14], 100), (), ROWS, occasions=(42, 0, 14, 42)).borders == (14, 42)


# --- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("CL",), ("V1", "CL"), ("CL", "V1", "Q"), ("CL", "V1", "V2", "Q")])
def test_a_model_has_one_or_two_compartments_in_order(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="CL, V1 or CL, V1, Q, V2, got"):
        PopulationModel("x", tuple(Parameter(name, 1.0) for name in names), (), Residual(0.1))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_typical_value_is_positive(value: float) -> None:
    with pytest.raises(ValueError, match="parameter CL: a typical value is more than 0"):
        Parameter("CL", value)


@pytest.mark.parametrize("moves", [(), ("Q",), ("CL", "Vx")])
def test_a_random_effect_moves_parameters_of_the_model(moves: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="random effect e: no parameter"):
        PopulationModel("x", ONE, (), Residual(0.1), (RandomEffect("e", 0.1, moves),))


def test_a_random_effect_varies() -> None:
    with pytest.raises(ValueError, match="random effect CL: a variance is more than 0"):
        PopulationModel("x", ONE, (RandomEffect("CL", 0.0, ("CL",)),), Residual(0.1))


@pytest.mark.parametrize(("proportional", "additive"), [(0.0, 0.0), (-0.1, 0.5), (0.1, -0.5)])
def test_a_residual_leaves_something(proportional: float, additive: float) -> None:
    with pytest.raises(ValueError, match="residual is more than 0"):
        Residual(proportional, additive)


def test_a_power_needs_a_positive_covariate() -> None:
    with pytest.raises(ValueError, match="albumin_g_per_dl is more than 0, got 0"):
        COMBINED.typical(child(albumin_g_per_dl=0.0))


def test_a_model_cannot_be_asked_without_a_covariate_it_needs() -> None:
    with pytest.raises(KeyError, match="albumin_g_per_dl"):
        COMBINED.typical({"weight_kg": 30.0})


@pytest.mark.parametrize(
    ("effect", "value", "factor"),
    [
        (Effect("x", exponent=-0.5, reference=4.0), 1.0, 2.0),
        (Effect("x", factor=0.25), 1.0, 1.25),
        (Effect("x", factor=0.25), 0.0, 1.0),
        (Effect("x", log=0.6931471805599453), 1.0, 2.0),
        (Effect("x", log=0.6931471805599453), 0.0, 1.0),
    ],
)
def test_an_effect_is_a_power_a_factor_or_a_logarithm(effect: Effect, value: float, factor: float) -> None:
    model = PopulationModel("x", (Parameter("CL", 1.0, (effect,)), Parameter("V1", 1.0)), (), Residual(0.1))
    assert typical(model, {"x": value})[0] == pytest.approx(factor)


# --- model files -----------------------------------------------------------------------------------------------------


def table(**changed: Any) -> dict[str, Any]:
    """A model file that is right, with some of its keys changed."""
    right: dict[str, Any] = {
        "title": "T",
        "citation": "C",
        "provenance": "P",
        "verified": False,
        "parameter": {"CL": {"value": 0.2}, "V1": {"value": 2.0}},
        "between_children": {"CL": 0.1},
        "residual": {"proportional": 0.2},
    }
    return {**right, **changed}


def clearance(**effect: Any) -> dict[str, Any]:
    return table(parameter={"CL": {"value": 0.2, "effect": [effect]}, "V1": {"value": 2.0}})


def test_a_right_file_is_read() -> None:
    model = read_model("right", table(between_occasions={"CL": 0.02}, domain={"weight_kg": [15, 100]}))
    assert model.parameter_names == ("CL", "V1")
    assert model.between_occasions == (RandomEffect("CL", 0.02, ("CL",)),)
    assert model.domain.outside({"weight_kg": 14.0}) == "weight_kg 14 lies outside 15 to 100"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (clearance(covariate="height_cm", exponent=1), "parameter CL: no covariate 'height_cm'; there are weight_kg"),
        (clearance(covariate="weight_kg"), "parameter CL: weight_kg has one of exponent, factor and log"),
        (clearance(covariate="weight_kg", exponent=1, log=1), "has one of exponent, factor and log"),
        (clearance(covariate="weight_kg", exponet=1), "model wrong: .*exponet"),
        (clearance(exponent=1), "model wrong: .*covariate"),
        (table(residual={"proportionl": 0.2}), "model wrong: .*proportionl"),
        (table(residual={}), "residual is more than 0"),
        (table(between_children={"Q": 0.1}), "random effect Q: no parameter Q"),
        (table(between_occasions={"CL": 0}), "random effect CL: a variance is more than 0"),
        (table(domain={"weight": [15, 100]}), "domain: no covariate 'weight'"),
        (table(parameter={"CL": {"value": 0.2}}), "CL, V1 or CL, V1, Q, V2, got CL"),
        (table(parameter={"CL": {"value": -0.2}, "V1": {"value": 2}}), "parameter CL: a typical value is more than 0"),
    ],
)
def test_a_wrong_file_is_refused_and_the_fault_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_model("wrong", wrong)


@pytest.mark.parametrize("key", ["title", "citation", "provenance", "verified", "parameter", "residual"])
def test_a_file_without_a_key_is_refused(key: str) -> None:
    with pytest.raises(KeyError, match=key):
        read_model("wrong", {name: value for name, value in table().items() if name != key})


def test_a_name_that_no_file_has_is_refused() -> None:
    with pytest.raises(KeyError, match="no model 'xiong-2021'; there are dubinsky-2017"):
        published_model("xiong-2021")


@pytest.mark.parametrize("name", model_names())
def test_every_published_model_says_where_its_numbers_come_from_and_for_whom_it_speaks(name: str) -> None:
    model = published_model(name)
    assert model.name == name
    assert model.title
    assert "doi:10." in model.citation
    assert model.provenance
    assert not model.verified  # none was compared with its paper so far
    assert model.needs <= set(COVARIATES)
    assert {"weight_kg"} <= model.domain.limits.keys() <= {"weight_kg", "albumin_g_per_dl"}
    assert model.domain.outside(child()) is None
    assert len(model.typical(child())) == len(model.parameters)


def test_the_default_models_are_published_ones() -> None:
    assert set(DEFAULT_MODELS) < set(model_names())


# --- what is assumed -------------------------------------------------------------------------------------------------


def test_only_what_is_missing_is_assumed() -> None:
    known = {"weight_kg": 30.0, "albumin_g_per_dl": 4.4, "antibody_positive": None}
    assert complete(known) == {
        "weight_kg": 30.0,
        "albumin_g_per_dl": 4.4,
        "antibody_positive": 0.0,
        "immunomodulator": 0.0,
    }


def test_every_assumption_has_a_source_and_is_uncertain() -> None:
    for name, row in assumptions().items():
        assert name in COVARIATES
        assert row.source
        assert row.told
        assert row.spread > 0


def test_only_what_may_be_assumed_has_a_spread() -> None:
    assert spread_of(frozenset({"weight_kg", "albumin_g_per_dl"})) == {"albumin_g_per_dl": 0.13}
    assert spread_of(frozenset()) == {}


def test_a_model_is_less_sure_of_clearance_by_what_was_assumed() -> None:
    """Albumin: (0.855 times 0.13) squared; antibody: (ln 1.291 times 0.36) squared; nothing else moves."""
    wider = COMBINED.widened({"albumin_g_per_dl": 0.13, "antibody_positive": 0.36})
    variances = {effect.name: effect.variance for effect in wider.between_children}
    assert variances["CL"] == pytest.approx(0.0942 + (0.855 * 0.13) ** 2 + (0.25541 * 0.36) ** 2, abs=1e-6)
    assert (variances["V1"], variances["V2"]) == (0.0159, 0.306)
    assert wider.between_occasions == COMBINED.between_occasions


def test_an_assumed_covariate_that_does_not_move_the_clearance_widens_nothing() -> None:
    assert published_model("wojciechowski-2017").widened({"immunomodulator": 0.5}) == published_model(
        "wojciechowski-2017"
    )
