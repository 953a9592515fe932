"""What an assessment concludes, in the words of a worked case, and how a case differs from it."""

from typing import Any

from cds_service.clinical.assessment import (
    Assessment,
    Forecast,
    GivenRegimen,
    NoProbability,
    Option,
    OrderedRegimen,
    Probability,
    RiskEstimate,
)
from cds_service.clinical.moments import between, days
from cds_service.clinical.record import Moment
from tests.clinical.charts import VISIT
from tests.spec.case import USUAL_CONCLUSION, Conclusion

NAMED = ("reasons", "notes")  # what is told must be among what was concluded


def concluded(a: Assessment) -> dict[str, Any]:
    """Every key that a case may tell, as it was concluded."""
    return {
        "applies": a.applies,
        "not_applicable": a.not_applicable_reason,
        "phase": a.phase,
        **_given(a.given),
        **_ordered(a.ordered),
        **_level(a),
        "antibody": a.antibody.status,
        "same_sample": a.antibody.same_sample,
        "disease": a.disease.status,
        "readings": {m.marker: m.reading for m in reversed(a.disease.evidence)},
        "stops": tuple(stop.name for stop in a.stop_conditions),
        "predictors": {p.name: p.state for p in a.predictors},
        **_risk(a.risk),
        **_card(a),
        **_forecast(a.forecast),
        "options_weeks": tuple(option.interval_weeks for option in a.options),
        "notes": tuple(issue.code for issue in a.issues),
        "not_noted": tuple(issue.code for issue in a.issues),
    }


def _risk(risk: RiskEstimate) -> dict[str, Any]:
    found = risk.by_the_site if isinstance(risk.by_the_site, Probability) else None
    return {
        "relative_odds": None if risk.relative_odds is None else round(risk.relative_odds, 2),
        "ci95": _rounded(risk.ci95, 2),
        "possible_odds": _rounded(risk.possible_odds, 2),
        "probability": round(found.value, 2) if found else None,
        "probability_ci95": _rounded(found.ci95, 2) if found else None,
        "calibration": risk.calibration,
        "hindered_by": dict(risk.by_the_site.hindered_by) if isinstance(risk.by_the_site, NoProbability) else {},
    }


def _level(a: Assessment) -> dict[str, Any]:
    reading = a.trough.reading
    return {
        "deciding_level": f"{reading.comparator or ''}{reading.value:g}" if reading else None,
        "qualification": a.trough.qualification,
        "implied_trough": _rounded(a.trough.implied_trough, 1),
        "status": a.trough_status,
        "below_assay_limit": a.undetectable,
        "target": a.target.profile,
    }


def _given(given: GivenRegimen | None) -> dict[str, Any]:
    if given is None:
        return dict.fromkeys(("given_interval_weeks", "given_mg_per_kg", "infusions_on_regimen", "due_in_days"))
    return {
        "given_interval_weeks": given.interval_weeks,
        "given_mg_per_kg": None if given.dose_mg_per_kg is None else round(given.dose_mg_per_kg, 1),
        "infusions_on_regimen": given.infusions_on_regimen,
        "due_in_days": days(between(Moment(VISIT), given.due)) if given.due else None,
    }


def _ordered(ordered: OrderedRegimen | None) -> dict[str, Any]:
    if ordered is None:
        return dict.fromkeys(("ordered_interval_weeks", "interval_inferred", "order_change"))
    return {
        "ordered_interval_weeks": ordered.interval_weeks,
        "interval_inferred": ordered.interval_inferred,
        "order_change": ordered.change,
    }


def _card(a: Assessment) -> dict[str, Any]:
    entry = a.leading
    return {
        "row": a.leading_rule,
        "advice": entry.kind if entry else "none",
        "also": tuple(follower.kind for follower in a.advice[1:]),
        "severity": entry and entry.severity,
        "interval_weeks": (entry and entry.interval_weeks) or "none",
        "interval_weeks_range": entry and entry.interval_weeks_range,
        "dose_mg_per_kg": (entry and entry.dose_mg_per_kg and round(entry.dose_mg_per_kg, 1)) or "as given",
        "recheck": entry and entry.recheck,
        "button": entry and entry.button,
        "prompt": entry and entry.prompt,
        "reasons": entry.reasons if entry else (),
    }


def _forecast(forecast: Forecast | None) -> dict[str, Any]:
    """Expected troughs in ug/mL; `compared_weeks` are the intervals, the present one first."""
    if forecast is None:
        keys = ("sufficient", "expected_unchanged", "expected_draft", "compared_weeks")
        return {**dict.fromkeys(keys), "forecast": "none"}
    options = (forecast.unchanged, *forecast.options)
    return {
        "sufficient": forecast.choice.sufficient if forecast.choice else None,
        "expected_unchanged": _expected(forecast.unchanged),
        "expected_draft": _expected(forecast.draft),
        "compared_weeks": tuple(sorted({option.interval_weeks for option in options}, reverse=True)),
        "forecast": "made",
    }


def _expected(option: Option | None) -> float | None:
    return round(option.expected.second_trough.median, 1) if option and option.expected else None


def _rounded(pair: tuple[float, float] | None, digits: int) -> tuple[float, float] | None:
    return None if pair is None else (round(pair[0], digits), round(pair[1], digits))


def told(conclusion: Conclusion) -> dict[str, Any]:
    """The keys that the case tells; whoever tells the advice tells the whole card."""
    values = {key: getattr(conclusion, key) for key in conclusion.__dataclass_fields__}
    kept = {key: value for key, value in values.items() if value != getattr(USUAL_CONCLUSION, key)}
    return {**kept, "also": conclusion.also} if conclusion.advice is not None else kept


def differences(conclusion: Conclusion, assessment: Assessment) -> list[str]:
    """What the case tells and the assessment does not conclude, one line each."""
    found = concluded(assessment)
    return [
        f"{key}: told {_plain(value)}, concluded {_plain(found[key])}"
        for key, value in told(conclusion).items()
        if not _agrees(key, value, found[key])
    ]


def _agrees(key: str, value: Any, found: Any) -> bool:
    if key in NAMED:
        return set(value) <= set(found)
    if key == "not_noted":
        return not set(value) & set(found)
    if isinstance(value, dict):
        return bool(value.items() <= found.items())
    return bool(value == found)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
