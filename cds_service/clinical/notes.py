"""What must be said beside any advice.

Question: which facts limit how the advice is to be read? Source: the clinical contract, section 2, notes; sentences
in knowledge/notes.toml.
"""

from collections.abc import Iterator, Sequence

from cds_service.clinical.applicability import LABEL_AGE_YEARS, current_concepts
from cds_service.clinical.assessment import AntibodyJudgement, TroughJudgement, TroughStatus
from cds_service.clinical.facts import Facts
from cds_service.clinical.knowledge import note
from cds_service.clinical.moments import days_ago, instant
from cds_service.clinical.record import DataIssue, TreatmentRecord

ALBUMIN_LOW_G_PER_L = 30.0
ALBUMIN_MODELLED_G_PER_L = 25.0
HEAVIEST_MODELLED_KG = 100.0
DOSES_MODELLED_MG_PER_KG = (2.5, 12.0)  # J
MARKED_FALL = 0.40  # a fall of more than 60 %
STOPPED_RECENTLY_DAYS = 183


def clinical_notes(
    facts: Facts,
    record: TreatmentRecord,
    judgements: Sequence[TroughJudgement],
    newer: Sequence[TroughJudgement],
    newer_antibody: AntibodyJudgement | None,
    *,
    age_years: float | None,
    dose_capped: bool,
) -> Iterator[DataIssue]:
    """Every note that applies, in the order of the contract."""
    yield from _newer_levels(newer)
    yield from _newer_antibody(newer_antibody)
    if _fell(judgements, facts):
        yield note("fall-unchanged-regimen")
    yield from _albumin(record)
    yield from _outside_models(facts)
    if age_years is not None and age_years < LABEL_AGE_YEARS and facts.policy.allow_under_six:
        yield note("under-six")
    yield from _immunomodulator(record, facts)
    yield from _conditions(record, dose_capped=dose_capped)
    if facts.weight is None and not facts.weight_in_doubt:
        yield note("weight-missing")
    if facts.ordered is not None and facts.ordered.interval_inferred and facts.ordered.interval_weeks is not None:
        yield note("interval-inferred")


def _newer_levels(newer: Sequence[TroughJudgement]) -> Iterator[DataIssue]:
    for judgement in newer:
        day = judgement.drawn.day_in_words if judgement.drawn else "no date"
        reasons = judgement.reasons if judgement.reading is not None else ("its value or unit could not be read",)
        evidence = judgement.level.evidence if judgement.level else None
        yield note("level-not-usable", day=day, reason="; ".join(reasons), evidence=evidence)


def _newer_antibody(found: AntibodyJudgement | None) -> Iterator[DataIssue]:
    if found is not None and found.result is not None and found.result.drawn is not None:
        day, status = found.result.drawn.day_in_words, found.status.value
        yield note("antibody-newer", day=day, status=status, evidence=found.result.evidence)


def _fell(judgements: Sequence[TroughJudgement], facts: Facts) -> bool:
    """Whether the deciding trough surely lost more than 60 % against the judged one before it, on one regimen."""
    judged = [j for j in judgements if j.reading and j.status is not TroughStatus.UNDETERMINED][:2]
    if len(judged) < 2 or judged[0] is not facts.trough:
        return False
    return judged[0].highest_trough < MARKED_FALL * judged[1].lowest_trough * (1 - 1e-9)


def _albumin(record: TreatmentRecord) -> Iterator[DataIssue]:
    for m in record.measured("albumin")[-1:]:
        if m.reading.high < ALBUMIN_MODELLED_G_PER_L:
            yield note("albumin-outside-models", value=f"{m.reading.value:g}", evidence=m.evidence)
        elif m.reading.high < ALBUMIN_LOW_G_PER_L:
            yield note("albumin-low", value=f"{m.reading.value:g}", evidence=m.evidence)


def _outside_models(facts: Facts) -> Iterator[DataIssue]:
    if facts.weight is not None and facts.weight.kg > HEAVIEST_MODELLED_KG:
        yield note("weight-outside-models", value=f"{facts.weight.kg:g}")
    per_kg = facts.given.dose_mg_per_kg if facts.given else None
    lowest, highest = DOSES_MODELLED_MG_PER_KG
    if per_kg is not None and not lowest <= per_kg <= highest:
        yield note("dose-outside-models", value=f"{per_kg:.1f}")


def _immunomodulator(record: TreatmentRecord, facts: Facts) -> Iterator[DataIssue]:
    """Stopped within 6 months and none since."""
    ends = [m.end for m in record.medications if m.concept == "immunomodulator"]
    if not ends or None in ends:
        return
    last = max((end for end in ends if end is not None), key=instant)
    if 0 <= days_ago(last, facts.as_of) <= STOPPED_RECENTLY_DAYS:
        yield note("immunomodulator-stopped", day=last.day_in_words)


def _conditions(record: TreatmentRecord, *, dose_capped: bool) -> Iterator[DataIssue]:
    concepts = current_concepts(record)
    if "stricture" in concepts:
        yield note("stricture")
    if "other_indication.psoriasis" in concepts:
        yield note("psoriasis")
    if any(r.severe is False for r in record.reactions):
        yield note("mild-reaction")
    if any(r.severe is None for r in record.reactions):
        yield note("reaction-ungraded")
    if dose_capped:
        yield note("heart-failure-cap")
