"""Which results of level and antibody went unused although they may be newer than those that decide.

Question: may nothing be said of this order? Source: the clinical contract, section 1 (newer unusable levels are named);
silence means that all was evaluated, and there is nothing to say.
"""

from collections.abc import Iterable

from cds_service.clinical.assessment import TroughJudgement
from cds_service.clinical.moments import instant
from cds_service.clinical.record import DataIssue, IssueLevel, Moment, TreatmentRecord

LEVEL, ANTIBODY = "infliximab_level", "infliximab_antibody"
# Told of any antibody of another day; one that is newer, and not negative, has an issue of its own.
OF_ANOTHER_DAY = "antibody-other-day"


def unused_results(
    record: TreatmentRecord, trough: TroughJudgement, issues: Iterable[DataIssue]
) -> tuple[DataIssue, ...]:
    """The limits on levels and antibodies, without those of older results and of the deciding level's antibody."""
    known = {
        *(level.evidence for level in record.levels if _is_passed(level.drawn, LEVEL, trough)),
        *(antibody.evidence for antibody in record.antibodies if _is_passed(antibody.drawn, ANTIBODY, trough)),
    }
    return tuple(
        issue
        for issue in issues
        if issue.about in (LEVEL, ANTIBODY)
        and issue.level is not IssueLevel.NOTE
        and issue.code != OF_ANOTHER_DAY
        and issue.evidence not in known
        and not _is_passed(issue.drawn, issue.about, trough)
    )


def _is_passed(drawn: Moment | None, concept: str, trough: TroughJudgement) -> bool:
    """Whether a sample is known to be older than the deciding one, or its antibody: an adequate level needs none."""
    if drawn is None or trough.drawn is None:
        return False
    its_antibody = concept == ANTIBODY and drawn.same_day(trough.drawn)
    return its_antibody or instant(drawn) < instant(trough.drawn)
