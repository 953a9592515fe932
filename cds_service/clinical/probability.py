"""How probable was a low trough before treatment, by the site's own model?

Question: what does the model of this hospital say of this child, and may it say anything? A probability is given only
where every predictor that the model uses is known and inside the range on which it was fitted. Method: logistic
regression; the interval is that of the linear predictor, docs/risk-model.md.
"""

from collections.abc import Mapping, Sequence
from math import exp, hypot, log, sqrt
from typing import NamedTuple

from cds_service.clinical.assessment import Hindrance, NoProbability, Predictor, Probability
from cds_service.clinical.knowledge import risk_model
from cds_service.clinical.site_model import BaselineModel, RecalibratedModel, SiteModel, cholesky

WIDTH_95 = 1.96  # standard errors to each side


class _Known(NamedTuple):
    """A predictor that could be used: its value (a flag counts 1), and its contribution by the published odds."""

    value: float
    log_odds: float


def probability(model: SiteModel, predictors: Sequence[Predictor]) -> Probability | NoProbability:
    """The probability of a low trough with its 95 % interval, or what stands in the way of one."""
    used = {
        p.name: _Known(float(p.value), p.log_odds) for p in predictors if p.value is not None and p.log_odds is not None
    }
    hindered_by = _hindrances(model, used)
    if hindered_by:
        return NoProbability(model, hindered_by)
    linear, standard_error = (
        _on_the_baseline(model, used) if isinstance(model, BaselineModel) else _recalibrated(model, used)
    )
    spread = WIDTH_95 * standard_error
    return Probability(
        model, _from_log_odds(linear), (_from_log_odds(linear - spread), _from_log_odds(linear + spread))
    )


def _hindrances(model: SiteModel, used: Mapping[str, _Known]) -> tuple[tuple[str, Hindrance], ...]:
    names = [name for name, _ in (model.reference if isinstance(model, BaselineModel) else model.coefficients)]
    unknown = [(name, Hindrance.NOT_KNOWN) for name in names if name not in used]
    ranges = () if isinstance(model, BaselineModel) else model.ranges
    outside = [
        (name, Hindrance.OUTSIDE_RANGE)
        for name, (low, high) in ranges
        if name in used and not low <= used[name].value <= high
    ]
    return (*unknown, *outside)


def _on_the_baseline(model: BaselineModel, used: Mapping[str, _Known]) -> tuple[float, float]:
    """Log odds and standard error: the site's own share, moved by the published odds, taken as independent."""
    rows = {row.name: row for row in risk_model().predictors}
    moved = {name: used[name].log_odds - rows[name].log_odds_of(value) for name, value in model.reference}
    events, others = model.cohort.events, model.cohort.children - model.cohort.events
    variance = 1 / events + 1 / others  # of the logit of an observed share (Woolf)
    variance += sum((step / rows[name].beta * rows[name].standard_error) ** 2 for name, step in moved.items())
    return log(model.probability / (1 - model.probability)) + sum(moved.values()), sqrt(variance)


def _recalibrated(model: RecalibratedModel, used: Mapping[str, _Known]) -> tuple[float, float]:
    """Log odds and standard error by the site's own coefficients and their whole covariance."""
    inputs = (1.0, *(used[name].value for name, _ in model.coefficients))
    weights = (model.intercept, *(beta for _, beta in model.coefficients))
    lower = cholesky(model.covariance)  # as |L'x|, the standard error cannot become imaginary by rounding
    parts = (sum(x * row[i] for x, row in zip(inputs[i:], lower[i:], strict=True)) for i in range(len(inputs)))
    return sum(x * beta for x, beta in zip(inputs, weights, strict=True)), hypot(*parts)


def _from_log_odds(value: float) -> float:
    """Written so that neither end overflows."""
    return 1 / (1 + exp(-value)) if value >= 0 else exp(value) / (1 + exp(value))
