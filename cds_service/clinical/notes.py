"""What must be said beside any advice.

Question: which facts limit how the advice is to be read? Source: the clinical contract, section 2, notes; sentences
in knowledge/notes.toml.
"""

from collections.abc import Iterator, Sequence

from cds_service.clinical.applicability import LABEL_AGE_YEARS, current_concepts
from cds_service.clinical.assessment import TroughJudgement, TroughStatus
from cds_service.clinical.facts import Facts
from cds_service.clinical.knowledge import note
from cds_service.clinical.record import DataIssue, TreatmentRecord

ALBUMIN_LOW_G_PER_L = 30.0
ALBUMIN_MODELLED_G_PER_L = 25.0
HEAVIEST_MODELLED_KG = 100.0
MARKED_FALL = 0.40  # a fall of more than 60 %


def clinical_notes(
    facts: Facts,
    record: TreatmentRecord,
    judgements: Sequence[TroughJudgement],
    newer: Sequence[TroughJudgement],
    *,
    age_years: float | None,
    dose_capped: bool,
) -> Iterator[DataIssue]:
    """Every note that applies, in the order of the contract."""
    yield from _newer_levels(newer)
    if _fell(judgements, facts):
        yield note("fall-unchanged-regimen")
    yield from _albumin(record)
    if facts.weight is not None and facts.weight.kg > HEAVIEST_MODELLED_KG:
        yield note("weight-outside-models", value=f"{facts.weight.kg:g}")
    if age_years is not None and age_years < LABEL_AGE_YEARS and facts.policy.allow_under_six:
        yield note("under-six")
    if "stricture" in current_concepts(record):
        yield note("stricture")
    if any(not r.severe for r in record.reactions):
        yield note("mild-reaction")
    if dose_capped:
        yield note("heart-failure-cap")
    if facts.weight is None:
        yield note("weight-missing")
    if facts.ordered is not None and facts.ordered.interval_inferred and facts.ordered.interval_weeks is not None:
        yield note("interval-inferred")


def _newer_levels(newer: Sequence[TroughJudgement]) -> Iterator[DataIssue]:
    for judgement in newer:
        day = judgement.drawn.day.isoformat() if judgement.drawn else "no date"
        reasons = judgement.reasons if judgement.reading is not None else ("its value or unit could not be read",)
        evidence = judgement.level.evidence if judgement.level else None
        yield note("level-not-usable", day=day, reason="; ".join(reasons), evidence=evidence)


def _fell(judgements: Sequence[TroughJudgement], facts: Facts) -> bool:
    """Whether the deciding trough lost more than 60 % against the judged one before it, on one regimen."""
    judged = [j.reading for j in judgements if j.reading and j.status is not TroughStatus.UNDETERMINED][:2]
    if len(judged) < 2 or judged[0] is not facts.trough.reading:
        return False
    return judged[0].high < MARKED_FALL * judged[1].low


def _albumin(record: TreatmentRecord) -> Iterator[DataIssue]:
    newest = record.measured("albumin")[-1:]
    for m in newest:
        if m.reading.high < ALBUMIN_MODELLED_G_PER_L:
            yield note("albumin-outside-models", value=f"{m.reading.value:g}", evidence=m.evidence)
        elif m.reading.high < ALBUMIN_LOW_G_PER_L:
            yield note("albumin-low", value=f"{m.reading.value:g}", evidence=m.evidence)
