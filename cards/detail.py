"""The whole detail of a card: six lines, then why, doubts, risk before treatment, sources, limits and versions.

Question: on what does this card rest, and what speaks against it? Markdown that also reads as plain text.
Depends on the assessment and the sentences only; `as_of` enters as a calendar day.
"""

from collections.abc import Iterable

from cards.assumed import write_assumed
from cards.before_treatment import write_before_treatment
from cards.lines import write_antibody, write_disease, write_given, write_trough
from cards.markdown import bullets, escape, sentences
from cards.options import write_options
from cards.summary import choose_wording
from cards.wording import KindWording, Wording
from cds_service.clinical.assessment import Advice, Assessment, StopCondition
from cds_service.clinical.record import IssueLevel, Moment

_GRAVEST_FIRST = (IssueLevel.BLOCKING, IssueLevel.LIMITING, IssueLevel.NOTE)


def write_detail(assessment: Assessment, wording: Wording) -> str:
    """The detail in GitHub-Flavored Markdown; needs an assessment that advises something."""
    rows = [choose_wording(assessment, advice, wording) for advice in assessment.advice]
    sections = (
        _six_lines(assessment, wording),
        _section("Why", _why(assessment, rows)),
        _section("Notes and doubts", _doubts(assessment, wording)),
        _section("Before treatment", write_before_treatment(assessment, wording)),
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
    since = f", since {stop.since.day_in_words}" if stop.since else ", date not known"
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
    today = Moment(assessment.as_of, day_only=True).day_in_words
    names = (f"infliximab-cds {escape(versions.software)}", f"knowledge {escape(versions.knowledge)}")
    return f"**Versions** {', '.join((*names, f'policy {escape(versions.policy)}'))}; judged on {today}."
