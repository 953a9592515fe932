"""From an assessment to cards: at most one for each order.

Question: what, if anything, does the clinician see? Silence means: evaluated in full, nothing to say.
"""

from collections.abc import Mapping

from cards.card import Card, Suggestion
from cards.detail import write_detail
from cards.suggest import suggest
from cards.summary import write_summary
from cards.wording import load_wording
from cds_service.clinical.assessment import AdviceKind, Assessment, Severity

ORDER_HOOKS = frozenset({"order-select", "order-sign"})


def write_cards(assessment: Assessment, *, hook: str, draft: Mapping[str, object] | None = None) -> tuple[Card, ...]:
    """The card about one order, or none.

    `hook` is the CDS Hooks name; `draft` is the order as the EHR sent it, for the suggestion, and is never changed.
    Summary and detail depend on the assessment alone: the same chart gives the same words on every hook and path.
    """
    leading = assessment.leading
    if not assessment.applies or leading is None or not leading.prompt:
        return ()
    keeps = leading.kind is AdviceKind.KEEP_REGIMEN
    if keeps and hook in ORDER_HOOKS and not assessment.unread_parts:
        return ()
    wording = load_wording()
    suggestions = _suggestions(assessment, hook, draft)
    card = Card(
        summary=write_summary(assessment, wording),
        indicator=_indicator(assessment),
        source=wording.source,
        detail=write_detail(assessment, wording),
        suggestions=suggestions,
        selection_behavior="at-most-one" if suggestions else None,
        override_reasons=() if keeps else wording.override_reasons,
    )
    return (card,)


def _indicator(assessment: Assessment) -> Severity:
    """As the leading entry says; an antibody against more drug warns wherever it stands on the card."""
    leading, *further = assessment.advice
    weighed = [leading, *(entry for entry in further if entry.kind is AdviceKind.REVIEW_ANTIBODY)]
    return Severity.WARNING if any(entry.severity is Severity.WARNING for entry in weighed) else leading.severity


def _suggestions(assessment: Assessment, hook: str, draft: Mapping[str, object] | None) -> tuple[Suggestion, ...]:
    leading = assessment.leading
    if hook not in ORDER_HOOKS or draft is None or leading is None:
        return ()
    if not leading.button or leading.interval_weeks is None:
        return ()
    suggestion = suggest(draft, leading.interval_weeks)
    return (suggestion,) if suggestion else ()
