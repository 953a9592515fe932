"""What is newer than the deciding pair, and cannot be used, is told; what is older or negative is not."""

from dataclasses import replace

import pytest

from cards.write import write_cards
from cds_service.clinical.assessment import AntibodyStatus, Assessment
from cds_service.clinical.record import AntibodyLevel, DataIssue, DrugLevel, IssueLevel, Moment
from tests.clinical.charts import EIGHT_WEEKLY, ago, antibody, chart, infusions, judge, level

IN_TARGET = level("6.5", ago(weeks=8, hours=1))
ITS_ANTIBODY = antibody("<20", drawn=IN_TARGET.drawn, evidence="Observation/ada-then")
LATE = infusions([weeks + 2 for weeks in EIGHT_WEEKLY])  # the last infusion was 10 weeks ago, so today is late
BEFORE_THE_LAST = level("6.5", ago(weeks=10, hours=1))
TODAY = ago(hours=1)


def told(assessment: Assessment) -> list[str]:
    """The codes of what was not used; row 21 leads, and there is a card on the order exactly where there are any."""
    assert assessment.leading_rule == 21
    assert bool(write_cards(assessment, hook="order-sign")) is bool(assessment.unused_results)
    return [issue.code for issue in assessment.unused_results]


def antibody_today(value: str | None, assay: str | None = "prometheus-hmsa", **more: object) -> AntibodyLevel:
    return antibody(value, "U/mL", assay, drawn=TODAY, evidence="Observation/ada-today", **more)


@pytest.mark.parametrize(
    "newer",
    [level("<1", ago(hours=1)), level(None, ago(hours=1)), replace(level("0.9"), drawn=None)],
    ids=["late", "without a value", "without a date"],
)
def test_a_newer_level_that_cannot_be_used_is_told_beside_an_older_adequate_one(newer: DrugLevel) -> None:
    assert told(judge(chart(BEFORE_THE_LAST, newer, given=LATE, antibodies=[]))) == ["level-not-usable"]


@pytest.mark.parametrize(
    ("value", "assay", "status"),
    [
        ("40", "prometheus-hmsa", AntibodyStatus.HIGH),
        ("4", "prometheus-hmsa", AntibodyStatus.LOW),
        ("40", None, AntibodyStatus.UNKNOWN),
    ],
)
def test_a_newer_antibody_that_is_not_negative_is_told(value: str, assay: str | None, status: AntibodyStatus) -> None:
    assessment = judge(chart(IN_TARGET, antibodies=[ITS_ANTIBODY, antibody_today(value, assay)]))
    assert told(assessment) == ["antibody-newer"]
    assert assessment.newer_antibody
    assert assessment.newer_antibody.status is status
    assert assessment.antibody.status is AntibodyStatus.NEGATIVE


def test_a_newer_antibody_beside_a_newer_level_without_drug_counts_as_high() -> None:
    low = antibody_today("4")
    assessment = judge(chart(BEFORE_THE_LAST, level("<1"), given=LATE, antibodies=[low]))
    assert told(assessment) == ["level-not-usable", "antibody-newer"]
    assert assessment.newer_antibody
    assert assessment.newer_antibody.status is AntibodyStatus.HIGH


@pytest.mark.parametrize(
    "antibodies",
    [
        [ITS_ANTIBODY],
        [antibody_today("<3.1")],
        [ITS_ANTIBODY, antibody_today(None, pending=True)],
        [antibody("40", "U/mL", "prometheus-hmsa", drawn=ago(weeks=16), evidence="Observation/ada-old")],
        [replace(antibody_today("40"), drawn=None)],
    ],
    ids=["its own", "newer negative", "newer pending", "older high", "undated"],
)
def test_an_antibody_that_is_negative_pending_older_or_undated_breaks_no_silence(
    antibodies: list[AntibodyLevel],
) -> None:
    assert told(judge(chart(IN_TARGET, antibodies=antibodies))) == []


def doubt(evidence: str | None, about: str = "infliximab_level", how: IssueLevel = IssueLevel.LIMITING) -> DataIssue:
    return DataIssue("status-unknown", about, how, "It has the status 'unknown' and was not used.", evidence)


OLD = level(None, ago(weeks=24, hours=1))


@pytest.mark.parametrize(
    ("issue", "breaks"),
    [
        (doubt("Observation/dropped"), True),
        (doubt(None, "infliximab_antibody"), True),
        (doubt(IN_TARGET.evidence), True),
        (doubt(OLD.evidence), False),
        (replace(doubt("Observation/dropped"), drawn=ago(weeks=24)), False),
        (replace(doubt("Observation/dropped"), drawn=ago(weeks=1)), True),
        (replace(doubt("Observation/its", "infliximab_antibody"), drawn=IN_TARGET.drawn), False),
        (replace(doubt("Observation/its"), drawn=IN_TARGET.drawn), True),
        (doubt(None, "albumin"), False),
        (doubt(None, how=IssueLevel.NOTE), False),
    ],
)
def test_a_doubt_about_a_level_or_antibody_is_told_unless_it_is_older(issue: DataIssue, breaks: bool) -> None:
    assessment = judge(chart(OLD, IN_TARGET, antibodies=[ITS_ANTIBODY], issues=(issue,)))
    assert told(assessment) == (["status-unknown"] if breaks else [])


def test_a_level_of_today_in_target_is_still_silent() -> None:
    assert told(judge(chart(level("7")))) == []
    assert told(judge(chart(level("7", Moment(TODAY.at.replace(hour=0), day_only=True))))) == []
