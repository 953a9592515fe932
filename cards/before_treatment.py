"""The section "Before treatment": relative odds against a stated child, what is missing, and the site's own model.

Question: how likely was a low trough before the first infusion, and on what does that rest? A probability stands here
only where the hospital's own model gives one, always with its interval and with how it came to be.
"""

from collections.abc import Iterable, Sequence

from cards import phrases
from cards.lines import name_unit
from cards.markdown import escape, sentences
from cards.wording import Wording
from cds_service.clinical.assessment import (
    Assessment,
    Hindrance,
    NoProbability,
    Predictor,
    PredictorState,
    Probability,
    RiskEstimate,
)
from cds_service.clinical.record import Moment, calendar_day
from cds_service.clinical.site_model import BaselineModel, Measures, RecalibratedModel, SiteModel


def write_before_treatment(assessment: Assessment, wording: Wording) -> list[str]:
    """One line on the odds, and where the hospital has a model of its own one on what it says."""
    risk = assessment.risk
    return [_odds(risk, assessment.predictors, wording), _by_the_site(risk.by_the_site, wording)]


def _odds(risk: RiskEstimate, predictors: Sequence[Predictor], wording: Wording) -> str:
    inputs = "; ".join(_predictor(predictor, wording) for predictor in predictors)
    if risk.relative_odds is None or risk.ci95 is None:
        return sentences("Relative odds of a low trough not estimated: no predictor could be used", inputs)
    unused = [_title(p.name, wording) for p in predictors if p.state is not PredictorState.USED]
    against = _child(((name, value) for name, value in risk.reference if value is not None), wording)
    alike = f" and alike in {', '.join(unused)}" if unused else ""
    low, high = map(phrases.odds, risk.ci95)
    told = f"{phrases.odds(risk.relative_odds)} (95% interval {low} to {high}) against a child with {against}{alike}"
    if risk.ci95[0] == risk.ci95[1]:  # nothing found differs: an interval of no width would look like certainty
        told = _told_without_a_difference(unused, against)
    possible = _possible(risk.possible_odds, unused)
    return sentences(f"Relative odds of a low trough {told}", possible, wording.word("text", "risk_caveat"), inputs)


def _told_without_a_difference(unused: list[str], against: str) -> str:
    """Odds of 1 are an estimate only where every predictor was used: a missing value is no usual value."""
    if not unused:
        return f"no different from a child with {against}"
    return f"not estimated: {', '.join(unused)} could not be used, and nothing else differs from a child with {against}"


def _possible(ends: tuple[float, float] | None, unused: list[str]) -> str | None:
    if ends is None:
        return None
    low, high = map(phrases.odds, ends)
    open_to = f"the odds could plausibly be anything from {low} to {high}"
    return f"{', '.join(unused)} not known: depending on that, {open_to}"


def _by_the_site(found: Probability | NoProbability | None, wording: Wording) -> str:
    if found is None:
        return ""
    if isinstance(found, NoProbability):
        reasons = "; ".join(_hindrance(name, why, found.model, wording) for name, why in found.hindered_by)
        return sentences(f"Probability of a low trough not given: {reasons}")
    low, high = map(phrases.percent, found.ci95)
    told = f"Probability of a low trough {phrases.percent(found.value)} (95% interval {low} to {high})"
    return sentences(told, *_basis(found.model, wording))


def _basis(model: SiteModel, wording: Wording) -> list[str]:
    """Of what and how the probability came to be: the label without which it is never shown."""
    cohort = model.cohort
    outcome = f"{escape(cohort.outcome)}, under {phrases.number(cohort.low_trough_below_ug_per_ml)} µg/mL"
    first, last = map(calendar_day, cohort.period)
    children = f"{cohort.events} of {cohort.children} children from {first} to {last} had it"
    if isinstance(model, BaselineModel):
        told = f"{children}, each like one with {_child(model.reference, wording)}"
        label, caveat = wording.word("text", "baseline_label"), wording.word("text", "baseline_caveat")
        return [f"Outcome: {outcome}", f"{label}: {told}", caveat]
    measured = _measured(model.measures) or wording.word("text", "measures_missing")
    label, caveat = wording.word("text", "recalibrated_label"), wording.word("text", "recalibrated_caveat")
    fitted = f"fitted {calendar_day(model.written)} by {escape(model.software)}"
    return [f"Outcome: {outcome}", f"{label}: {children}; {measured}", caveat, fitted]


def _measured(measures: Measures) -> str:
    told = {
        "calibration slope": measures.calibration_slope,
        "calibration in the large": measures.calibration_in_the_large,
        "AUC corrected for optimism": measures.auc_optimism_corrected,
        "Brier score": measures.brier_score,
    }
    return ", ".join(f"{name} {phrases.number(value)}" for name, value in told.items() if value is not None)


def _hindrance(name: str, why: Hindrance, model: SiteModel, wording: Wording) -> str:
    told = f"{_title(name, wording)} {wording.word('hindrance', why)}"
    ends = dict(model.ranges).get(name) if isinstance(model, RecalibratedModel) else None
    if why is not Hindrance.OUTSIDE_RANGE or ends is None:
        return told
    unit = wording.predictors.get(name, {}).get("unit")
    return f"{told}, {phrases.number(ends[0])} to {phrases.number(ends[1])}{f' {unit}' if unit else ''}"


def _child(values: Iterable[tuple[str, float | bool]], wording: Wording) -> str:
    return ", ".join(_reference(name, value, wording) for name, value in values) or "no stated reference"


def _title(name: str, wording: Wording) -> str:
    return wording.predictors.get(name, {}).get("name") or escape(name)


def _reference(name: str, value: float | bool, wording: Wording) -> str:
    words = wording.predictors.get(name, {})
    title = _title(name, wording)
    if isinstance(value, bool):
        return words.get("yes" if value else "no") or f"{title}: {'yes' if value else 'no'}"
    return f"{title} {phrases.number(value)}" + (f" {words['unit']}" if "unit" in words else "")


def _predictor(predictor: Predictor, wording: Wording) -> str:
    title = _title(predictor.name, wording)
    if predictor.value is None or predictor.state is PredictorState.MISSING:
        return f"{title}: {wording.word('predictor_state', PredictorState.MISSING)}"
    value = _value(predictor, wording)
    state = "" if predictor.state is PredictorState.USED else f", {wording.word('predictor_state', predictor.state)}"
    bounded = ", counted at the edge of the range studied" if predictor.bounded else ""
    return f"{title}: {value}{_on(predictor.as_of)}{state}{bounded}"


def _value(predictor: Predictor, wording: Wording) -> str:
    if isinstance(predictor.value, bool) or predictor.value is None:
        return "yes" if predictor.value else "no"
    unit = f" {name_unit(predictor.unit, wording)}" if predictor.unit else ""
    return f"{phrases.number(predictor.value)}{unit}"


def _on(moment: Moment | None) -> str:
    return f" ({moment.day_in_words})" if moment else ""
