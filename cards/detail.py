"""The whole detail of a card: six lines, then why, doubts, risk before treatment, sources, limits and versions.

Question: on what does this card rest, and what speaks against it? Markdown that also reads as plain text.
Depends on the assessment and the sentences only; `as_of` enters as a calendar day.
"""

from collections.abc import Iterable

from cards import phrases
from cards.assumed import write_assumed
from cards.lines import name_unit, write_antibody, write_disease, write_given, write_trough
from cards.markdown import bullets, escape, sentences
from cards.options import write_options
from cards.summary import choose_wording
from cards.wording import KindWording, Wording
from cds_service.clinical.assessment import Advice, Assessment, Predictor, PredictorState, StopCondition
from cds_service.clinical.record import IssueLevel, Moment

_GRAVEST_FIRST = (IssueLevel.BLOCKING, IssueLevel.LIMITING, IssueLevel.NOTE)


def write_detail(assessment: Assessment, wording: Wording) -> str:
    """The detail in GitHub-Flavored Markdown; needs an assessment that advises something."""
    rows = [choose_wording(assessment, advice, wording) for advice in assessment.advice]
    sections = (
        _six_lines(assessment, wording),
        _section("Why", _why(assessment, rows)),
        _section("Notes and doubts", _doubts(assessment, wording)),
        _section("Before treatment", _risk(assessment, wording)),
        _section("Sources", _sources(assessment, rows, wording)),
        _section("Limits", _limits(rows, wording)),
        _versions(assessment),
    )
    return "\n\n".join(section for section in sections if section)


def _six_lines(assessment: Assessment, wording: Wording) -> str:
    writers = (write_trough, write_antibody, write_given, write_disease, write_options, write_assumed)
    return "\n\n".join(f"{place}. {write(assessment, wording)}" for place, write in enumerate(writers, start=1))


def _section(title: str, lines: Iterable[str]) -> str:
    told = [line for line in lines if line]
    return f"**{title}**\n\n{bullets(told)}" if told else ""


def _why(assessment: Assessment, rows: list[KindWording]) -> list[str]:
    leading, *further = assessment.advice
    said = {stop.label for stop in assessment.stop_conditions}
    reasons = [reason for reason in leading.reasons if reason not in said]
    told = {*said, *reasons}
    level = [reason for reason in assessment.trough.reasons if reason not in told]
    antibody = [reason for reason in assessment.antibody.reasons if reason not in told]
    return [
        *(_stop(stop) for stop in assessment.stop_conditions),
        *(sentences(escape(reason)) for reason in reasons),
        *(f"Level: {sentences(escape(reason))}" for reason in level),
        *(f"Antibody: {sentences(escape(reason))}" for reason in antibody),
        f"Against: {sentences(rows[0].why_not)}" if rows[0].why_not else "",
        *(_further(advice, row) for advice, row in zip(further, rows[1:], strict=True)),
    ]


def _stop(stop: StopCondition) -> str:
    code = f" ({escape(stop.code)})" if stop.code else ""
    since = f", since {phrases.day(stop.since)}" if stop.since else ", date not known"
    return f"Stop: {escape(stop.label)}{code}{since}."


def _further(advice: Advice, row: KindWording) -> str:
    reasons = "; ".join(escape(reason) for reason in advice.reasons)
    against = f"Against: {row.why_not}" if row.why_not else None
    others = f"Other ways: {'; '.join(row.alternatives)}" if row.alternatives else None
    return f"{row.heading}: {sentences(reasons, against, others)}"


def _doubts(assessment: Assessment, wording: Wording) -> list[str]:
    ordered = sorted(assessment.issues, key=lambda issue: _GRAVEST_FIRST.index(issue.level))
    told = (f"{wording.word('issue', issue.level)}: {sentences(escape(issue.message))}" for issue in ordered)
    return list(dict.fromkeys(told))


def _risk(assessment: Assessment, wording: Wording) -> list[str]:
    risk = assessment.risk
    inputs = "; ".join(_predictor(predictor, wording) for predictor in assessment.predictors)
    if risk.relative_odds is None or risk.ci95 is None:
        return [sentences("Relative odds of a low trough not estimated: no predictor could be used", inputs)]
    reference = [_reference(name, value, wording) for name, value in risk.reference if value is not None]
    against = ", ".join(reference) or "no stated reference"
    low, high = (phrases.odds(bound) for bound in risk.ci95)
    told = f"{phrases.odds(risk.relative_odds)} (95% interval {low} to {high}) against a child with {against}"
    alike = risk.ci95[0] == risk.ci95[1]  # nothing found differs: an interval of no width would look like certainty
    same = _told_without_a_difference(assessment.predictors, against, wording)
    caveat = wording.word("text", "risk_caveat")
    return [sentences(f"Relative odds of a low trough {same if alike else told}", caveat, inputs)]


def _told_without_a_difference(predictors: Iterable[Predictor], against: str, wording: Wording) -> str:
    """Odds of 1 are an estimate only where every predictor was used: a missing value is no usual value."""
    unused = [_title(predictor.name, wording) for predictor in predictors if predictor.state is not PredictorState.USED]
    if not unused:
        return f"no different from a child with {against}"
    return f"not estimated: {', '.join(unused)} could not be used, and nothing else differs from a child with {against}"


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
    return f" ({phrases.day(moment)})" if moment else ""


def _sources(assessment: Assessment, rows: list[KindWording], wording: Wording) -> list[str]:
    cited = [("For", key) for row in rows for key in row.sources_for]
    cited += [("Against", key) for row in rows for key in row.sources_against]
    antibody = assessment.antibody.source
    return [
        *(wording.cited[source] for source in dict.fromkeys(cited)),
        f"Target: {sentences(escape(assessment.target.citation))}" if assessment.target.citation else "",
        f"Antibody judged by: {sentences(escape(antibody))}" if antibody else "",
    ]


def _limits(rows: list[KindWording], wording: Wording) -> list[str]:
    own = [limit for row in rows for limit in row.limits]
    return list(dict.fromkeys([*own, *wording.common_limits])) if rows[0].alternatives else own


def _versions(assessment: Assessment) -> str:
    versions = assessment.versions
    today = phrases.day(Moment(assessment.as_of, day_only=True))
    names = (f"infliximab-cds {escape(versions.software)}", f"knowledge {escape(versions.knowledge)}")
    return f"**Versions** {', '.join((*names, f'policy {escape(versions.policy)}'))}; judged on {today}."
