"""What the draft asks for against what was given, and which regimens could follow.

Question: does the order change anything, and what is the next step? Source: the clinical contract, sections 1, 2
and 5. Units: weeks, mg, mg/kg, mg/kg per year.
"""

from dataclasses import dataclass

from cds_service.clinical.assessment import GivenRegimen, Option, OrderChange, OrderedRegimen, Weight
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import InfusionOrder
from cds_service.clinical.timeline import ROUNDING, USUAL_INTERVAL_WEEKS

WEEKS_PER_YEAR = 365.25 / 7
STEP_WEEKS = 1.0  # a change of interval counts from one week on
INTENSIFYING_DOSE = 1.20  # at least 20 % more mg/kg
RELAXING_DOSE = 0.80
HIGHER_DOSE = 1.10  # J: a dose within 10 % of another is no other dose; vials are rounded
CALENDAR_WEEKS = 1 / 7


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
    return (f"gives {_seen_above(per_kg, limits.mg_per_kg)} mg/kg{at}, above the cap of {limits.mg_per_kg:g} mg/kg",)


def _seen_above(value: float, limit: float) -> str:
    """The value to three digits, or to as many as it takes to show that it is above the limit."""
    told = (f"{value:.{digits}g}" for digits in range(3, 12))
    return next(text for text in told if float(text) > limit)


def _under_the_minimum(order: InfusionOrder, limits: Limits) -> tuple[str, ...]:
    weeks = order.interval_weeks
    if weeks is None or weeks >= limits.interval_weeks:
        return ()
    return (f"comes every {weeks:.3g} weeks, under the minimum of {limits.interval_weeks:g} weeks",)


def _change(order: InfusionOrder, dose: float | None, per_kg: float | None, given: GivenRegimen | None) -> OrderChange:
    """More, less or the same; unknown where the dose cannot be compared and the interval is kept."""
    if given is None:
        return OrderChange.UNKNOWN
    before, after = _intervals(order, given)
    ratio = dose_ratio(dose, per_kg, given)
    sooner = _sign(before - after, STEP_WEEKS - ROUNDING)
    more = 0 if ratio is None else (ratio >= INTENSIFYING_DOSE - 1e-9) - (ratio <= RELAXING_DOSE + 1e-9)
    if ratio is not None and sooner * more < 0:
        return _by_the_week(ratio * before / after)
    if sooner or more:
        return OrderChange.INTENSIFIES if sooner + more > 0 else OrderChange.RELAXES
    return OrderChange.UNKNOWN if ratio is None else OrderChange.NONE


def _intervals(order: InfusionOrder, given: GivenRegimen) -> tuple[float, float]:
    """The interval given and the draft's own, in weeks; the same where either is not known."""
    if order.interval_weeks is None or given.interval_weeks is None:
        return STEP_WEEKS, STEP_WEEKS
    return nominal_interval(given.interval_weeks), order.interval_weeks


def _sign(difference: float, least: float) -> int:
    return (difference >= least) - (difference <= -least)


def _by_the_week(ratio: float) -> OrderChange:
    """Where interval and dose go opposite ways, the drug per week decides (J); about the same is neither."""
    if ratio >= HIGHER_DOSE:
        return OrderChange.INTENSIFIES
    return OrderChange.RELAXES if ratio <= 1 / HIGHER_DOSE else OrderChange.UNKNOWN


def dose_ratio(dose: float | None, per_kg: float | None, given: GivenRegimen) -> float | None:
    """The draft's dose against that of the last complete infusion, per kilogram where both are known."""
    if per_kg is not None and given.full_mg_per_kg:
        return per_kg / given.full_mg_per_kg
    if dose is not None and given.full_mg:
        return dose / given.full_mg
    return None


def is_higher(dose: float, base: float) -> bool:
    """Whether a dose is another and higher one, and not the same rounded to vials."""
    return dose >= base * HIGHER_DOSE * (1 - 1e-9)


def nominal_interval(weeks: float) -> float:
    """The interval in whole weeks where it is at most a day off them (J), else as it is."""
    whole = round(weeks)
    return float(whole) if abs(weeks - whole) <= CALENDAR_WEEKS + ROUNDING else weeks


def current_interval(given: GivenRegimen | None, ordered: OrderedRegimen | None) -> float:
    """The interval from which a step is taken: the one given, else ordered, else 8 weeks; at least one week."""
    weeks = given.interval_weeks if given else None
    if weeks is None and ordered is not None:
        weeks = ordered.interval_weeks
    return max(1.0, nominal_interval(weeks if weeks is not None else USUAL_INTERVAL_WEEKS))


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
    per_kg = given.full_mg_per_kg if given else None
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
