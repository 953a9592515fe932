"""Which option leads, once each has its expected trough.

Question: which step is the gentlest that is likely to be enough? Source: the clinical contract, section 5: least drug
per year, then fewest visits; not more than two weeks in one step unless it is urgent or the list has no nearer one; not
far above the target where a gentler option has a fair chance; models that disagree give a range; where none reaches, no
interval alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cds_service.clinical.assessment import Choice, Expectation, Forecast, Option

LONGEST_STEP_WEEKS = 2.0
OVERSHOOT = 0.25
FAIR_CHANCE = 0.40
STILL_COUNTS = 0.05  # so far short of the needed chance still counts
HEARD = 0.05  # J: a model that explains the levels so much worse than the others is not asked for an interval

Chance = Callable[[Expectation], float]


@dataclass(frozen=True, slots=True)
class Need:
    """The chance of at least the lower limit that an option must have, and the interval (weeks) now."""

    chance: float
    interval_weeks: float
    urgent: bool


def choose(forecast: Forecast, need: Need, *, shorter: bool) -> Forecast:
    """The forecast with its choice: among shorter intervals, or (`shorter` False) among higher doses at this one.

    Options come back with the least drug first, those that go too far marked; without a candidate there is no choice.
    """
    ordered = sorted(forecast.options, key=_drug_then_visits)
    of_this_kind = [option for option in ordered if (option.interval_weeks < need.interval_weeks) is shorter]
    nearest = max((option.interval_weeks for option in of_this_kind), default=need.interval_weeks)
    steps = [option for option in of_this_kind if not _leaps(option, nearest, need)]
    candidates = [option for option in steps if not _overshoots(option, steps)]
    options = tuple(
        replace(option, allowed=not (_leaps(option, nearest, need) or _overshoots(option, steps))) for option in ordered
    )
    if not candidates:
        return replace(forecast, options=options)
    chosen = _least(candidates, need.chance, lambda hope: hope.at_least_low)
    if chosen is None:
        found = Choice(_strongest(candidates), sufficient=False, interval_alone=False)
    else:
        alone = _least(_at_the_lowest_dose(candidates), need.chance, lambda hope: hope.at_least_low) is not None
        span = _span(forecast, candidates, chosen, need)
        found = Choice(chosen, sufficient=True, interval_alone=alone, interval_range=span)
    return replace(forecast, options=options, choice=found)


def _drug_then_visits(option: Option) -> tuple[float, float]:
    """Equal amounts of drug are equal though their last digits differ: 5 mg/kg every 4 weeks is 7.5 every 6."""
    return round(option.mg_per_kg_per_year or 0.0, 6), -option.interval_weeks


def _leaps(option: Option, nearest: float, need: Need) -> bool:
    """More than two weeks at once without need, though the list has a nearer interval."""
    far = need.interval_weeks - option.interval_weeks > LONGEST_STEP_WEEKS
    return far and option.interval_weeks < nearest and not need.urgent


def _overshoots(option: Option, steps: Sequence[Option]) -> bool:
    """Likely far above the target, while a step with less drug has a fair chance of reaching it."""
    too_much = option.expected is not None and (option.expected.far_above_high or 0.0) > OVERSHOOT
    return too_much and any(_gentler(other, option) for other in steps)


def _gentler(other: Option, option: Option) -> bool:
    fair = other.expected is not None and other.expected.at_least_low >= FAIR_CHANCE
    return fair and _drug_then_visits(other)[0] < _drug_then_visits(option)[0]


def _least(candidates: Sequence[Option], needed: float, chance: Chance) -> Option | None:
    """The first that is likely enough; candidates come with the least drug first, then the fewest visits."""
    return next((o for o in candidates if o.expected and chance(o.expected) >= needed - STILL_COUNTS), None)


def _strongest(candidates: Sequence[Option]) -> Option:
    """The likeliest of those that also raise the dose: the shortest interval alone is never the answer."""
    at_lowest = _at_the_lowest_dose(candidates)
    combined = [option for option in candidates if option not in at_lowest]
    return max(combined or candidates, key=lambda o: o.expected.at_least_low if o.expected else 0.0)


def _at_the_lowest_dose(candidates: Sequence[Option]) -> list[Option]:
    """The options that change the interval alone."""
    lowest = min(option.dose_mg_per_kg or 0.0 for option in candidates)
    return [option for option in candidates if (option.dose_mg_per_kg or 0.0) <= lowest * (1 + 1e-9)]


def _span(forecast: Forecast, candidates: Sequence[Option], chosen: Option, need: Need) -> tuple[float, float] | None:
    """The intervals between which the models disagree at the chosen dose; where none is enough the shortest counts."""
    at_this_dose = [option for option in candidates if option.dose_mg_per_kg == chosen.dose_mg_per_kg]
    shortest = min(option.interval_weeks for option in at_this_dose)
    wanted = {chosen.interval_weeks}
    for place, (_, weight) in enumerate(forecast.models):
        if weight >= HEARD:
            alone = _least(at_this_dose, need.chance, _of_model(place))
            wanted.add(alone.interval_weeks if alone else shortest)
    return (min(wanted), max(wanted)) if len(wanted) > 1 else None


def _of_model(place: int) -> Chance:
    return lambda hope: hope.at_least_low_by_model[place]
