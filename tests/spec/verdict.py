"""What a worked case concludes, in words: the judgement first, then the row that leads and what it says."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cds_service.clinical.advice import TABLE
from cds_service.clinical.assessment import Assessment, Hindrance
from cds_service.clinical.knowledge import stops
from tests.spec.case import Conclusion
from tests.spec.conclusion import told
from tests.spec.facts import name_of


def _due(in_days: int) -> str:
    if in_days == 0:
        return "due today"
    return f"due in {in_days} days" if in_days > 0 else f"{-in_days} days overdue"


def _range(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g} to {pair[1]:g}"


WHY = {Hindrance.NOT_KNOWN: "not known", Hindrance.OUTSIDE_RANGE: "outside the range of the model"}
JUDGEMENT: Mapping[str, Callable[[Any], str]] = {
    "not_applicable": lambda reason: f"not applicable: {reason}",
    "phase": lambda phase: f"phase `{phase}`",
    "given_interval_weeks": lambda weeks: f"given every {weeks:g} weeks",
    "given_mg_per_kg": lambda dose: f"given {dose:g} mg/kg",
    "infusions_on_regimen": lambda count: f"infusions on this regimen: {count}",
    "due_in_days": _due,
    "ordered_interval_weeks": lambda weeks: f"ordered every {weeks:g} weeks",
    "interval_inferred": lambda inferred: f"interval of the draft {'inferred' if inferred else 'stated'}",
    "order_change": lambda change: {"none": "the draft changes nothing"}.get(change, f"the draft {change}"),
    "deciding_level": lambda level: f"{level} µg/mL decides",
    "qualification": lambda word: f"`{word}`",
    "implied_trough": lambda pair: f"implies a trough of {_range(pair)} µg/mL",
    "status": lambda word: f"`{word}`",
    "below_assay_limit": lambda below: f"{'' if below else 'not '}below the assay's limit",
    "target": lambda profile: f"target `{profile}`",
    "antibody": lambda word: f"antibody `{word}`",
    "same_sample": lambda same: f"of {'the same' if same else 'another'} sample",
    "disease": lambda word: f"disease `{word}`",
    "readings": lambda readings: ", ".join(f"{name_of(test)} {word}" for test, word in readings.items()),
    "stops": lambda names: f"stops: {', '.join(stops()[name].label for name in names) or 'none'}",
    "predictors": lambda states: ", ".join(f"{name_of(name)} `{state}`" for name, state in states.items()),
    "relative_odds": lambda odds: f"relative odds {odds:g}",
    "ci95": lambda pair: f"95 % interval {_range(pair)}",
    "possible_odds": lambda pair: f"possible {_range(pair)}",
    "probability": lambda share: f"probability {share:g}",
    "probability_ci95": lambda pair: f"95 % interval {_range(pair)}",
    "calibration": lambda word: f"calibration `{word}`",
    "expected_unchanged": lambda trough: f"if nothing changes about {trough:g} µg/mL expected",
    "expected_draft": lambda trough: f"with the draft about {trough:g} µg/mL expected",
    "hindered_by": lambda reasons: ", ".join(f"{name_of(name)} {WHY[why]}" for name, why in reasons.items()),
}
CARD: Mapping[str, Callable[[Any], str]] = {
    "severity": lambda word: {"info": "as information", "warning": "as a warning"}[word],
    "interval_weeks": lambda weeks: "no interval is named" if weeks == "none" else f"every {weeks:g} weeks",
    "interval_weeks_range": lambda pair: f"the models disagree: every {_range(pair)} weeks",
    "dose_mg_per_kg": lambda dose: "dose as given" if dose == "as given" else f"{dose:g} mg/kg",
    "sufficient": lambda enough: "likely to be enough" if enough else "not likely to be enough",
    "compared_weeks": lambda weeks: f"compared: every {', '.join(f'{w:g}' for w in weeks)} weeks",
    "forecast": lambda _: "nothing is forecast",
    "also": lambda kinds: " and ".join(f"also `{kind}`" for kind in kinds),
    "reasons": lambda reasons: ", ".join(f"“{reason}”" for reason in reasons),
    "recheck": lambda words: f"look again: {words}",
    "options_weeks": lambda weeks: f"options: every {', '.join(f'{w:g}' for w in weeks)} weeks",
    "button": lambda button: "with a button" if button else "no button",
    "prompt": lambda prompt: "shown now" if prompt else "not shown yet",
}


TITLES = {row.number: row.title for row in TABLE}


def tell_conclusion(conclusion: Conclusion, assessment: Assessment) -> str:
    """The conclusion in words; of a note its sentence, as the assessment words it."""
    keys = told(conclusion)
    judged = ", ".join(say(keys[key]) for key, say in JUDGEMENT.items() if key in keys)
    card = "; ".join(
        (*_leading(keys), *(say(keys[key]) for key, say in CARD.items() if keys.get(key) not in (None, ())))
    )
    sentences = (f"{part[0].upper()}{part[1:]}." for part in (judged, card) if part)
    return " ".join((*sentences, *_notes(conclusion, assessment)))


def _leading(keys: Mapping[str, Any]) -> Iterator[str]:
    row = f"Row {keys['row']}" if "row" in keys else ""
    advice = {None: "", "none": "silent"}.get(keys.get("advice"), f"`{keys.get('advice')}`")
    if row or advice:
        title = "" if advice else f" ({TITLES[keys['row']]})"
        yield f"**{': '.join(part for part in (row, advice) if part)}**{title}"


def _notes(conclusion: Conclusion, assessment: Assessment) -> Iterator[str]:
    messages = {issue.code: issue.message for issue in assessment.issues}
    for code in conclusion.notes:
        yield f"Said beside it: “{messages.get(code, code)}”"
    for code in conclusion.not_noted:
        yield f"Not said: `{code}`."
