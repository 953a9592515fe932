"""What each regimen would do: the troughs to expect, and how likely they reach the target.

Question: the next, the second and the steady trough of a regimen, for this child, with honest uncertainty? Models are
averaged by how well each explains the levels (their marginal likelihood, from the possible children); the average
decides, the medians of the single models show how far they differ. Ranges hold what is not known of the child and how
clearance varies from one occasion to the next; not the error of the assay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cds_service.clinical.pk.case import GivenDose
from cds_service.clinical.pk.course import CELLS, CENTRAL_VOLUME, advance
from cds_service.clinical.pk.disposition import propagate, steady
from cds_service.clinical.pk.model import Array
from cds_service.clinical.pk.posterior import Possible

QUANTILES = (0.05, 0.5, 0.95)
CHILDREN = 8192  # by whom the average of the models speaks, each model's share of them
LEAST_CHILDREN = 1024  # by whom one model speaks for itself


@dataclass(frozen=True, slots=True)
class Regimen:
    """A dose (mg) over `duration` days, every `interval` days."""

    interval: float
    mg: float
    duration: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A trough in ug/mL: the median and the 5th and 95th percentile."""

    median: float
    p05: float
    p95: float


@dataclass(frozen=True, slots=True)
class Likely:
    """Troughs (ug/mL) of equally likely children, in any order."""

    troughs: Array

    @property
    def median(self) -> float:
        """The middle one."""
        return float(np.median(self.troughs))

    @property
    def spread(self) -> Spread:
        """Median and percentiles; each trough stands for the middle of its share."""
        ordered = np.sort(self.troughs)
        p05, median, p95 = (_at(ordered, share) for share in QUANTILES)
        return Spread(median, p05, p95)

    def at_least(self, limit: float) -> float:
        """Probability of at least the limit (ug/mL)."""
        return float(np.count_nonzero(self.troughs >= limit)) / len(self.troughs)

    def above(self, limit: float) -> float:
        """Probability of more than the limit (ug/mL)."""
        return float(np.count_nonzero(self.troughs > limit)) / len(self.troughs)


def _at(ordered: Array, share: float) -> float:
    place = min(max(share * len(ordered) - 0.5, 0.0), len(ordered) - 1.0)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    return float(low + (place - int(place)) * (high - low))


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one regimen would do: the possible troughs by the average of the models.

    The second trough is the one before the second infusion after the regimen began: the one to measure.
    `second_by_model` has it by each model alone, in their order.
    """

    regimen: Regimen
    following: Likely
    second: Likely
    steady: Likely
    second_by_model: tuple[Likely, ...]

    @property
    def by_model(self) -> tuple[float, ...]:
        """The median second trough of each model, in ug/mL."""
        return tuple(one.median for one in self.second_by_model)

    def chance_at_least(self, limit: float) -> float:
        """Probability that the second trough reaches the limit (ug/mL)."""
        return self.second.at_least(limit)

    def chance_above(self, limit: float) -> float:
        """Probability that the second trough lies above the limit (ug/mL)."""
        return self.second.above(limit)

    def chances_by_model(self, limit: float) -> tuple[float, ...]:
        """Probability of at least the limit (ug/mL) by each model alone."""
        return tuple(one.at_least(limit) for one in self.second_by_model)


def model_weights(possible: Sequence[Possible]) -> tuple[float, ...]:
    """How much each model counts: its marginal likelihood of the levels, all models alike beforehand."""
    evidence = np.array([each.log_evidence for each in possible])
    likelihood = np.exp(evidence - evidence.max())
    return tuple((likelihood / likelihood.sum()).tolist())


def look_ahead(
    possible: Sequence[Possible],
    weights: Sequence[float],
    regimens: Sequence[Regimen],
    first: GivenDose | None = None,
) -> tuple[Outlook, ...]:
    """The outlook of each regimen, begun at the time for which `possible` holds the amounts.

    `first` is the infusion given at that time where it is not one of the new regimen (an old dose begins the new
    interval). The last row of covariates holds for the whole outlook.
    """
    shares = _shares(weights)
    troughs = [_of_one_model(*one, regimens, first) for one in zip(possible, shares, strict=True)]
    picked = [found[:, :, _evenly(share, found.shape[2])] for found, share in zip(troughs, shares, strict=True)]
    averaged = np.concatenate(picked, axis=2)
    outlooks = []
    for row, (regimen, rows) in enumerate(zip(regimens, averaged, strict=True)):
        following, second, steadily = map(Likely, rows)
        outlooks.append(
            Outlook(regimen, following, second, steadily, tuple(Likely(found[row, 1]) for found in troughs))
        )
    return tuple(outlooks)


def _shares(weights: Sequence[float]) -> list[int]:
    """How many of `CHILDREN` each model gives."""
    borders = np.rint(np.cumsum([0.0, *weights]) / sum(weights) * CHILDREN).astype(int)
    shares: list[int] = np.diff(borders).tolist()
    return shares


def _evenly(share: int, children: int) -> slice | NDArray[np.int64]:
    """So many of the children of one model, evenly along their order."""
    return slice(None) if share == children else (np.arange(share) * 2 + 1) * children // (2 * max(share, 1))


def _of_one_model(possible: Possible, share: int, regimens: Sequence[Regimen], first: GivenDose | None) -> Array:
    """Troughs (regimen, 3, child) of its share of the children, by rising trough on the middle one of the regimens."""
    middle = regimens[len(regimens) // 2 :][:1]
    answers = _troughs(possible.parameters, possible.amounts, middle, first)[0, 1]
    return _troughs(*possible.equally_likely(max(share, LEAST_CHILDREN), answers), regimens, first)


def _troughs(parameters: Array, amounts: Array, regimens: Sequence[Regimen], first: GivenDose | None) -> Array:
    """Next, second and steady trough (regimen, 3, child) in ug/mL."""
    found = np.empty((len(regimens), 3, parameters.shape[1]), dtype=np.float32)
    schedules = list(dict.fromkeys((regimen.interval, regimen.duration) for regimen in regimens))
    at_once = max(CELLS // len(schedules), 1)
    for start in range(0, found.shape[2], at_once):
        some = slice(start, start + at_once)
        _fill(found[:, :, some], parameters[:, some], amounts[:, some], regimens, schedules, first)
    return found


def _fill(
    found: Array,
    parameters: Array,
    amounts: Array,
    regimens: Sequence[Regimen],
    schedules: Sequence[tuple[float, float]],
    first: GivenDose | None,
) -> None:
    """Everything is linear in the dose, so each schedule (interval, duration) is computed once: what is left of the
    drug now in the body, and what 1 mg each time adds.
    """
    intervals, durations = (np.array(values, dtype=np.float32)[:, None] for values in zip(*schedules, strict=True))
    moved = propagate(parameters[:, None, :], intervals, durations)
    kept, gained = moved.kept, moved.gained / durations
    left = advance(kept, amounts[:, None])
    left_later, twice = advance(kept, left)[0], advance(kept, gained)[0] + gained[0]
    steadily = steady(kept, gained)
    for row, regimen in enumerate(regimens):
        here, mg = schedules.index((regimen.interval, regimen.duration)), np.float32(regimen.mg)
        if first is None:
            np.multiply(gained[0, here], mg, out=found[row, 0])
            found[row, 0] += left[0, here]
            np.multiply(twice[here], mg, out=found[row, 1])
            found[row, 1] += left_later[here]
        else:
            following = left[:, here] + _begun(parameters, regimen, first)
            found[row, 0] = following[0]
            found[row, 1] = advance(kept[:, :, here], following)[0] + mg * gained[0, here]
        np.multiply(steadily[here], mg, out=found[row, 2])
    np.maximum(found, 0, out=found)  # rounding may pass below nothing
    found /= parameters[CENTRAL_VOLUME]


def _begun(parameters: Array, regimen: Regimen, first: GivenDose) -> Array:
    """What is left of an old dose after the first interval of the new regimen (2, child)."""
    span = np.array([regimen.interval, min(first.duration, regimen.interval)], dtype=np.float32)
    moved = propagate(parameters, span[:1], span[1:])
    return moved.gained * np.float32(first.mg / first.duration)
