"""From an assessment to cards: at most one for each order.

Question: what, if anything, does the clinician see? Silence means: evaluated in full, nothing to say.
"""

from collections.abc import Mapping

from cards.card import Card, Suggestion
from cards.detail import write_detail
from cards.form import CardForm, standard_form
from cards.suggest import suggest, suggest_listed
from cards.summary import write_summary
from cards.wording import load_wording
from cds_service.clinical.assessment import AdviceKind, Assessment, Severity

ORDER_HOOKS = frozenset({"order-select", "order-sign"})


def write_cards(
    assessment: Assessment, *, hook: str, draft: Mapping[str, object] | None = None, form: CardForm | None = None
) -> tuple[Card, ...]:
    """The card about one order, or none.

    `hook` is the CDS Hooks name; `draft` is the order as the EHR sent it, for the suggestion, and is never changed;
    `form` is what this site's EHR takes, without it CDS Hooks as written. Summary, indicator and detail depend on the
    assessment alone: the same chart gives the same words on every hook, path and EHR.
    """
    leading = assessment.leading
    if not assessment.applies or leading is None or not leading.prompt:
        return ()
    keeps = leading.kind is AdviceKind.KEEP_REGIMEN
    if keeps and hook in ORDER_HOOKS and not (assessment.unread_parts or assessment.unused_results):
        return ()
    wording, form = load_wording(), form or standard_form()
    suggestions = _suggestions(assessment, hook, draft, form)
    card = Card(
        summary=write_summary(assessment, wording),
        indicator=_indicator(assessment),
        source=form.source,
        detail=write_detail(assessment, wording),
        suggestions=suggestions,
        selection_behavior=form.selection_behavior if suggestions else None,
        override_reasons=() if keeps else form.override_reasons,
    )
    return (card,)


def _indicator(assessment: Assessment) -> Severity:
    """As the leading entry says; an antibody against more drug warns wherever it stands on the card."""
    leading, *further = assessment.advice
    weighed = [leading, *(entry for entry in further if entry.kind is AdviceKind.REVIEW_ANTIBODY)]
    return Severity.WARNING if any(entry.severity is Severity.WARNING for entry in weighed) else leading.severity


def _suggestions(
    assessment: Assessment, hook: str, draft: Mapping[str, object] | None, form: CardForm
) -> tuple[Suggestion, ...]:
    leading = assessment.leading
    if hook not in ORDER_HOOKS or draft is None or leading is None:
        return ()
    if not leading.button or leading.interval_weeks is None:
        return ()
    suggestion = _suggest(draft, leading.interval_weeks, form)
    return (suggestion,) if suggestion else ()


def _suggest(draft: Mapping[str, object], interval_weeks: float, form: CardForm) -> Suggestion | None:
    if form.suggestions == "update":
        return suggest(draft, interval_weeks)
    listed = form.listed_order(interval_weeks) if form.suggestions == "create" else None
    return suggest_listed(draft, interval_weeks, *listed) if listed else None
