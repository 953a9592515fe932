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
from cds_service.clinical.facts import UNDERDOSED, Facts
from cds_service.clinical.history import History, NoHistory, read_history
from cds_service.clinical.knowledge import note
from cds_service.clinical.pk.assumed import assumptions, spread_of
from cds_service.clinical.pk.ensemble import ask, widen
from cds_service.clinical.pk.forecast import Outlook, Regimen, Spread
from cds_service.clinical.pk.published import DEFAULT_MODELS, published_model
from cds_service.clinical.record import DataIssue, TreatmentRecord, calendar_day
from cds_service.clinical.regimen import STEP_WEEKS, WEEKS_PER_YEAR, is_higher
from cds_service.clinical.timeline import Timeline

INFUSION_DAYS = 2 / 24  # the label's two hours
FAR_ABOVE = 1.5
SHORTEST_DRAFT_WEEKS = 1.0  # an order for less is a slip, and no model knows it
ALBUMIN = "albumin_g_per_dl"
NAMES = {"weight_kg": "a weight in kg of", ALBUMIN: "an albumin in g/dL of"}
UNEXPLAINED = "level-not-explained"

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
    if facts.weight_in_doubt:
        return None, (note("no-forecast", reason="the weight is in doubt"),)
    history = read_history(record, timeline, judgements, facts.weight, facts.as_of)
    if isinstance(history, NoHistory):
        return None, (note("no-forecast", reason=history.reason),)
    return _ask_models(facts, history)


def _ask_models(facts: Facts, history: History) -> tuple[Forecast | None, Issues]:
    models = widen([published_model(name) for name in DEFAULT_MODELS], spread_of(history.missing))
    unchanged = _option(facts.interval, _unchanged_mg(facts, history), history.weight_kg, current=True)
    options = _options(facts, unchanged, history.weight_kg)
    draft = _draft(facts, history.weight_kg)
    regimens = [_regimen(option) for option in (unchanged, *options, *((draft,) if draft else ()))]
    found = ask(models, history.case, regimens, start=history.next_infusion)
    if not found.estimates:
        return None, (note("no-forecast", reason=_in_words(found.refused[0].reason)),)
    if not found.explains:
        return None, (note(UNEXPLAINED),)
    now, *others = [_expectation(outlook, facts.target) for outlook in found.outlooks]
    forecast = Forecast(
        models=tuple((e.model.name, weight) for e, weight in zip(found.estimates, found.weights, strict=True)),
        unchanged=replace(unchanged, expected=now),
        options=tuple(replace(option, expected=hope) for option, hope in zip(options, others, strict=False)),
        draft=replace(draft, expected=others[-1]) if draft else None,
        assumed=tuple(sorted(history.missing)),
    )
    return forecast, tuple(_issues(history))


def _in_words(reason: str) -> str:
    for name, words in NAMES.items():
        reason = reason.replace(name, words)
    return reason


def _issues(history: History) -> list[DataIssue]:
    old = history.old_albumin
    assumed = [
        note("forecast-assumed", title=row.title, told=row.told)
        for name, row in assumptions().items()
        if name in history.missing and not (name == ALBUMIN and old)
    ]
    if old:
        assumed.append(note("forecast-albumin-old", day=calendar_day(old)))
    beginning = [note("forecast-beginning")] if history.beginning_assumed else []
    return [*assumed, *beginning, note("forecast-models")]


def _unchanged_mg(facts: Facts, history: History) -> float:
    """Milligrams if nothing changes: the order's own where it changes nothing, else those last given in full."""
    ordered = facts.ordered
    if ordered is not None and ordered.dose_mg is not None and ordered.change is OrderChange.NONE:
        return ordered.dose_mg
    return (facts.given.full_mg if facts.given else None) or history.last_mg


def _base_mg(facts: Facts, unchanged: Option, kg: float) -> float:
    """Milligrams that the options go on with: the intended ones where the order and the last infusion give less."""
    intended, last = facts.intended_mg_per_kg * kg, unchanged.dose_mg or 0.0
    return intended if facts.underdosed and last < UNDERDOSED * intended else last


def _options(facts: Facts, unchanged: Option, kg: float) -> list[Option]:
    """Every allowed interval with the dose that goes on and with each higher one, the unchanged regimen left out."""
    policy, base = facts.policy, _base_mg(facts, unchanged, kg)
    shortest = max(policy.minimum_interval_weeks, min(policy.intervals_weeks))
    shorter = [float(w) for w in policy.forecast_intervals_weeks if shortest <= w <= facts.interval - STEP_WEEKS]
    higher = [
        dose * kg
        for dose in policy.higher_doses_mg_per_kg
        if is_higher(dose, base / kg) and dose <= facts.dose_cap_mg_per_kg * (1 + 1e-9)
    ]
    options = [_option(weeks, mg, kg) for weeks in (facts.interval, *shorter) for mg in (base, *higher)]
    same = (unchanged.interval_weeks, unchanged.dose_mg)
    return [option for option in options if (option.interval_weeks, option.dose_mg) != same]


def _option(weeks: float, mg: float, kg: float, *, current: bool = False) -> Option:
    per_kg = mg / kg
    yearly = per_kg * WEEKS_PER_YEAR / weeks
    return Option(weeks, per_kg, yearly, current=current, recommended=False, dose_mg=mg)


def _draft(facts: Facts, kg: float) -> Option | None:
    """The order as drafted, where it changes the regimen."""
    ordered = facts.ordered
    if ordered is None or ordered.change is OrderChange.NONE or ordered.dose_mg is None:
        return None
    weeks = ordered.interval_weeks or 0.0
    return _option(weeks, ordered.dose_mg, kg) if weeks >= SHORTEST_DRAFT_WEEKS else None


def _regimen(option: Option) -> Regimen:
    return Regimen(option.interval_weeks * 7, option.dose_mg or 0.0, INFUSION_DAYS)


def _expectation(outlook: Outlook, target: TroughTarget) -> Expectation:
    return Expectation(
        second_trough=_trough(outlook.second.spread),
        steady_trough=_trough(outlook.steady.spread),
        at_least_low=outlook.chance_at_least(target.low),
        above_high=None if target.high is None else outlook.chance_above(target.high),
        far_above_high=None if target.high is None else outlook.chance_above(FAR_ABOVE * target.high),
        by_model=outlook.by_model,
        at_least_low_by_model=outlook.chances_by_model(target.low),
    )


def _trough(spread: Spread) -> ExpectedTrough:
    return ExpectedTrough(spread.median, spread.p05, spread.p95)
