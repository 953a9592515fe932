"""Which results of level and antibody went unused although they may be newer than those that decide.

Question: may nothing be said of this order? Source: the clinical contract, section 1 (newer unusable levels are named);
silence means that all was evaluated, and there is nothing to say.
"""

from collections.abc import Iterable

from cds_service.clinical.assessment import TroughJudgement
from cds_service.clinical.moments import instant
from cds_service.clinical.record import AntibodyLevel, DataIssue, DrugLevel, IssueLevel, TreatmentRecord

LEVEL, ANTIBODY = "infliximab_level", "infliximab_antibody"
# Told of any antibody of another day; one that is newer, and not negative, has an issue of its own.
OF_ANOTHER_DAY = "antibody-other-day"


def unused_results(
    record: TreatmentRecord, trough: TroughJudgement, issues: Iterable[DataIssue]
) -> tuple[DataIssue, ...]:
    """The limits on levels and antibodies, without those of results older than the deciding level."""
    results: tuple[DrugLevel | AntibodyLevel, ...] = (*record.levels, *record.antibodies)
    older = {
        result.evidence
        for result in results
        if result.drawn and trough.drawn and instant(result.drawn) < instant(trough.drawn)
    }
    return tuple(
        issue
        for issue in issues
        if issue.about in (LEVEL, ANTIBODY)
        and issue.level is not IssueLevel.NOTE
        and issue.code != OF_ANOTHER_DAY
        and issue.evidence not in older
    )
