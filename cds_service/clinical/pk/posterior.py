"""How sure is the estimate? Thousands of possible children, each weighted by how well it fits levels and population.

Question: which children are compatible with these levels, and how well do they speak for their model? The normal
distribution around the best fit is too short at the upper end of troughs (about 9 % where it was tried), so draws are
weighted by how likely they really are (importance sampling): a small round finds where the likely children lie, the
large one is drawn there, near and farther around, with a share from the population itself, so that no draw can ever
weigh too much. The draws are the same in every call, so a card never changes by chance, and they are evenest in the
direction in which a trough answers most. What no level has seen, the occasion to come, is drawn from the population.
Single precision: errors of 1e-4 are far below what is said on a card.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import NamedTuple

import numpy as np

from cds_service.clinical.pk.case import Bound, Case, MeasuredLevel
from cds_service.clinical.pk.course import CENTRAL_VOLUME
from cds_service.clinical.pk.disposition import propagate, steady
from cds_service.clinical.pk.estimate import LEAST_VARIANCE, Estimate, log_normal_tail
from cds_service.clinical.pk.lattice import DIMENSIONS, normal_lattice
from cds_service.clinical.pk.model import Array

FIRST_ROUND = 509
DRAWS = 5003  # both prime, as a lattice likes them
FROM_POPULATION = 0.1
FIRST_REACH = ((0.9, 1.2),)  # shares, and how much farther they reach than the distribution that was found
REACH = ((0.6, 1.0), (0.3, 1.5))
USUAL_INTERVAL, USUAL_DURATION, USUAL_MG = 42.0, 2 / 24, 200.0  # days, mg: the trough by which children are compared
LEAST_TROUGH = 0.01  # ug/mL; children below it are alike
_DISTANCES = np.linspace(-40.0, 10.0, 5001)  # so close that between two of them a line is good to 1e-5
_LOG_CHANCES = np.array([log_normal_tail(z)[0] for z in _DISTANCES.tolist()])
_LATTICES = {count: normal_lattice(count) for count in (FIRST_ROUND, DRAWS)}  # when loaded, not in the first request


@dataclass(frozen=True, slots=True)
class Possible:
    """Possible children of one model; `weights` say how likely each is, and sum to 1.

    `parameters` (parameter, child) are those of the occasion to come, `amounts` (2, child) in mg those at the asked
    time, before any infusion that begins there. `log_evidence` is the logarithm of the marginal likelihood of the
    levels, less a constant that all models share.
    """

    parameters: Array
    amounts: Array
    weights: Array
    log_evidence: float

    @property
    def effective(self) -> float:
        """How many equally likely children would say as much."""
        return float(1 / np.sum(self.weights**2))

    def equally_likely(self, count: int, answers: Array) -> tuple[Array, Array]:
        """Parameters and amounts of so many children, each kind as often as it is likely, by rising answers (child).

        Picked evenly along that order, they say what all say, and can be sorted without their weights.
        """
        order = np.argsort(answers)
        reached = np.cumsum(self.weights[order], dtype=float)
        up_to = np.floor(reached / reached[-1] * count + 0.5).astype(int)
        picked = np.repeat(order, np.diff(up_to, prepend=0))
        return self.parameters[:, picked], self.amounts[:, picked]


@dataclass(frozen=True, slots=True)
class _Draws:
    """One round: random effects (effect, draw), logarithms of weights, and amounts (2, time, draw) in mg."""

    etas: Array
    log_weights: Array
    amounts: Array

    @property
    def weights(self) -> Array:
        """Summing to 1."""
        relative: Array = np.exp(self.log_weights - self.log_weights.max())
        return relative / np.sum(relative)


class _Source(NamedTuple):
    """A normal distribution from which a share of the children is drawn; `root` is the Cholesky root of it."""

    share: float
    mean: Array
    root: Array

    def density(self, etas: Array) -> Array:
        """Times its share, up to the factor that all sources have."""
        inverse = np.linalg.inv(self.root).astype(etas.dtype)
        away = inverse @ etas - (inverse @ self.mean.astype(etas.dtype))[:, None]
        height = np.float32(self.share / np.prod(np.diag(self.root)))
        found: Array = height * np.exp(np.einsum("ed,ed->d", away, away) / -2)
        return found


def possible_children(estimate: Estimate, case: Case, reading: int) -> Possible:
    """Possible children of an estimate; `reading` says which of the times of its course is asked for the amounts.

    Times of a course begin with the levels, so the first further one is `len(case.levels)`.
    Raises ValueError for more random effects, occasions included, than can be drawn.
    """
    course, seen = estimate.course, len(estimate.eta)
    deviations = np.sqrt(course.variances)
    population = _Source(FROM_POPULATION, np.zeros(seen), np.diag(deviations[:seen]))
    clearance = np.eye(len(deviations))[0]
    near = _around(estimate.eta, estimate.covariance, FIRST_REACH)
    first = _draw(estimate, case, [*near, population], FIRST_ROUND, clearance)
    mean, covariance = _moments(first, estimate)
    answers = np.log(_usual_troughs(np.exp(course.coming(case, first.etas))))
    direction = _answering(first, answers, mean, covariance, deviations)
    found = _draw(estimate, case, [*_around(mean, covariance, REACH), population], DRAWS, direction)
    most = float(found.log_weights.max())
    log_sum = most + log(float(np.sum(np.exp(found.log_weights - most), dtype=float)))
    log_evidence = log_sum - log(DRAWS) - float(np.sum(np.log(deviations[:seen])))
    parameters = np.exp(course.coming(case, found.etas))
    return Possible(parameters, found.amounts[:, reading], found.weights, log_evidence)


def _around(mean: Array, covariance: Array, reach: Sequence[tuple[float, float]]) -> list[_Source]:
    root = np.linalg.cholesky(covariance)
    return [_Source(share, mean, farther * root) for share, farther in reach]


def _moments(first: _Draws, estimate: Estimate) -> tuple[Array, Array]:
    """Mean and covariance of the likely children; the fewer they are, the more the covariance is the estimate's."""
    weights, seen = first.weights.astype(float), first.etas[: len(estimate.eta)].astype(float)
    mean = seen @ weights
    away = seen - mean[:, None]
    spread = away * weights @ away.T
    enough, few = float(1 / np.sum(weights**2)), len(mean) + 1
    return mean, (enough * spread + few * estimate.covariance) / (enough + few)


def _usual_troughs(parameters: Array) -> Array:
    """The steady troughs by which children are compared."""
    moved = propagate(parameters, np.array(USUAL_INTERVAL), np.array(USUAL_DURATION))
    amounts = steady(moved.kept, moved.gained * USUAL_MG / USUAL_DURATION)
    troughs: Array = np.maximum(amounts / parameters[CENTRAL_VOLUME], LEAST_TROUGH)
    return troughs


def _answering(first: _Draws, answers: Array, mean: Array, covariance: Array, deviations: Array) -> Array:
    """The direction, in standard deviations, in which the answers change most."""
    seen = len(mean)
    away = first.etas / deviations[:, None]
    away[:seen] = np.linalg.inv(np.linalg.cholesky(covariance)) @ (first.etas[:seen] - mean[:, None])
    direction: Array = away @ (first.weights * (answers - first.weights @ answers))
    return direction / max(float(np.linalg.norm(direction)), 1e-30)


def _draw(estimate: Estimate, case: Case, sources: Sequence[_Source], draws: int, direction: Array) -> _Draws:
    """One round: from each source its share, every draw weighted by its true likelihood."""
    course, seen = estimate.course, len(estimate.eta)
    etas, borders = _deviates(draws, direction), np.rint(np.cumsum([0.0, *(s.share for s in sources)]) * draws)
    deviations = np.sqrt(course.variances).astype(etas.dtype)[:, None]
    for source, (begin, end) in zip(sources, pairwise(borders.astype(int).tolist()), strict=True):
        own = etas[:seen, begin:end]
        etas[:seen, begin:end] = source.mean[:, None] + source.root @ own
    etas[seen:] *= deviations[seen:]
    drawn = etas[:seen]
    levels, amounts = course.expect_many(etas)
    away = drawn / deviations[:seen]
    objective = np.einsum("ed,ed->d", away, away)
    for level, predicted in zip(case.levels, levels, strict=False):
        objective += _terms(level, predicted, estimate.model.residual.variance(predicted)[0])
    proposed = np.log(np.sum([source.density(drawn) for source in sources], axis=0))
    return _Draws(etas, -objective / 2 - proposed, amounts)


def _terms(level: MeasuredLevel, predicted: Array, variance: Array) -> Array:
    """The term of the objective for one level, for many children."""
    variance = np.maximum(variance, np.float32(LEAST_VARIANCE))
    if level.bound is None:
        term: Array = np.log(variance) + (level.value - predicted) ** 2 / variance
        return term
    side = 1.0 if level.bound is Bound.BELOW else -1.0
    censored: Array = -2 * np.interp(side * (level.value - predicted) / np.sqrt(variance), _DISTANCES, _LOG_CHANCES)
    return censored


def _deviates(draws: int, direction: Array) -> Array:
    """Normal deviates (effect, draw), mirrored so that the evenest come to lie in the direction."""
    effects = len(direction)
    if effects > DIMENSIONS:
        raise ValueError(f"at most {DIMENSIONS} random effects, occasions included, got {effects}")
    mirror = direction.astype(np.float32)
    mirror[0] += 1.0 if mirror[0] >= 0 else -1.0
    even = _LATTICES[draws][:effects]
    return even - (mirror * (2 / (mirror @ mirror)))[:, None] * (mirror @ even)
