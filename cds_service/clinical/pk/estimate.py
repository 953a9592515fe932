"""Where in the model is this child? The maximum a posteriori estimate.

Question: which random effects explain the levels best, given how children differ? Minimises the sum over levels of
ln v + (y - f)^2 / v plus eta' Omega^-1 eta; a level known only to lie beyond a limit adds -2 ln Phi of its distance
from that limit (the M3 method). Steps follow the expected Hessian, which is also the posterior precision
(the FOCE form: it reproduces NONMEM's posterior). Source of the objective: Kang 2012, doi:10.4196/kjpp.2012.16.2.97.
"""

from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt
from typing import NamedTuple

import numpy as np

from cds_service.clinical.pk.case import Bound, Case, MeasuredLevel
from cds_service.clinical.pk.course import Course
from cds_service.clinical.pk.model import Array, PopulationModel

MOST_STEPS = 100
MOST_HALVINGS = 30
ENOUGH = 1e-9  # the objective is not expected to fall by more


@dataclass(frozen=True, slots=True)
class NotEstimated:
    """The child could not be placed in the model; `reason` is one line for the reader."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """The child inside one model.

    `objective` is what was minimised; `foce_objective` adds ln|Omega| + ln|H| and ranks models. `covariance` is that
    of the random effects, `distance` of each level in standard deviations of the residual, signed.
    """

    course: Course
    eta: Array
    objective: float
    foce_objective: float
    covariance: Array
    distance: tuple[float, ...]

    @property
    def model(self) -> PopulationModel:
        """The model that was asked."""
        return self.course.model

    @property
    def spread(self) -> float:
        """How far the child stands from the typical one: the largest random effect in standard deviations."""
        deviations = np.sqrt(self.course.variances[: len(self.eta)])
        return float(np.max(np.abs(self.eta) / deviations))


@dataclass(frozen=True, slots=True)
class _Point:
    """The objective at one place, its gradient, and half its Hessian: as expected, and nearer to the one observed."""

    objective: float
    gradient: Array
    precision: Array
    curvature: Array
    distance: tuple[float, ...]


def estimate(model: PopulationModel, case: Case, times: tuple[float, ...] = ()) -> Estimate | NotEstimated:
    """The child of a case inside a model; without levels the typical child. Never raises for what levels say.

    The course of the estimate can be asked for the levels and for `times` (days), in that order.
    """
    course = Course(model, case, (*(level.time for level in case.levels), *times))
    omega = course.variances[: len(course.effects)]
    eta = np.zeros(len(omega))
    point = _evaluate(course, case, omega, eta)
    for _ in range(MOST_STEPS):
        step = np.linalg.solve(point.curvature, point.gradient / 2)
        if not np.all(np.isfinite(step)):
            return NotEstimated(model.name, "the levels lead outside what can be computed")
        expected = float(step @ point.gradient) / 2
        if expected < ENOUGH:
            return _settled(course, omega, eta, point)
        for halving in range(MOST_HALVINGS):
            nearer = eta - step / 2**halving
            tried = _evaluate(course, case, omega, nearer)
            if tried.objective <= point.objective:
                eta, point = nearer, tried
                break
        else:
            return _settled(course, omega, eta, point) if expected < 1e-6 else _lost(model)
    return _lost(model)


def _lost(model: PopulationModel) -> NotEstimated:
    return NotEstimated(model.name, f"no best fit was found in {MOST_STEPS} steps")


def _settled(course: Course, omega: Array, eta: Array, point: _Point) -> Estimate:
    log_determinant = float(np.sum(np.log(omega)) + np.linalg.slogdet(point.precision)[1])
    return Estimate(
        course=course,
        eta=eta,
        objective=point.objective,
        foce_objective=point.objective + log_determinant,
        covariance=np.linalg.inv(point.precision),
        distance=point.distance,
    )


def _evaluate(course: Course, case: Case, omega: Array, eta: Array) -> _Point:
    prior = eta / omega
    prior_precision = np.diag(1 / omega)
    if not case.levels:
        return _Point(float(eta @ prior), 2 * prior, prior_precision, prior_precision, ())
    predicted, slopes = (of_levels[: len(case.levels)] for of_levels in course.expect(eta))
    variance, by_level = course.model.residual.variance(predicted)
    if variance.min() <= 0:  # no drug is left at all and the residual is proportional: no level can be compared
        return _Point(float("inf"), prior, prior_precision, prior_precision, ())
    bend = course.model.residual.bend
    rows = zip(case.levels, predicted.tolist(), variance.tolist(), by_level.tolist(), strict=True)
    seen = [_compare(level, f, v, dv, bend) for level, f, v, dv in rows]
    return _Point(
        objective=float(eta @ prior) + sum(one.term for one in seen),
        gradient=2 * prior + np.array([one.by_f for one in seen]) @ slopes,
        precision=prior_precision + (slopes.T * [one.expected for one in seen]) @ slopes,
        curvature=prior_precision + (slopes.T * [one.observed for one in seen]) @ slopes,
        distance=tuple(one.distance for one in seen),
    )


class _Comparison(NamedTuple):
    """One level against the level expected, f: its term of the objective and what steps need of it.

    `by_f` is the derivative; `expected` and `observed` are half the curvature, that one for levels as likely as the
    model says, this one for the level at hand, where the logarithm of f answers evenly. `distance` is in standard
    deviations: of a bound only how far f lies on the wrong side of it.
    """

    term: float
    by_f: float
    expected: float
    observed: float
    distance: float


def _compare(level: MeasuredLevel, f: float, v: float, dv: float, bend: float) -> _Comparison:
    """`v` is the variance at f, `dv` and `bend` its first and second derivative by f."""
    if level.bound is None:
        away = level.value - f
        squared = away * away / v
        rest = 1 - squared
        by_f = dv / v * rest - 2 * away / v
        expected = 1 / v + dv * dv / (2 * v * v)
        bent = bend / v * rest - (dv / v) ** 2 * (rest - squared) + 4 * away * dv / (v * v) + 2 / v
        observed = (bent + by_f / f) / 2
        safe = observed if observed > expected / 2 else expected
        return _Comparison(log(v) + squared, by_f, expected, safe, away / sqrt(v))
    side = 1.0 if level.bound is Bound.BELOW else -1.0
    z = side * (level.value - f) / sqrt(v)
    by_z = -side / sqrt(v) - z * dv / (2 * v)
    log_chance, ratio = log_normal_tail(z)
    curvature = ratio * (ratio + z) * by_z * by_z
    return _Comparison(-2 * log_chance, -2 * ratio * by_z, curvature, curvature, side * min(0.0, z))


def log_normal_tail(z: float) -> tuple[float, float]:
    """ln Phi(z) and phi(z) / Phi(z); far out, where Phi is 0 to the machine, by its asymptotic series."""
    if z > -35:
        chance = erfc(-z / sqrt(2)) / 2
        return log(chance), exp(-z * z / 2) / sqrt(2 * pi) / chance
    series = 1 - 1 / z**2 + 3 / z**4
    return -z * z / 2 - log(-z * sqrt(2 * pi)) + log(series), -z / series
