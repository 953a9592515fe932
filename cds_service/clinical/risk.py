"""How likely was a low trough, judged by what was known before treatment?

Question: which published predictors apply to this child, and what relative odds do they give against a stated
reference child? Source: knowledge/predictors.toml (Song 2024, doi:10.1002/pdi3.96). These are odds; a probability
comes from the site's own model alone.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import exp, sqrt

from cds_service.clinical.assessment import Predictor, PredictorState, RiskEstimate
from cds_service.clinical.knowledge import PublishedPredictor, note, risk_model
from cds_service.clinical.moments import instant
from cds_service.clinical.policy import Policy
from cds_service.clinical.probability import WIDTH_95, probability
from cds_service.clinical.record import DataIssue, Measurement, Moment, SourceState, TreatmentRecord
from cds_service.clinical.site_model import SiteModel

STEROID_SOURCES = ("infusions", "prescriptions")


def read_predictors(
    record: TreatmentRecord, policy: Policy, baseline: Moment | None
) -> tuple[tuple[Predictor, ...], tuple[DataIssue, ...]]:
    """The four predictors as they stood before the first infusion (`baseline`), and what was missing.

    Without a baseline (the beginning is not on record) nothing is used: a value under treatment is no predictor.
    """
    if baseline is None:
        return tuple(_absent(row) for row in risk_model().predictors), ()
    found = [_predictor(row, record, policy, baseline) for row in risk_model().predictors]
    return tuple(p for p, _ in found), tuple(issue for _, issues in found for issue in issues)


def estimate_risk(predictors: Sequence[Predictor], own: SiteModel | None) -> RiskEstimate:
    """Relative odds with a 95 % interval, the predictors taken as independent; None where none could be used.

    What is missing is not part of the interval: what it could do stands in `possible_odds`. The probability is that of
    the site's own model, where it has one.
    """
    model = risk_model()
    rows = {row.name: row for row in model.predictors}
    used = {p.name: p.log_odds for p in predictors if p.log_odds is not None}
    total = sum(used.values())
    variance = sum((told / rows[name].beta * rows[name].standard_error) ** 2 for name, told in used.items())
    spread = WIDTH_95 * sqrt(variance)
    return RiskEstimate(
        model=model.model,
        outcome=model.outcome,
        relative_odds=exp(total) if used else None,
        ci95=(exp(total - spread), exp(total + spread)) if used else None,
        reference=tuple((p.name, rows[p.name].reference if p.name in used else None) for p in predictors),
        possible_odds=_possible(total, [rows[p.name] for p in predictors if p.name not in used]) if used else None,
        by_the_site=probability(own, predictors) if own else None,
    )


def _possible(log_odds: float, missing: Sequence[PublishedPredictor]) -> tuple[float, float] | None:
    """The relative odds at the ends of the spans of what is missing."""
    if not missing:
        return None
    least, most = (sum(ends) for ends in zip(*(row.possible_log_odds for row in missing), strict=True))
    return exp(log_odds + least), exp(log_odds + most)


def _predictor(
    row: PublishedPredictor, record: TreatmentRecord, policy: Policy, baseline: Moment
) -> tuple[Predictor, tuple[DataIssue, ...]]:
    if row.name == "hormone_exposure":
        return _steroid(row, record, policy, baseline)
    if row.name == "perianal_lesions":
        return _perianal(row, record, baseline)
    return _number(row, record.measured(row.name), policy, baseline)


def _steroid(
    row: PublishedPredictor, record: TreatmentRecord, policy: Policy, baseline: Moment
) -> tuple[Predictor, tuple[DataIssue, ...]]:
    """Systemic steroid in use inside the window; no record where all was read means none, unless one is named."""
    opens = instant(baseline) - timedelta(days=policy.steroid_window_days)
    used = [
        m
        for m in record.medications
        if m.concept == "systemic_steroid"
        and m.start is not None
        and m.start.day < baseline.day  # given on the day itself it is premedication, not exposure
        and instant(m.end or m.start) >= opens
    ]
    if used:
        return _flag(row, True, used[-1].start, used[-1].evidence), ()
    unread = any(record.source(name) is not SourceState.READ for name in STEROID_SOURCES)
    if unread or record.only_named("systemic_steroid"):
        return _absent(row), (note("predictor-missing", name=row.name, title=row.title),)
    return _flag(row, False, None, None), (note("no-steroid-record", days=policy.steroid_window_days),)


def _perianal(
    row: PublishedPredictor, record: TreatmentRecord, baseline: Moment
) -> tuple[Predictor, tuple[DataIssue, ...]]:
    """Perianal disease dated before the first infusion, or undated."""
    entries = [
        d
        for d in record.diagnoses
        if "perianal_disease" in d.concepts
        and ((d.onset or d.recorded) is None or instant(d.onset or d.recorded) <= instant(baseline))  # type: ignore[arg-type]
    ]
    if entries:
        return _flag(row, True, entries[0].onset or entries[0].recorded, entries[0].evidence), ()
    if record.source("conditions") is not SourceState.READ:
        return _absent(row), (note("predictor-missing", name=row.name, title=row.title),)
    return _flag(row, False, None, None), (note("no-perianal-record"),)


def _number(
    row: PublishedPredictor, values: Sequence[Measurement], policy: Policy, baseline: Moment
) -> tuple[Predictor, tuple[DataIssue, ...]]:
    """The newest exact value before the first infusion, inside the window and plausible."""
    before = [m for m in values if _not_after(m.at, baseline) and m.reading.comparator is None]
    if not before:
        return _absent(row), (note("predictor-missing", name=row.name, title=row.title),)
    newest = before[-1]
    if instant(baseline) - instant(newest.at) > timedelta(days=policy.baseline_window_days):
        told = note("predictor-outside-window", name=row.name, title=row.title, days=policy.baseline_window_days)
        return _unused(row, newest, PredictorState.OUTSIDE_WINDOW), (told,)
    if row.plausible is not None and not row.plausible[0] <= newest.reading.value <= row.plausible[1]:
        told = note("predictor-out-of-range", name=row.name, title=row.title, value=f"{newest.reading.value:g}")
        return _unused(row, newest, PredictorState.OUT_OF_RANGE), (told,)
    value = newest.reading.value
    bounded = row.held(value) != value - row.reference
    return _value(row, newest, PredictorState.USED, row.log_odds_of(value), bounded=bounded), ()


def _not_after(at: Moment, baseline: Moment) -> bool:
    """Before the first infusion, or the same day where one of them has no time."""
    if at.day_only or baseline.day_only:
        return at.day <= baseline.day
    return at.at <= baseline.at


def _flag(row: PublishedPredictor, present: bool, at: Moment | None, evidence: str | None) -> Predictor:
    return Predictor(
        name=row.name,
        value=present,
        unit=None,
        as_of=at,
        state=PredictorState.USED,
        odds_ratio=row.odds_ratio,
        ci95=row.ci95,
        log_odds=row.log_odds_of(present),
        evidence=evidence,
    )


def _absent(row: PublishedPredictor) -> Predictor:
    return Predictor(row.name, None, row.unit, None, PredictorState.MISSING, row.odds_ratio, row.ci95, None)


def _unused(row: PublishedPredictor, m: Measurement, state: PredictorState) -> Predictor:
    return _value(row, m, state, None)


def _value(
    row: PublishedPredictor,
    m: Measurement,
    state: PredictorState,
    log_odds: float | None,
    *,
    bounded: bool = False,
) -> Predictor:
    return Predictor(
        name=row.name,
        value=m.reading.value,
        unit=row.unit,
        as_of=m.at,
        state=state,
        odds_ratio=row.odds_ratio,
        ci95=row.ci95,
        log_odds=log_odds,
        bounded=bounded,
        evidence=m.evidence,
    )
