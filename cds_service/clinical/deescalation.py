"""Might less drug do?

Question: row 20 of the precedence table. Source: the clinical contract, section 2; the threshold of 15 ug/mL and the
spans are judgement. A high level alone never leads here: relapse was 47 % at two years (doi:10.1111/apt.15046).
"""

from collections.abc import Sequence
from datetime import datetime

from cds_service.clinical.assessment import TroughJudgement, TroughStatus, TroughTarget
from cds_service.clinical.disease import remission_documented
from cds_service.clinical.moments import days_ago
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import TreatmentRecord
from cds_service.clinical.timeline import Timeline

REMISSION_DAYS = 183
NO_ESCALATION_DAYS = 365


def well_above_in_remission(
    record: TreatmentRecord,
    judgements: Sequence[TroughJudgement],
    timeline: Timeline,
    target: TroughTarget,
    policy: Policy,
    as_of: datetime,
) -> bool:
    """Two troughs above 15, remission documented for 6 months, regimen unchanged for 12, not perianal."""
    if target.profile == "perianal" or any("perianal_fistula" in d.concepts and d.current for d in record.diagnoses):
        return False
    held = bool(timeline.regimen) and days_ago(timeline.regimen[0].start, as_of) >= NO_ESCALATION_DAYS
    return held and _two_high(judgements, policy) and remission_documented(record, policy, as_of, REMISSION_DAYS)


def _two_high(judgements: Sequence[TroughJudgement], policy: Policy) -> bool:
    """The two newest judged troughs surely lie above the limit, the newest of them still decides."""
    judged = [j for j in judgements if j.status is not TroughStatus.UNDETERMINED][:2]
    high = [j for j in judged if _surely_above(j, policy.deescalation_above_ug_per_ml)]
    return len(high) == 2 and high[0].qualification.qualifies


def _surely_above(judgement: TroughJudgement, limit: float) -> bool:
    """Whether the trough itself does, also where the sample was drawn early."""
    above = judgement.reading is not None and judgement.reading.surely_above(limit)
    return above and (judgement.implied_trough is None or judgement.lowest_trough > limit)
