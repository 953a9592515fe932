"""The curve of a drug written once more, by other means than the code under test.

`level` is the sum of the infusions, each by the two exponentials of the textbook (parameters that never change).
`integrated` walks the differential equations in small steps (Runge and Kutta), so that anything may change.
Parameters are CL and V1, or CL, V1, Q and V2 (L/day, L); doses are (day, duration, mg); levels are ug/mL.
"""

from collections.abc import Callable, Sequence

import numpy as np

from cds_service.clinical.pk.model import Array

Dose = tuple[float, float, float]


def exponentials(parameters: Array) -> list[tuple[Array, Array]]:
    """Rates (1/day) and what each exponential of a bolus of 1 mg begins with (1/L)."""
    if len(parameters) == 2:
        clearance, volume = parameters
        return [(clearance / volume, 1 / volume)]
    clearance, central, exchange, peripheral = parameters
    k10, k12, k21 = clearance / central, exchange / central, exchange / peripheral
    total = k10 + k12 + k21
    root = np.sqrt(total**2 - 4 * k10 * k21)
    fast = (total + root) / 2
    slow = k10 * k21 / fast
    return [
        (fast, (fast - k21) / (central * (fast - slow))),
        (slow, (k21 - slow) / (central * (fast - slow))),
    ]


def level(parameters: Array, doses: Sequence[Dose], day: float) -> Array:
    """The sum of what every infusion leaves."""
    total = np.zeros_like(np.asarray(parameters[0], dtype=float))
    for begin, duration, mg in doses:
        since = day - begin
        if since <= 0:
            continue
        for rate, start in exponentials(parameters):
            filled = mg / duration * start / rate * -np.expm1(-rate * min(since, duration))
            total = total + filled * np.exp(-rate * max(since - duration, 0.0))
    return total


def steady_trough(parameters: Array, mg: float, duration: float, interval: float) -> Array:
    """The same infusion for ever, just before the next one."""
    return sum(
        mg / duration * start / rate * -np.expm1(-rate * duration) * np.exp(-rate * (interval - duration))
        / -np.expm1(-rate * interval)
        for rate, start in exponentials(parameters)
    )  # fmt: skip


def later(parameters: Array, amounts: Array, days: float) -> Array:
    """The level that amounts (2, in mg) leave after so many days without an infusion."""
    (fast, _), (slow, _) = exponentials(parameters)
    clearance, central, exchange, peripheral = parameters
    k10, k12, k21 = clearance / central, exchange / central, exchange / peripheral
    leaves_fast, leaves_slow = np.exp(-fast * days), np.exp(-slow * days)
    of_central = ((k10 + k12 - slow) * leaves_fast + (fast - k10 - k12) * leaves_slow) / (fast - slow)
    of_peripheral = k21 * (leaves_slow - leaves_fast) / (fast - slow)
    return (of_central * amounts[0] + of_peripheral * amounts[1]) / central


def integrated(parameters_at: Callable[[float], Array], doses: Sequence[Dose], day: float, step: float) -> float:
    """Two compartments from day 0 in equal steps; the level at `day`. All that changes must change at whole steps."""
    amounts, now = np.zeros(2), 0.0
    for number in range(round(day / step)):
        middle = (number + 0.5) * step
        clearance, central, exchange, peripheral = parameters_at(middle)
        k10, k12, k21 = clearance / central, exchange / central, exchange / peripheral
        matrix = np.array([[-(k10 + k12), k21], [k12, -k21]])
        inflow = np.array([sum(mg / span for begin, span, mg in doses if begin < middle < begin + span), 0.0])

        def change(at: Array, matrix: Array = matrix, inflow: Array = inflow) -> Array:
            return matrix @ at + inflow

        first = change(amounts)
        second = change(amounts + step / 2 * first)
        third = change(amounts + step / 2 * second)
        fourth = change(amounts + step * third)
        amounts = amounts + step / 6 * (first + 2 * second + 2 * third + fourth)
        now = (number + 1) * step
    return float(amounts[0] / parameters_at(now - step / 2)[1])
