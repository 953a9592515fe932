"""Which target applies to this child?

Question: the site's profile, or the higher one for an active perianal fistula? Source: the clinical contract,
section 1; numbers and citations in knowledge/targets.toml (ug/mL).
"""

from datetime import datetime

from cds_service.clinical.assessment import TroughTarget
from cds_service.clinical.knowledge import note, target
from cds_service.clinical.moments import days_ago
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import ConditionState, DataIssue, Diagnosis, TreatmentRecord

FISTULA = "perianal_fistula"


def choose_target(
    record: TreatmentRecord, policy: Policy, as_of: datetime
) -> tuple[TroughTarget, tuple[DataIssue, ...]]:
    """The target and what must be said about it."""
    fistulas = [d for d in record.diagnoses if FISTULA in d.concepts and d.current]
    if not fistulas:
        return target(policy.target_profile), ()
    if policy.perianal_profile and any(_recently_active(d, policy, as_of) for d in fistulas):
        return target("perianal"), (note("perianal-weak"),)
    return target(policy.target_profile), (note("fistula-listed", evidence=fistulas[0].evidence),)


def _recently_active(diagnosis: Diagnosis, policy: Policy, as_of: datetime) -> bool:
    """A new entry inside the window, or one called recurrent that carries no older date."""
    dated = diagnosis.newest_date
    if dated is None:
        return diagnosis.state is ConditionState.RECURRENT
    return days_ago(dated, as_of) <= policy.perianal_activity_days
