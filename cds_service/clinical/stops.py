"""Is there a reason for which no one should intensify?

Question: infection, malignancy, demyelination, severe reaction? Source: the clinical contract, section 3;
knowledge/stops.toml says which lapse and which never do. Results without a coded condition: `positive_results`.
"""

from collections.abc import Iterator
from datetime import datetime

from cds_service.clinical.assessment import OrderedRegimen, StopCondition
from cds_service.clinical.blood import LEUKOPENIA, LIVER, THROMBOCYTOPENIA, read_blood
from cds_service.clinical.knowledge import StopRow, note, stops
from cds_service.clinical.moments import days_ago
from cds_service.clinical.policy import Policy
from cds_service.clinical.positive_results import OLDER_RESULT, PRELIMINARY, SINCE_NEGATIVE, read_results
from cds_service.clinical.record import ConditionState, DataIssue, Diagnosis, TreatmentRecord

PREFIX = "stop."
FORMER = "stop-former"
SUSPECTED = "stop-suspected"
OLDER = "infection-older"
# What may still speak against more drug: no button until somebody has looked.
HOLDS_BACK = frozenset(
    {
        *(FORMER, SUSPECTED, OLDER),
        *(PRELIMINARY, SINCE_NEGATIVE, OLDER_RESULT),
        *(LIVER, LEUKOPENIA, THROMBOCYTOPENIA),
    }
)


def find_stops(
    record: TreatmentRecord, policy: Policy, as_of: datetime
) -> tuple[tuple[StopCondition, ...], tuple[DataIssue, ...]]:
    """The conditions and results that stop, and the older or only suspected ones that need confirming; blood, too."""
    found: list[StopCondition] = []
    issues: list[DataIssue] = []
    for diagnosis in record.diagnoses:
        for row in _rows(diagnosis):
            if not _counts(row, diagnosis):
                issues.extend(_former(row, diagnosis, policy, as_of))
            elif row.lapses and _older(diagnosis, policy, as_of):
                issues.append(note(OLDER, label=row.coded_label, evidence=diagnosis.evidence))
            else:
                found.append(
                    StopCondition(row.name, row.coded_label, diagnosis.evidence, diagnosis.code, diagnosis.newest_date)
                )
    issues.extend(_suspected(record, policy, as_of))
    found.extend(_reactions(record))
    for result in read_results(record, policy, as_of):
        if isinstance(result, StopCondition):
            found.append(result)
        else:
            issues.append(result)
    issues.extend(read_blood(record, as_of))
    return tuple(found), tuple(issues)


def heart_failure(record: TreatmentRecord) -> bool:
    """Whether the dose is limited to 5 mg/kg (label: higher doses contraindicated)."""
    return bool(_heart_failures(record))


def _heart_failures(record: TreatmentRecord) -> list[Diagnosis]:
    return [d for d in record.diagnoses if "stop.heart_failure" in d.concepts and d.current]


def too_much_for_the_heart(
    record: TreatmentRecord, ordered: OrderedRegimen | None, policy: Policy
) -> tuple[StopCondition, ...]:
    """Heart failure, where the draft itself gives more than the cap: contraindicated, so no other advice leads."""
    per_kg = ordered.dose_mg_per_kg if ordered else None
    if per_kg is None or per_kg <= policy.maximum_mg_per_kg_heart_failure * (1 + 1e-9):
        return ()
    label = f"heart failure, and the draft gives more than {policy.maximum_mg_per_kg_heart_failure:g} mg/kg"
    return tuple(
        StopCondition("heart_failure", label, d.evidence, d.code, d.newest_date) for d in _heart_failures(record)
    )


def _rows(diagnosis: Diagnosis) -> list[StopRow]:
    names = sorted(c.removeprefix(PREFIX) for c in diagnosis.concepts if c.startswith(PREFIX))
    return [stops()[name] for name in names if stops()[name].effect == "stop"]


def _counts(row: StopRow, diagnosis: Diagnosis) -> bool:
    """A remission is still a history of the disease, but no active one."""
    return row.resolved_counts or diagnosis.state not in (ConditionState.INACTIVE, ConditionState.REMISSION)


def _former(row: StopRow, diagnosis: Diagnosis, policy: Policy, as_of: datetime) -> list[DataIssue]:
    """A malignancy in the history, or an infection resolved only lately: worth confirming, and no button."""
    if row.lapses and (diagnosis.newest_date is None or _older(diagnosis, policy, as_of)):
        return []
    return [note(FORMER, label=row.coded_label, evidence=diagnosis.evidence)]


def _suspected(record: TreatmentRecord, policy: Policy, as_of: datetime) -> Iterator[DataIssue]:
    """What would stop if it were confirmed: nothing is concluded from it, and nothing is pressed meanwhile."""
    for diagnosis in record.suspected:
        for row in _rows(diagnosis):
            if _counts(row, diagnosis) and not (row.lapses and _older(diagnosis, policy, as_of)):
                yield note(SUSPECTED, label=row.coded_label, evidence=diagnosis.evidence)


def _older(diagnosis: Diagnosis, policy: Policy, as_of: datetime) -> bool:
    """Whether a dated entry lies before the infection window; an undated one is not known to be old."""
    dated = diagnosis.newest_date
    return dated is not None and days_ago(dated, as_of) > policy.infection_window_days


def _reactions(record: TreatmentRecord) -> list[StopCondition]:
    label = stops()["severe_infusion_reaction"].label
    return [
        StopCondition("severe_infusion_reaction", label, r.evidence, None, r.recorded)
        for r in record.reactions
        if r.severe
    ]
