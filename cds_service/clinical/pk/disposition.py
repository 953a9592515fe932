"""What a body with given parameters does to drug that is in it, and to drug that flows in: the closed form.

Question: how much is left after `elapsed` days, and how much of an infusion that began with them?
Source: the standard solution of linear compartments with constant coefficients (two eigenvalues; Abuhelwa 2015,
doi:10.1016/j.vascn.2015.03.004, for the form by parts). Parameters are L/day and L, time is days, amounts are mg.
`parameters` has CL, V1 and, for two compartments, Q and V2 as its rows; all other axes are alike and come through.
"""

from dataclasses import dataclass

import numpy as np

from cds_service.clinical.pk.model import Array

# How the logarithms of CL, V1, Q, V2 (columns) move the rates CL/V1, Q/V1 and Q/V2 (rows).
_RATE_POWERS = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, -1.0, 1.0, 0.0], [0.0, 0.0, 1.0, -1.0]])


@dataclass(frozen=True, slots=True)
class Propagation:
    """`kept` (2, 2, …): amounts at the end from amounts at the start. `gained` (2, …): amounts from a rate of 1 mg/day.

    Amounts are those of the central and the peripheral compartment.
    """

    kept: Array
    gained: Array


def propagate(parameters: Array, elapsed: Array, infused: Array) -> Propagation:
    """`infused` days of infusion from the start, then none, until `elapsed` days; 0 <= infused <= elapsed."""
    moved = _one_compartment if len(parameters) == 2 else _two_compartments
    return moved(parameters, elapsed, infused, slopes=False)[0]


def propagate_with_slopes(parameters: Array, elapsed: Array, infused: Array) -> tuple[Propagation, Propagation]:
    """The same, and its derivatives by the logarithms of the parameters, whose axis follows those of the amounts."""
    moved = _one_compartment if len(parameters) == 2 else _two_compartments
    return moved(parameters, elapsed, infused, slopes=True)


def steady(kept: Array, gained: Array) -> Array:
    """The central amount that repeats itself: the solution of (I - kept) amount = gained, by Cramer's rule."""
    here, back = 1 - kept[0, 0], -kept[0, 1]
    away, there = -kept[1, 0], 1 - kept[1, 1]
    solved: Array = (gained[0] * there - back * gained[1]) / (here * there - back * away)
    return solved


def _two_compartments(
    parameters: Array, elapsed: Array, infused: Array, *, slopes: bool
) -> tuple[Propagation, Propagation]:
    clearance, central, exchange, peripheral = parameters
    out, away, back = clearance / central, exchange / central, exchange / peripheral
    leaving = out + away
    total, product = leaving + back, out * back
    root = np.sqrt((leaving - back) ** 2 + 4 * away * back)  # of total squared - 4 product, without taking away
    fast = (total + root) / 2
    slow = product / fast
    # Any function f of the matrix of rates K is (f(slow) + slow b) I + b K, with b = (f(slow) - f(fast)) / root.
    fast_terms, slow_terms = _decay(fast, elapsed, infused), _decay(slow, elapsed, infused)
    betas = tuple((at_slow - at_fast) / root for at_fast, at_slow in zip(fast_terms, slow_terms, strict=True))
    alphas = tuple(at_slow + slow * beta for at_slow, beta in zip(slow_terms, betas, strict=True))
    kept = _whole(alphas[0], betas[0] * leaving, betas[0] * away, betas[0] * back)
    gained = _column(alphas[1], betas[1] * leaving, betas[1] * away)
    moved = Propagation(kept, gained)
    if not slopes:
        return moved, moved

    powers = _RATE_POWERS.reshape(3, 4, *[1] * out.ndim)
    d_out, d_away, d_back = powers[0] * out, powers[1] * away, powers[2] * back
    d_leaving = d_out + d_away
    d_total, d_product = d_leaving + d_back, d_out * back + out * d_back
    d_fast, d_slow = (fast * d_total - d_product) / root, (d_product - slow * d_total) / root
    d_root = d_fast - d_slow
    d_betas, d_alphas = [], []
    by_fast = _decay_slopes(fast, elapsed, infused, *fast_terms)
    by_slow = _decay_slopes(slow, elapsed, infused, *slow_terms)
    for beta, at_fast, at_slow in zip(betas, by_fast, by_slow, strict=True):
        d_at_slow = at_slow * d_slow
        d_betas.append((d_at_slow - at_fast * d_fast - beta * d_root) / root)
        d_alphas.append(d_at_slow + d_slow * beta + slow * d_betas[-1])
    d_away_terms = [d_beta * away + beta * d_away for d_beta, beta in zip(d_betas, betas, strict=True)]
    d_leaving_terms = [d_beta * leaving + beta * d_leaving for d_beta, beta in zip(d_betas, betas, strict=True)]
    d_back_term = d_betas[0] * back + betas[0] * d_back
    kept_slope = _whole(d_alphas[0], d_leaving_terms[0], d_away_terms[0], d_back_term)
    return moved, Propagation(kept_slope, _column(d_alphas[1], d_leaving_terms[1], d_away_terms[1]))


def _whole(alpha: Array, leaving: Array, away: Array, back: Array) -> Array:
    """alpha I + beta K as matrices, from beta times each rate."""
    matrix = np.empty((2, 2, *alpha.shape), dtype=alpha.dtype)
    matrix[0, 0] = alpha - leaving
    matrix[0, 1] = back
    matrix[1, 0] = away
    matrix[1, 1] = alpha - back
    return matrix


def _column(alpha: Array, leaving: Array, away: Array) -> Array:
    """Its first column: what flows into the central compartment."""
    column = np.empty((2, *alpha.shape), dtype=alpha.dtype)
    column[0] = alpha - leaving
    column[1] = away
    return column


def _one_compartment(
    parameters: Array, elapsed: Array, infused: Array, *, slopes: bool
) -> tuple[Propagation, Propagation]:
    """The same shapes, with a peripheral compartment that nothing ever enters."""
    rate = parameters[0] / parameters[1]
    left, flown = _decay(rate, elapsed, infused)
    none = np.zeros_like(left)
    kept, gained = _whole(left, none, none, none), _column(flown, none, none)
    kept[1, 1] = 0.0
    moved = Propagation(kept, gained)
    if not slopes:
        return moved, moved
    left_slope, flown_slope = _decay_slopes(rate, elapsed, infused, left, flown)
    kept_slope, gained_slope = np.zeros((2, 2, 2, *left.shape)), np.zeros((2, 2, *left.shape))
    for row, sign in enumerate((1.0, -1.0)):  # the rate is CL / V1
        kept_slope[0, 0, row] = sign * rate * left_slope
        gained_slope[0, row] = sign * rate * flown_slope
    return moved, Propagation(kept_slope, gained_slope)


def _decay(rate: Array, elapsed: Array, infused: Array) -> tuple[Array, Array]:
    """What one exponential keeps, and what it gains from an infusion of rate 1."""
    since = np.exp(rate * (infused - elapsed))
    lost = since * np.expm1(-rate * infused)  # a short infusion keeps its digits, also in single precision
    return since + lost, -lost / rate


def _decay_slopes(rate: Array, elapsed: Array, infused: Array, left: Array, flown: Array) -> tuple[Array, Array]:
    """Derivatives of `_decay` by the rate."""
    since = elapsed - infused
    return -elapsed * left, (elapsed * left - since * (flown * rate + left) - flown) / rate
