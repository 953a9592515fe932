"""Synthetic children for the tests of pharmacokinetics, and what can be read off a fit. Days, mg, ug/mL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cds_service.clinical.pk.case import Bound, Case, CovariateRow, GivenDose, MeasuredLevel
from cds_service.clinical.pk.course import CENTRAL_VOLUME
from cds_service.clinical.pk.disposition import propagate, steady
from cds_service.clinical.pk.estimate import Estimate, NotEstimated, estimate
from cds_service.clinical.pk.model import Array, PopulationModel
from cds_service.clinical.pk.published import published_model

HOUR = 1 / 24
TWO_HOURS = 2 / 24
INTERVALS_WEEKS = (8, 7, 6, 5, 4)
COMBINED = published_model("fasanmade-2011-combined")
REACH = published_model("fasanmade-2011-reach")
WOJCIECHOWSKI = published_model("wojciechowski-2017")
THE_CHILD: Mapping[str, float] = {
    "weight_kg": 30.0,
    "albumin_g_per_dl": 3.8,
    "antibody_positive": 0.0,
    "immunomodulator": 0.0,
    "male": 1.0,
    "crohns": 1.0,
    "under_15": 1.0,
}


def child(**known: float) -> dict[str, float]:
    """The synthetic child of 30 kg, with other values where they are given."""
    return {**THE_CHILD, **known}


def fixed(model: PopulationModel) -> PopulationModel:
    """The model without variability between occasions."""
    return replace(model, between_occasions=())


def infusions(days: Sequence[float], mg: float, duration: float = TWO_HOURS) -> tuple[GivenDose, ...]:
    return tuple(GivenDose(float(day), duration, mg) for day in days)


def below(day: float, limit: float) -> MeasuredLevel:
    return MeasuredLevel(day, limit, Bound.BELOW)


def alone(covariates: Mapping[str, float]) -> tuple[CovariateRow, ...]:
    """Covariates that never change."""
    return (CovariateRow(0.0, covariates),)


def at_steady_state(*troughs: float | MeasuredLevel, every: float = 56.0, doses: int = 10, mg: float = 150.0) -> Case:
    """The child after ten infusions; troughs are drawn before the last due infusions, the newest when one is due.

    A level stands for its value and its bound, whatever its day.
    """
    levels = []
    for place, trough in enumerate(reversed(troughs)):
        given = trough if isinstance(trough, MeasuredLevel) else MeasuredLevel(0.0, trough)
        levels.append(replace(given, time=(doses - place) * every))
    return Case(infusions([number * every for number in range(doses)], mg), tuple(levels), alone(THE_CHILD))


def found(model: PopulationModel, case: Case, times: tuple[float, ...] = ()) -> Estimate:
    """The estimate, where there must be one."""
    result = estimate(model, case, times)
    assert not isinstance(result, NotEstimated), result.reason
    return result


def own_parameters(result: Estimate, covariates: Mapping[str, float]) -> Array:
    """CL, V1, Q, V2 of the child, occasions left out."""
    between = result.model.between_children
    return np.exp(
        np.array(result.model.typical(covariates)) + result.model.loading(between) @ result.eta[: len(between)]
    )


def predicted(result: Estimate) -> Array:
    """The levels of the child at the times of its course: those of the levels first, then the times asked for."""
    return result.course.expect(result.eta)[0]


def steady_trough(parameters: Array, mg: float, weeks: float, duration: float = TWO_HOURS) -> float:
    """The trough that repeats itself, by the code under test."""
    moved = propagate(np.asarray(parameters), np.array(weeks * 7.0), np.array(duration))
    return float(steady(moved.kept, moved.gained * mg / duration) / parameters[CENTRAL_VOLUME])


def typical(model: PopulationModel, covariates: Mapping[str, float]) -> Array:
    """Typical CL, V1, Q, V2."""
    return np.exp(np.array(model.typical(covariates)))
