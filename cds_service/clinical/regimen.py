"""What the draft asks for against what was given, and which regimens could follow.

Question: does the order change anything, and what is the next step? Source: the clinical contract, sections 1, 2
and 5. Units: weeks, mg, mg/kg, mg/kg per year.
"""

from dataclasses import dataclass

from cds_service.clinical.assessment import GivenRegimen, Option, OrderChange, OrderedRegimen, Weight
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import InfusionOrder
from cds_service.clinical.timeline import USUAL_INTERVAL_WEEKS

WEEKS_PER_YEAR = 365.25 / 7
STEP_WEEKS = 1.0  # a change of interval counts from one week on
INTENSIFYING_DOSE = 1.20  # at least 20 % more mg/kg
RELAXING_DOSE = 0.80


@dataclass(frozen=True, slots=True)
class Limits:
    """The site's limits for this child: the cap of the dose in mg/kg, and the shortest interval in weeks."""

    mg_per_kg: float
    interval_weeks: float


def compare_order(
    order: InfusionOrder, given: GivenRegimen | None, weight: Weight | None, limits: Limits
) -> OrderedRegimen:
    """The draft, its interval inferred where it states none, and its direction against the regimen given."""
    per_kg = order.dose_mg_per_kg
    if per_kg is None and order.dose_mg is not None and weight is not None:
        per_kg = order.dose_mg / weight.kg
    dose = order.dose_mg
    if dose is None and per_kg is not None and weight is not None:
        dose = per_kg * weight.kg
    inferred = order.interval_weeks is None
    interval = given.interval_weeks if inferred and given else order.interval_weeks
    change = _change(order, dose, per_kg, given)
    over = (*_over_the_cap(dose, per_kg, given, limits), *_under_the_minimum(order, limits))
    return OrderedRegimen(order, dose, per_kg, interval, inferred, change, over)


def _over_the_cap(
    dose: float | None, per_kg: float | None, given: GivenRegimen | None, limits: Limits
) -> tuple[str, ...]:
    """More than the cap, at a recent weight; without one, at the weight of the last infusion."""
    dosing_kg = given.dosing_weight_kg if given else None
    at = ""
    if per_kg is None and dose is not None and dosing_kg is not None:
        per_kg, at = dose / dosing_kg, " at the weight of the last infusion"
    if per_kg is None or per_kg <= limits.mg_per_kg * (1 + 1e-9):
        return ()
    return (f"gives {per_kg:.4g} mg/kg{at}, above the cap of {limits.mg_per_kg:g} mg/kg",)


def _under_the_minimum(order: InfusionOrder, limits: Limits) -> tuple[str, ...]:
    weeks = order.interval_weeks
    if weeks is None or weeks >= limits.interval_weeks:
        return ()
    return (f"comes every {weeks:.3g} weeks, under the minimum of {limits.interval_weeks:g} weeks",)


def _change(order: InfusionOrder, dose: float | None, per_kg: float | None, given: GivenRegimen | None) -> OrderChange:
    if given is None:
        return OrderChange.UNKNOWN
    shorter = _weeks_shorter(order, given)
    ratio = _dose_ratio(dose, per_kg, given)
    if shorter is None and ratio is None:
        return OrderChange.UNKNOWN
    if (shorter or 0) >= STEP_WEEKS or (ratio or 1) >= INTENSIFYING_DOSE - 1e-9:
        return OrderChange.INTENSIFIES
    relaxes = (shorter or 0) <= -STEP_WEEKS or (ratio or 1) <= RELAXING_DOSE + 1e-9
    return OrderChange.RELAXES if relaxes else OrderChange.NONE


def _weeks_shorter(order: InfusionOrder, given: GivenRegimen) -> float | None:
    """Whole weeks by which the draft's own interval is shorter than the one given."""
    if order.interval_weeks is None or given.interval_weeks is None:
        return None
    return round(given.interval_weeks) - order.interval_weeks


def _dose_ratio(dose: float | None, per_kg: float | None, given: GivenRegimen) -> float | None:
    if per_kg is not None and given.dose_mg_per_kg:
        return per_kg / given.dose_mg_per_kg
    if dose is not None and given.dose_mg:
        return dose / given.dose_mg
    return None


def current_interval(given: GivenRegimen | None, ordered: OrderedRegimen | None) -> float:
    """The interval from which a step is taken: the one given, else ordered, else 8 weeks; whole weeks, at least one."""
    weeks = given.interval_weeks if given else None
    if weeks is None and ordered is not None:
        weeks = ordered.interval_weeks
    return float(max(1, round(weeks if weeks is not None else USUAL_INTERVAL_WEEKS)))


def next_interval(current_weeks: float, policy: Policy) -> int | None:
    """The next step of the site's list at least one week shorter and not under the minimum; None at the minimum."""
    steps = [
        w for w in policy.intervals_weeks if w >= policy.minimum_interval_weeks and current_weeks - w >= STEP_WEEKS
    ]
    return max(steps, default=None)


def list_options(given: GivenRegimen | None, current_weeks: float, policy: Policy) -> tuple[Option, ...]:
    """The regimen now and every shorter step of the site's list at the same dose, longest first."""
    step = next_interval(current_weeks, policy)
    shorter = sorted(
        (w for w in policy.intervals_weeks if policy.minimum_interval_weeks <= w <= current_weeks - STEP_WEEKS),
        reverse=True,
    )
    per_kg = given.dose_mg_per_kg if given else None
    return tuple(
        Option(
            interval_weeks=weeks,
            dose_mg_per_kg=per_kg,
            mg_per_kg_per_year=None if per_kg is None else per_kg * WEEKS_PER_YEAR / weeks,
            current=weeks == current_weeks,
            recommended=weeks == step,
        )
        for weeks in (current_weeks, *map(float, shorter))
    )
