"""Several models asked about one child, and one answer from them all.

Question: what do the published models say together? Each finds the child for itself; those that cannot say so, and
the others are averaged. A level that none of them can explain is not forecast from: something else is the matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service.clinical.pk.case import Bound, Case, GivenDose, MeasuredLevel
from cds_service.clinical.pk.estimate import Estimate, NotEstimated, estimate
from cds_service.clinical.pk.forecast import Outlook, Regimen, look_ahead, model_weights
from cds_service.clinical.pk.model import PopulationModel
from cds_service.clinical.pk.posterior import possible_children

FAR_LEVEL = 3.0  # standard deviations of the residual between a level and the curve
FAR_CHILD = 2.5  # standard deviations between the child and the typical one
FAR_FROM_CURVE = 3.0  # J: residuals grow with the level, so that one far below its curve is never many of them away


@dataclass(frozen=True, slots=True)
class Ensemble:
    """What the models found. `weights` belong to `estimates` and sum to 1; `refused` are the others, with reasons.

    `effective` is, for each estimate, how many equally likely children would say as much as those that were drawn;
    `explains` says whether at least one model explains the levels.
    """

    estimates: tuple[Estimate, ...]
    weights: tuple[float, ...]
    refused: tuple[NotEstimated, ...]
    outlooks: tuple[Outlook, ...]
    effective: tuple[float, ...]
    explains: bool


def ask(
    models: Sequence[PopulationModel],
    case: Case,
    regimens: Sequence[Regimen] = (),
    *,
    start: float = 0.0,
    first: GivenDose | None = None,
    times: tuple[float, ...] = (),
) -> Ensemble:
    """What the models say of a child, and of the regimens begun at `start` (days).

    `first` is the dose given at `start` where it is not one of the new regimen. The courses of the estimates can be
    asked for the levels, `start` and `times`, in that order. Raises ValueError for more occasions than can be drawn.
    """
    found = [_ask_one(model, case, (start, *times)) for model in models]
    estimates = tuple(one for one in found if isinstance(one, Estimate))
    refused = tuple(one for one in found if isinstance(one, NotEstimated))
    possible = [possible_children(one, case, len(case.levels)) for one in estimates]
    weights = model_weights(possible) if possible else ()
    outlooks = look_ahead(possible, weights, regimens, first) if regimens and estimates else ()
    effective = tuple(each.effective for each in possible)
    return Ensemble(estimates, weights, refused, outlooks, effective, any(_explains(one, case) for one in estimates))


def _ask_one(model: PopulationModel, case: Case, times: tuple[float, ...]) -> Estimate | NotEstimated:
    latest = case.covariates[-1].values
    missing = sorted(name for row in case.covariates for name in model.needs if name not in row.values)
    if missing:
        return NotEstimated(model.name, f"the model needs {missing[0]}")
    outside = model.domain.outside(latest)
    return NotEstimated(model.name, outside) if outside else estimate(model, case, times)


def _explains(found: Estimate, case: Case) -> bool:
    """Every level by a child not too unlike the others, and the newest one nearly: what is to come begins there."""
    like_others = found.spread <= FAR_CHILD and all(abs(distance) <= FAR_LEVEL for distance in found.distance)
    return like_others and (not case.levels or _near(found.curve[-1], case.levels[-1]))


def _near(curve: float, level: MeasuredLevel) -> bool:
    too_high = curve > FAR_FROM_CURVE * level.value and level.bound is not Bound.ABOVE
    too_low = curve * FAR_FROM_CURVE < level.value and level.bound is not Bound.BELOW
    return not (too_high or too_low)


def widen(models: Sequence[PopulationModel], spread: Mapping[str, float]) -> list[PopulationModel]:
    """The models, less sure of clearance by what had to be assumed (standard deviation for each covariate)."""
    return [model.widened(spread) for model in models] if spread else list(models)
