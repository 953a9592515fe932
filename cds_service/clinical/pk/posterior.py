"""How sure is the estimate? A thousand possible children, all equally likely by levels and population.

Question: which children are compatible with these levels? The normal distribution around the best fit is too short at
the upper end of troughs (about 9 % where it was tried), so its draws are weighted by how likely they really are
(importance sampling): a small round finds where the likely children lie, the large one is drawn there, with a share
from the population itself, so that no draw can ever weigh too much. The draws are the same in every call, so a card
never changes by chance. What no level has seen, the occasion to come, is drawn from the population.
Single precision: errors of 1e-4 are far below what is said on a card.
"""

from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np

from cds_service.clinical.pk.case import Bound, Case, MeasuredLevel
from cds_service.clinical.pk.course import Course
from cds_service.clinical.pk.estimate import Estimate, log_normal_tail
from cds_service.clinical.pk.lattice import DIMENSIONS, normal_lattice
from cds_service.clinical.pk.model import Array

FIRST_ROUND = 509
DRAWS = 2039  # both prime, as a lattice likes them
CHILDREN = 1024
FROM_POPULATION = 0.1
AT_A_TIME = 512
WIDER = 1.15  # draws reach a little further than the normal distribution, so that a longer tail is covered
_LATTICES = {count: normal_lattice(count) for count in (FIRST_ROUND, DRAWS)}  # when loaded, not in the first request


@dataclass(frozen=True, slots=True)
class Possible:
    """Possible children of one model, equally likely, from the fastest to the slowest clearance to come.

    `parameters` (parameter, child) are those of the occasion to come, `amounts` (2, child) in mg those at the asked
    time, before any infusion that begins there. `effective` is how many equally likely draws they were made from.
    """

    parameters: Array
    amounts: Array
    effective: float


@dataclass(frozen=True, slots=True)
class _Draws:
    """Draws of one round: random effects (draw, effect), weights that sum to 1, and amounts (2, draw) in mg."""

    etas: Array
    weights: Array
    amounts: Array


class _Around(NamedTuple):
    """A normal distribution from which children are drawn."""

    mean: Array
    root: Array  # Cholesky root of the covariance

    def log_density(self, etas: Array) -> Array:
        """Up to the constant that all share."""
        away = (etas - self.mean) @ np.linalg.inv(self.root).T
        density: Array = -np.sum(away**2, axis=1) / 2 - np.sum(np.log(np.diag(self.root)))
        return density


def possible_children(estimate: Estimate, case: Case, reading: int) -> Possible:
    """Possible children of an estimate; `reading` says which of the times of its course is asked for the amounts.

    Times of a course begin with the levels, so the first further one is `len(case.levels)`.
    """
    population = _Around(np.zeros(len(estimate.eta)), np.diag(np.sqrt(estimate.course.variances[: len(estimate.eta)])))
    near = _Around(estimate.eta, WIDER * np.linalg.cholesky(estimate.covariance))
    first = _draw(estimate, case, reading, near, population, FIRST_ROUND)
    seen = first.etas[:, : len(estimate.eta)]
    mean = first.weights @ seen
    spread = (seen - mean).T * first.weights @ (seen - mean)
    found = _draw(estimate, case, reading, _Around(mean, WIDER * np.linalg.cholesky(spread)), population, DRAWS)
    return _equally_likely(found, estimate.course.coming(case, found.etas))


def _equally_likely(found: _Draws, logarithms: Array) -> Possible:
    """As many children of each kind as its weight is worth, picked evenly along the clearance to come."""
    order = np.argsort(-logarithms[0])
    reached = np.cumsum(found.weights[order])
    wanted = (np.arange(CHILDREN) + 0.5) / CHILDREN * reached[-1]
    picked = order[np.searchsorted(reached, wanted)]
    parameters = np.exp(logarithms[:, picked]).astype(np.float32)
    return Possible(parameters, found.amounts[:, picked], float(1 / np.sum(found.weights**2)))


def _draw(estimate: Estimate, case: Case, reading: int, near: _Around, population: _Around, draws: int) -> _Draws:
    """One round: most draws from `near`, the others from the population, each weighted by its true likelihood."""
    course = estimate.course
    seen = len(estimate.eta)
    deviates, which = _deviates(draws, seen, len(course.variances))
    etas = deviates * np.sqrt(course.variances)
    from_near = which >= FROM_POPULATION
    etas[from_near, :seen] = near.mean + deviates[from_near, :seen] @ near.root.T
    levels, amounts = _expect(course, etas.astype(np.float32))
    drawn = etas[:, :seen]
    objective = np.sum(drawn**2 / course.variances[:seen], axis=1)
    for level, predicted in zip(case.levels, levels[: len(case.levels)].astype(float), strict=True):
        objective += _terms(level, predicted, estimate.model.residual.variance(predicted)[0])
    proposed = np.logaddexp(
        log(1 - FROM_POPULATION) + near.log_density(drawn), log(FROM_POPULATION) + population.log_density(drawn)
    )
    log_weights = -objective / 2 - proposed
    weights = np.exp(log_weights - log_weights.max())
    return _Draws(etas, weights / weights.sum(), amounts[:, reading])


def _expect(course: Course, etas: Array) -> tuple[Array, Array]:
    """Levels and amounts of all draws, some at a time: arrays that fit the cache are computed twice as fast."""
    parts = [course.expect_many(etas[begin : begin + AT_A_TIME]) for begin in range(0, len(etas), AT_A_TIME)]
    levels, amounts = zip(*parts, strict=True)
    return np.concatenate(levels, axis=1), np.concatenate(amounts, axis=2)


def _terms(level: MeasuredLevel, predicted: Array, variance: Array) -> Array:
    """The term of the objective for one level, for many children."""
    if level.bound is None:
        term: Array = np.log(variance) + (level.value - predicted) ** 2 / variance
        return term
    side = 1.0 if level.bound is Bound.BELOW else -1.0
    distances = side * (level.value - predicted) / np.sqrt(variance)
    return np.array([-2 * log_normal_tail(z)[0] for z in distances.tolist()])


def _deviates(draws: int, seen: int, effects: int) -> tuple[Array, Array]:
    """Normal deviates (draw, effect), evenest for what moves a trough most: clearance, the occasion to come."""
    if effects > DIMENSIONS:
        raise ValueError(f"at most {DIMENSIONS} random effects, occasions included, got {effects}")
    deviates, which = _LATTICES[draws]
    placed = np.empty((draws, effects))
    placed[:, [0, *range(seen, effects), *range(1, seen)]] = deviates[:, :effects]
    return placed, which
