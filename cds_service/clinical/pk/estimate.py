"""Where in the model is this child? The maximum a posteriori estimate.

Question: which random effects explain the levels best, given how children differ? Minimises the sum over levels of
ln v + (y - f)^2 / v plus eta' Omega^-1 eta; a level known only to lie beyond a limit adds -2 ln Phi of its distance
from that limit (the M3 method). Steps follow the expected Hessian, which is also the posterior precision
(the FOCE form: it reproduces NONMEM's posterior). Source of the objective: Kang 2012, doi:10.4196/kjpp.2012.16.2.97.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt
from typing import NamedTuple

import numpy as np

from cds_service.clinical.pk.case import Bound, Case, MeasuredLevel
from cds_service.clinical.pk.course import Course
from cds_service.clinical.pk.model import Array, PopulationModel

MOST_STEPS = 100
QUICK_STEPS = 16  # by the expected Hessian; who has not arrived by then goes on by the observed one, which costs more
MOST_HALVINGS = 30
ENOUGH = 1e-9  # the objective is not expected to fall by more
LONGEST_STEP = 3.0  # standard deviations between children
FARTHEST = 30.0  # standard deviations; nobody is so unlike the others
LEAST_VARIANCE = 1e-30  # of a level; below it no drug is left, and nothing can be compared
DIFFERENCE = 1e-5  # between two gradients of which the observed Hessian is made


@dataclass(frozen=True, slots=True)
class NotEstimated:
    """The child could not be placed in the model; `reason` is one line for the reader."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """The child inside one model.

    `objective` is what was minimised; `foce_objective` adds ln|Omega| + ln|H|, as NONMEM prints it. `covariance` is
    that of the random effects. For each level `curve` is what the child would have (ug/mL), `distance` how far the
    level lies from it in standard deviations of the residual, signed.
    """

    course: Course
    eta: Array
    objective: float
    foce_objective: float
    covariance: Array
    curve: tuple[float, ...]
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
    curve: tuple[float, ...]
    distance: tuple[float, ...]


def estimate(model: PopulationModel, case: Case, times: tuple[float, ...] = ()) -> Estimate | NotEstimated:
    """The child of a case inside a model; without levels the typical child. Never raises for what levels say.

    The course of the estimate can be asked for the levels and for `times` (days), in that order.
    """
    course = Course(model, case, (*(level.time for level in case.levels), *times))
    omega = course.variances[: len(course.effects)]

    def at(eta: Array) -> _Point:
        return _evaluate(course, case, omega, eta)

    eta = np.zeros(len(omega))
    point = at(eta)
    for count in range(MOST_STEPS):
        if not np.isfinite(point.objective) or np.max(np.abs(eta) / np.sqrt(omega)) > FARTHEST:
            break
        curvature = _observed(at, eta, point) if count >= QUICK_STEPS else point.curvature
        step = _limited(np.linalg.lstsq(curvature, point.gradient / 2)[0], omega)
        if float(step @ point.gradient) / 2 < ENOUGH:
            return _settled(course, omega, eta, point)
        nearer = (eta - step / 2**halving for halving in range(MOST_HALVINGS))
        tried = ((place, at(place)) for place in nearer)
        eta, point = next((one for one in tried if one[1].objective <= point.objective), (eta, point))
    return NotEstimated(model.name, "no child of this model fits the levels")


def _limited(step: Array, omega: Array) -> Array:
    """A step no longer than children differ: farther away the curvature says nothing."""
    longest = float(np.max(np.abs(step) / np.sqrt(omega)))
    return step * (LONGEST_STEP / max(longest, LONGEST_STEP))


def _observed(at: Callable[[Array], _Point], eta: Array, point: _Point) -> Array:
    """Half the observed Hessian, by differences, bent upwards in every direction so that a step leads downhill."""
    moved = np.array([at(eta + DIFFERENCE * one).gradient for one in np.eye(len(eta))])
    differences = (moved - point.gradient) / (2 * DIFFERENCE)
    curves, directions = np.linalg.eigh((differences + differences.T) / 2)
    upwards: Array = (directions * np.abs(curves)) @ directions.T
    return upwards


def _settled(course: Course, omega: Array, eta: Array, point: _Point) -> Estimate:
    log_determinant = float(np.sum(np.log(omega)) + np.linalg.slogdet(point.precision)[1])
    return Estimate(
        course=course,
        eta=eta,
        objective=point.objective,
        foce_objective=point.objective + log_determinant,
        covariance=np.linalg.inv(point.precision),
        curve=point.curve,
        distance=point.distance,
    )


def _evaluate(course: Course, case: Case, omega: Array, eta: Array) -> _Point:
    prior = eta / omega
    prior_precision = np.diag(1 / omega)
    if not case.levels:
        return _Point(float(eta @ prior), 2 * prior, prior_precision, prior_precision, (), ())
    predicted, slopes = (of_levels[: len(case.levels)] for of_levels in course.expect(eta))
    variance, by_level = course.model.residual.variance(predicted)
    if variance.min() < LEAST_VARIANCE:
        return _Point(float("inf"), prior, prior_precision, prior_precision, (), ())
    bend = course.model.residual.bend
    rows = zip(case.levels, predicted.tolist(), variance.tolist(), by_level.tolist(), strict=True)
    seen = [_compare(level, f, v, dv, bend) for level, f, v, dv in rows]
    return _Point(
        objective=float(eta @ prior) + sum(one.term for one in seen),
        gradient=2 * prior + np.array([one.by_f for one in seen]) @ slopes,
        precision=prior_precision + (slopes.T * [one.expected for one in seen]) @ slopes,
        curvature=prior_precision + (slopes.T * [one.observed for one in seen]) @ slopes,
        curve=tuple(predicted.tolist()),
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
        observed = (bent + (by_f / f if f > 0 else 0.0)) / 2
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
