"""The assessment as JSON: the contract that other programs build on.

Question: how is a conclusion written down? Source: docs/schemas/assessment.schema.json. Every key is always present,
null where unknown; times are RFC 3339 with offset, a date without a time stays a date; units stand in key names.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cds_service.clinical.assess import assess
from cds_service.clinical.assessment import (
    Advice,
    AntibodyJudgement,
    Assessment,
    DiseaseJudgement,
    ExpectedTrough,
    Forecast,
    GivenRegimen,
    NoProbability,
    Option,
    OrderedRegimen,
    PatientFacts,
    Predictor,
    Probability,
    RiskEstimate,
    TroughJudgement,
)
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import Comparator, DataIssue, DrugLevel, Moment, Patient, Route, TreatmentRecord
from cds_service.clinical.site_model import BaselineModel, Cohort, Measures, RecalibratedModel

SCHEMA = "infliximab-cds/assessment/1"
Json = dict[str, Any]


def explain(assessment: Assessment) -> Json:
    """The whole conclusion about one order."""
    a = assessment
    return {
        "schema": SCHEMA,
        "as_of": a.as_of.isoformat(),
        "applies": a.applies,
        "not_applicable_reason": a.not_applicable_reason,
        "patient": _patient(a.patient),
        "phase": a.phase.value,
        "regimen": {"route": _route(a), "given": _given(a.given), "ordered": _ordered(a.ordered)},
        "level": _level(a.trough.level),
        "trough": _trough(a.trough),
        "target": {"low": a.target.low, "high": a.target.high, "unit": "ug/mL", "profile": a.target.profile},
        "trough_status": a.trough_status.value,
        "undetectable": a.undetectable,
        "antibody": _antibody(a.antibody),
        "disease": _disease(a.disease),
        "stop_conditions": [
            {
                "name": s.name,
                "label": s.label,
                "code": s.code,
                "since": _time(s.since),
                "evidence": s.evidence,
            }
            for s in a.stop_conditions
        ],
        "predictors": [_predictor(p) for p in a.predictors],
        "risk": _risk(a.risk),
        "forecast": _forecast(a.forecast, a.issues),
        "options": [
            {
                "interval_weeks": o.interval_weeks,
                "dose_mg_per_kg": _rounded(o.dose_mg_per_kg, 2),
                "mg_per_kg_per_year": _rounded(o.mg_per_kg_per_year, 1),
                "current": o.current,
                "recommended": o.recommended,
            }
            for o in a.options
        ],
        "advice": [_advice(entry, leads=index == 0) for index, entry in enumerate(a.advice)],
        "leading_rule": a.leading_rule,
        "newer_levels": [{**_trough(j), "level": _level(j.level)} for j in a.newer_levels],
        "issues": [_issue(issue) for issue in a.issues],
        "versions": {
            "software": a.versions.software,
            "knowledge": a.versions.knowledge,
            "policy": a.versions.policy,
        },
    }


def not_applicable(patient_id: str, as_of: datetime, reason: str, policy: Policy) -> Json:
    """The same document for a request that holds nothing to judge: every key present, nothing known."""
    document = explain(assess(TreatmentRecord(Patient(patient_id)), None, policy, as_of))
    return {**document, "applies": False, "not_applicable_reason": reason, "advice": [], "issues": []}


def _patient(p: PatientFacts) -> Json:
    return {
        "id": p.id,
        "age_years": p.age_years,
        "weight_kg": p.weight.kg if p.weight else None,
        "weight_as_of": _time(p.weight.at) if p.weight else None,
    }


def _route(a: Assessment) -> str | None:
    if a.not_applicable_reason == "subcutaneous infliximab":
        return Route.SUBCUTANEOUS.value
    return Route.INTRAVENOUS.value if a.given or a.ordered else None


def _given(g: GivenRegimen | None) -> Json | None:
    if g is None:
        return None
    return {
        "dose_mg": g.dose_mg,
        "dose_mg_per_kg": _rounded(g.dose_mg_per_kg, 2),
        "dosing_weight_kg": g.dosing_weight_kg,
        "intended_mg_per_kg": _rounded(g.intended_mg_per_kg, 2),
        "interval_weeks": _rounded(g.interval_weeks, 1),
        "intervals_weeks": [round(w, 1) for w in g.intervals_weeks],
        "infusions_on_regimen": g.infusions_on_regimen,
        "infusions_on_record": g.infusions_on_record,
        "last_infusion_at": _time(g.last_infusion),
        "due_at": _time(g.due),
    }


def _ordered(o: OrderedRegimen | None) -> Json | None:
    if o is None:
        return None
    return {
        "order": o.order.evidence,
        "dose_mg": _rounded(o.dose_mg, 1),
        "dose_mg_per_kg": _rounded(o.dose_mg_per_kg, 2),
        "interval_weeks": _rounded(o.interval_weeks, 1),
        "interval_inferred": o.interval_inferred,
        "change": o.change.value,
    }


def _level(level: DrugLevel | None) -> Json:
    reading = level.reading if level else None
    return {
        "value": reading.value if reading else None,
        "comparator": _comparator(reading.comparator) if reading else None,
        "unit": "ug/mL" if reading else None,
        "drawn_at": _time(level.drawn) if level else None,
        "assay": level.assay if level else None,
        "evidence": level.evidence if level else None,
    }


def _trough(t: TroughJudgement) -> Json:
    return {
        "qualification": t.qualification.value,
        "hours_after_previous_infusion": _rounded(t.hours_after_previous_infusion, 1),
        "hours_before_next_infusion": _rounded(t.hours_before_next_infusion, 1),
        "implied_trough_ug_per_ml": [round(v, 2) for v in t.implied_trough] if t.implied_trough else None,
        "reasons": list(t.reasons),
    }


def _antibody(a: AntibodyJudgement) -> Json:
    r = a.result
    return {
        "status": a.status.value,
        "value": r.reading.value if r and r.reading else None,
        "comparator": _comparator(r.reading.comparator) if r and r.reading else None,
        "unit": r.unit if r else None,
        "assay": r.assay if r else None,
        "assay_from": r.assay_from if r else None,
        "same_sample": a.same_sample,
        "drawn_at": _time(r.drawn) if r else None,
        "evidence": r.evidence if r else None,
        "source": a.source,
        "reasons": list(a.reasons),
    }


def _disease(d: DiseaseJudgement) -> Json:
    return {
        "status": d.status.value,
        "evidence": [
            {
                "marker": m.marker,
                "value": m.value,
                "comparator": _comparator(m.comparator),
                "unit": m.unit,
                "at": _time(m.at),
                "reading": m.reading,
                "evidence": m.evidence,
            }
            for m in d.evidence
        ],
    }


def _predictor(p: Predictor) -> Json:
    return {
        "name": p.name,
        "value": p.value,
        "unit": p.unit,
        "as_of": _time(p.as_of),
        "state": p.state.value,
        "odds_ratio": p.odds_ratio,
        "ci95": list(p.ci95),
        "log_odds": _rounded(p.log_odds, 3),
        "bounded": p.bounded,
        "evidence": p.evidence,
    }


def _risk(r: RiskEstimate) -> Json:
    found = r.by_the_site if isinstance(r.by_the_site, Probability) else None
    hindered_by = r.by_the_site.hindered_by if isinstance(r.by_the_site, NoProbability) else ()
    own = found.model if found else None
    return {
        "model": r.model,
        "outcome": r.outcome,
        "relative_odds": _rounded(r.relative_odds, 3),
        "ci95": _pair(r.ci95),
        "possible_odds": _pair(r.possible_odds),
        "reference": dict(r.reference),
        "probability": _rounded(found.value, 3) if found else None,
        "probability_ci95": _pair(found.ci95) if found else None,
        "calibration": r.calibration.value,
        "baseline": _baseline(own) if isinstance(own, BaselineModel) else None,
        "recalibration": _recalibration(own) if isinstance(own, RecalibratedModel) else None,
        "probability_hindered_by": [{"predictor": name, "why": why.value} for name, why in hindered_by],
    }


def _baseline(own: BaselineModel) -> Json:
    return {"probability": own.probability, "reference": dict(own.reference), **_cohort(own.cohort)}


def _recalibration(own: RecalibratedModel) -> Json:
    return {
        **_cohort(own.cohort),
        "intercept": own.intercept,
        "coefficients": dict(own.coefficients),
        "ranges": {name: list(ends) for name, ends in own.ranges},
        "measures": _measures(own.measures),
        "date": own.written.isoformat(),
        "software": own.software,
    }


def _cohort(cohort: Cohort) -> Json:
    return {
        "outcome": cohort.outcome,
        "low_trough_below_ug_per_ml": cohort.low_trough_below_ug_per_ml,
        "children": cohort.children,
        "events": cohort.events,
        "period": [day.isoformat() for day in cohort.period],
    }


def _measures(measures: Measures) -> Json:
    return {
        "calibration_slope": measures.calibration_slope,
        "calibration_in_the_large": measures.calibration_in_the_large,
        "auc_optimism_corrected": measures.auc_optimism_corrected,
        "brier_score": measures.brier_score,
    }


def _issue(issue: DataIssue) -> Json:
    return {
        "code": issue.code,
        "about": issue.about,
        "level": issue.level.value,
        "message": issue.message,
        "evidence": issue.evidence,
    }


def _forecast(f: Forecast | None, issues: Iterable[DataIssue]) -> Json | None:
    if f is None:
        return None
    return {
        "models": [{"name": name, "weight": round(weight, 3)} for name, weight in f.models],
        "options": [_expected(option) for option in (f.unchanged, *f.options)],
        "draft": _expected(f.draft) if f.draft else None,
        "sufficient": f.choice.sufficient if f.choice else None,
        "assumed": list(f.assumed),
        "issues": [_issue(issue) for issue in issues if issue.about == "forecast"],
    }


def _expected(o: Option) -> Json:
    e = o.expected
    return {
        "interval_weeks": o.interval_weeks,
        "dose_mg": _rounded(o.dose_mg, 1),
        "dose_mg_per_kg": _rounded(o.dose_mg_per_kg, 2),
        "second_trough": _range(e.second_trough) if e else None,
        "steady_state_trough": _range(e.steady_trough) if e else None,
        "probability_at_least_low": _rounded(e.at_least_low, 3) if e else None,
        "probability_above_high": _rounded(e.above_high, 3) if e else None,
        "mg_per_kg_per_year": _rounded(o.mg_per_kg_per_year, 1),
        "allowed": o.allowed,
        "current": o.current,
        "second_trough_median_by_model": [round(median, 2) for median in e.by_model] if e else [],
    }


def _range(trough: ExpectedTrough) -> Json:
    return {"median": round(trough.median, 2), "p05": round(trough.p05, 2), "p95": round(trough.p95, 2)}


def _advice(entry: Advice, *, leads: bool) -> Json:
    return {
        "kind": entry.kind.value,
        "leads": leads,
        "severity": entry.severity.value,
        "rule": entry.rule,
        "interval_weeks": entry.interval_weeks,
        "interval_weeks_range": list(entry.interval_weeks_range) if entry.interval_weeks_range else None,
        "dose_mg_per_kg": _rounded(entry.dose_mg_per_kg, 2),
        "recheck": entry.recheck,
        "reasons": list(entry.reasons),
        "prompt": entry.prompt,
    }


def _time(moment: Moment | None) -> str | None:
    if moment is None:
        return None
    return moment.day.isoformat() if moment.day_only else moment.at.isoformat()


def _comparator(comparator: Comparator | None) -> str | None:
    return comparator.value if comparator else None


def _pair(ends: tuple[float, float] | None) -> list[float] | None:
    return [round(end, 3) for end in ends] if ends else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
