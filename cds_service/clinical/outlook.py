"""What each option would do for this child, by the models.

Question: which regimens are worth comparing, and which trough does each promise? Source: the clinical contract,
section 5. Judged at the second trough on the new schedule. Units: weeks, mg, mg/kg, ug/mL.
"""

from collections.abc import Sequence
from dataclasses import replace

from cds_service.clinical.applicability import LABEL_AGE_YEARS
from cds_service.clinical.assessment import (
    Expectation,
    ExpectedTrough,
    Forecast,
    Option,
    OrderChange,
    TroughJudgement,
    TroughTarget,
)
from cds_service.clinical.facts import Facts
from cds_service.clinical.history import History, NoHistory, read_history
from cds_service.clinical.knowledge import note
from cds_service.clinical.pk.assumed import assumptions, spread_of
from cds_service.clinical.pk.ensemble import ask, widen
from cds_service.clinical.pk.forecast import Outlook, Regimen, Spread
from cds_service.clinical.pk.published import DEFAULT_MODELS, published_model
from cds_service.clinical.record import DataIssue, TreatmentRecord
from cds_service.clinical.regimen import WEEKS_PER_YEAR
from cds_service.clinical.timeline import Timeline

INFUSION_DAYS = 2 / 24  # the label's two hours
HIGHER_DOSE = 1.10  # a dose within 10 % of the one given is no other dose
FAR_ABOVE = 1.5
UNEXPLAINED = "level-not-explained"
UNCHANGED = (OrderChange.NONE, OrderChange.UNKNOWN)

Issues = tuple[DataIssue, ...]


def look_at_options(
    facts: Facts,
    record: TreatmentRecord,
    timeline: Timeline,
    judgements: Sequence[TroughJudgement],
    age_years: float | None,
) -> tuple[Forecast | None, Issues]:
    """The forecast of every option, or None and the note that says why there is none."""
    if age_years is None or age_years < LABEL_AGE_YEARS:
        return None, (note("no-forecast", reason="no model was built from children under 6 years"),)
    history = read_history(record, timeline, judgements, facts.weight, facts.as_of)
    if isinstance(history, NoHistory):
        return None, (note("no-forecast", reason=history.reason),)
    base = _base_dose(facts)
    if base is None:
        return None, (note("no-forecast", reason="the dose of the order is not known"),)
    return _ask_models(facts, history, _candidates(facts, base))


def _ask_models(facts: Facts, history: History, candidates: Sequence[Option]) -> tuple[Forecast | None, Issues]:
    models = widen([published_model(name) for name in DEFAULT_MODELS], spread_of(history.missing))
    draft = _draft(facts)
    regimens = [_regimen(option) for option in (*candidates, *((draft,) if draft else ()))]
    found = ask(models, history.case, regimens, start=history.next_infusion)
    if not found.estimates:
        return None, (note("no-forecast", reason=found.refused[0].reason),)
    if not found.explains:
        return None, (note(UNEXPLAINED),)
    expected = [_expectation(outlook, facts.target) for outlook in found.outlooks]
    forecast = Forecast(
        models=tuple((e.model.name, weight) for e, weight in zip(found.estimates, found.weights, strict=True)),
        unchanged=_with(candidates[0], expected[0]),
        options=tuple(_with(option, hope) for option, hope in zip(candidates[1:], expected[1:], strict=False)),
        draft=_with(draft, expected[-1]) if draft else None,
        assumed=tuple(sorted(history.missing)),
    )
    return forecast, tuple(_issues(history))


def _issues(history: History) -> list[DataIssue]:
    assumed = [
        note("forecast-assumed", title=row.title, told=row.told)
        for name, row in assumptions().items()
        if name in history.missing
    ]
    beginning = [note("forecast-beginning")] if history.beginning_assumed else []
    return [*assumed, *beginning, note("forecast-models")]


def _base_dose(facts: Facts) -> float | None:
    """Milligrams that go on: intended ones where the order gives less, else its own, else those given last."""
    ordered = facts.ordered
    if facts.underdosed and facts.weight is not None:
        return facts.intended_mg_per_kg * facts.weight.kg
    if ordered is not None and ordered.dose_mg is not None and ordered.change in UNCHANGED:
        return ordered.dose_mg
    return facts.given.dose_mg if facts.given else None


def _candidates(facts: Facts, base_mg: float) -> list[Option]:
    """The unchanged regimen, then every allowed interval with the same and with each higher dose, least drug first."""
    kg = facts.weight.kg if facts.weight else 0.0
    per_kg = base_mg / kg
    policy = facts.policy
    shorter = [
        float(weeks)
        for weeks in policy.forecast_intervals_weeks
        if policy.minimum_interval_weeks <= weeks <= facts.interval - 1
    ]
    higher = [
        dose
        for dose in policy.higher_doses_mg_per_kg
        if per_kg * HIGHER_DOSE <= dose <= facts.dose_cap_mg_per_kg * (1 + 1e-9)
    ]
    unchanged = _option(facts.interval, per_kg, base_mg, current=True)
    others = [
        _option(weeks, dose, base_mg if dose == per_kg else dose * kg)
        for weeks in (facts.interval, *shorter)
        for dose in (per_kg, *higher)
        if not (weeks == facts.interval and dose == per_kg)
    ]
    return [unchanged, *sorted(others, key=lambda o: (o.mg_per_kg_per_year or 0.0, -o.interval_weeks))]


def _option(weeks: float, per_kg: float, mg: float, *, current: bool = False) -> Option:
    yearly = per_kg * WEEKS_PER_YEAR / weeks
    return Option(weeks, per_kg, yearly, current=current, recommended=False, dose_mg=mg)


def _draft(facts: Facts) -> Option | None:
    """The order as drafted, where it changes the regimen."""
    ordered = facts.ordered
    if ordered is None or ordered.change not in (OrderChange.INTENSIFIES, OrderChange.RELAXES):
        return None
    if not ordered.interval_weeks or ordered.dose_mg is None or ordered.dose_mg_per_kg is None:
        return None
    return _option(ordered.interval_weeks, ordered.dose_mg_per_kg, ordered.dose_mg)


def _regimen(option: Option) -> Regimen:
    return Regimen(option.interval_weeks * 7, option.dose_mg or 0.0, INFUSION_DAYS)


def _with(option: Option, expected: Expectation) -> Option:
    return replace(option, expected=expected)


def _expectation(outlook: Outlook, target: TroughTarget) -> Expectation:
    return Expectation(
        second_trough=_trough(outlook.second_trough),
        steady_trough=_trough(outlook.steady_trough),
        at_least_low=outlook.chance_at_least(target.low),
        above_high=None if target.high is None else outlook.chance_above(target.high),
        far_above_high=None if target.high is None else outlook.chance_above(FAR_ABOVE * target.high),
        by_model=outlook.by_model,
        at_least_low_by_model=outlook.chances_by_model(target.low),
    )


def _trough(spread: Spread) -> ExpectedTrough:
    return ExpectedTrough(spread.median, spread.p05, spread.p95)
