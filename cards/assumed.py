"""Line 6 of a card: what was assumed or unknown, what limits the advice, and when to look again.

Question: what must the team know before it acts? Whatever limits the advice is named here; only notes are counted.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from cards import phrases
from cards.markdown import escape, sentences
from cards.summary import name_recheck
from cards.wording import Wording
from cds_service.clinical.assessment import Advice, AdviceKind, Assessment, PredictorState
from cds_service.clinical.record import DataIssue, IssueLevel

LICENSED_MG_PER_KG = 5.0  # US prescribing information of infliximab, Crohn's disease in children
NAMED_OF_ONE_KIND = 3  # of one doubt about many data, such as twenty doses, so many are named; the others are counted


def write_assumed(assessment: Assessment, wording: Wording) -> str:
    """Line 6: what was assumed or unknown, what limits the advice, that more drug is off-label, when to re-check."""
    said = "; ".join(_assumptions(assessment, wording)) or wording.word("text", "nothing_assumed")
    notes = {issue.message for issue in assessment.issues if issue.level is IssueLevel.NOTE}
    leading = assessment.leading
    recheck = name_recheck(assessment, leading) if leading else None
    return sentences(
        f"**Assumed** or unknown: {said}",
        *_limiting(assessment.issues, wording),
        f"{phrases.counted(len(notes), 'note')} under Notes and doubts" if notes else None,
        wording.word("text", "off_label") + _licensed(leading, wording),
        f"**Re-check**: {escape(recheck) if recheck else wording.word('text', 'no_recheck')}",
    )


def _licensed(leading: Advice | None, wording: Wording) -> str:
    """Going back to the licensed dose is no off-label step."""
    if leading is None or leading.kind is not AdviceKind.RESTORE_DOSE or leading.dose_mg_per_kg is None:
        return ""
    licensed = round(leading.dose_mg_per_kg, 1) <= LICENSED_MG_PER_KG
    return f"; {wording.word('text', 'licensed_dose')}" if licensed else ""


def _limiting(issues: Iterable[DataIssue], wording: Wording) -> Iterator[str]:
    """Every doubt that blocks or limits, in its own words, the gravest first."""
    kinds: defaultdict[tuple[IssueLevel, str, str], dict[str, None]] = defaultdict(dict)
    for issue in issues:
        kinds[issue.level, issue.about, issue.code][escape(issue.message)] = None
    for level in (IssueLevel.BLOCKING, IssueLevel.LIMITING):
        told = [_name_some(list(messages)) for (its_level, _, _), messages in kinds.items() if its_level is level]
        if told:
            yield f"{wording.word('issue', level)}: {' '.join(told)}"


def _name_some(messages: list[str]) -> str:
    more = len(messages) - NAMED_OF_ONE_KIND
    return sentences(*messages[:NAMED_OF_ONE_KIND], f"{more} more like it under Notes and doubts" if more > 0 else None)


def _assumptions(assessment: Assessment, wording: Wording) -> list[str]:
    ordered = assessment.ordered
    missing = [
        wording.predictors.get(item.name, {}).get("name") or escape(item.name)
        for item in assessment.predictors
        if item.state is PredictorState.MISSING
    ]
    silent = ordered and ordered.interval_inferred and not assessment.interval_unread
    possible = {
        "the order states no interval, the interval given is assumed": silent,
        "the interval of the order could not be read, the interval given is assumed": assessment.interval_unread,
        "the dose of the order is not known": ordered and ordered.dose_mg is None and ordered.dose_mg_per_kg is None,
        "no usable weight": assessment.patient.weight is None,
        "level and antibody are not from one sample": assessment.antibody.same_sample is False,
        f"{', '.join(missing)} not found": missing,
    }
    return [sentence for sentence, holds in possible.items() if holds]
