"""Same unit, other assay, other meaning; same day only; blind assays; undetectable drug."""

from dataclasses import replace

import pytest

from cds_service.clinical.assessment import AntibodyJudgement, AntibodyStatus
from cds_service.clinical.record import AntibodyLevel, ReportedSign
from tests.clinical.charts import REPORTED_NEGATIVE, ago, antibody, chart, day, judge, level


def judged(result: AntibodyLevel | None, value: str | float = 1.7, **more: object) -> AntibodyJudgement:
    sample = level(value, **more)
    return judge(chart(sample, antibodies=[] if result is None else [result])).antibody


@pytest.mark.parametrize(
    ("assay", "value", "unit", "status"),
    [
        ("mayo-ecl", 9.5, "U/mL", "negative"),
        ("prometheus-hmsa", 9.5, "U/mL", "high"),  # the same number in the same unit
        ("mayo-ecl", 49, "U/mL", "negative"),
        ("mayo-ecl", "<50", "U/mL", "negative"),
        ("mayo-ecl", "<70", "U/mL", "unknown"),  # may be 60, may be 40
        ("mayo-ecl", 50, "U/mL", "positive"),  # no threshold for high is published
        ("prometheus-hmsa", 3.1, "U/mL", "negative"),
        ("prometheus-hmsa", "<3.1", "U/mL", "negative"),
        ("prometheus-hmsa", 3.2, "U/mL", "low"),
        ("prometheus-hmsa", 9.1, "U/mL", "low"),
        ("prometheus-hmsa", 9.2, "U/mL", "high"),
        ("prometheus-hmsa", ">9.1", "U/mL", "high"),
        ("prometheus-hmsa", ">5", "U/mL", "positive"),  # positive for sure, low or high is open
        ("prometheus-hmsa", ">2", "U/mL", "unknown"),
        ("exeter-total-ada", 9, "AU/mL", "negative"),
        ("exeter-total-ada", 10, "AU/mL", "positive"),
        ("oxford-elisa", 10, "ng/mL", "negative"),
        ("oxford-elisa", 11, "ng/mL", "positive"),
        ("quest-elisa", 9, "AU/mL", "negative"),
        ("leuven-dt-elisa", 282, "ng/mL", "high"),
        ("leuven-dt-elisa", 100, "ng/mL", "unknown"),  # no negative threshold is published
        ("lambda-chain-elisa", 9.1, "ug/mL", "high"),
        ("labcorp-doseassure", 10, "ng/mL", "unknown"),  # its bands could not be verified
        ("mayo-ecl", 9.5, "ng/mL", "unknown"),  # not this assay's unit
        (None, 9.5, "U/mL", "unknown"),  # a bare number of an unknown assay
    ],
)
def test_by_its_own_unit_and_thresholds(assay: str | None, value: str | float, unit: str, status: str) -> None:
    assert judged(antibody(value, unit, assay)).status.value == status


@pytest.mark.parametrize(("unit", "told"), [("ng/mL", "ng/mL"), (None, "no unit")])
def test_a_unit_that_is_not_the_assays_is_told(unit: str | None, told: str) -> None:
    issues = judge(chart(level(1.7), antibodies=[antibody(9, unit)])).issues
    assert [told in issue.message for issue in issues if issue.code == "antibody-unit"] == [True]


def test_an_assay_that_names_no_unit_leaves_a_number_to_the_report() -> None:
    judgement = judged(antibody(12, "ng/mL", "theradiag", reported=ReportedSign.POSITIVE))
    assert (judgement.status, judgement.source) == (AntibodyStatus.POSITIVE, "as reported")


def test_an_unknown_assay_is_read_as_reported_and_says_so() -> None:
    judgement = judged(REPORTED_NEGATIVE)
    assert (judgement.status, judgement.source) == (AntibodyStatus.NEGATIVE, "as reported")
    positive = antibody(30, "U/mL", None, reported=ReportedSign.POSITIVE)
    assert judged(positive).status is AntibodyStatus.POSITIVE


def test_a_known_assays_thresholds_go_before_the_reported_reference_range() -> None:
    assert judged(antibody(9.5, reported=ReportedSign.POSITIVE)).status is AntibodyStatus.NEGATIVE


def test_a_known_assay_without_thresholds_is_read_as_reported() -> None:
    reported = antibody(10, "ng/mL", "labcorp-doseassure", reported=ReportedSign.NEGATIVE)
    assert judged(reported).status is AntibodyStatus.NEGATIVE


@pytest.mark.parametrize("assay", ["theradiag", "quantum-blue"])
def test_a_negative_of_a_blind_assay_is_uninformative_while_drug_is_measurable(assay: str) -> None:
    blind = antibody(None, None, assay, reported=ReportedSign.NEGATIVE)
    assert judged(blind).status is AntibodyStatus.UNINFORMATIVE
    assert judged(blind, "<0.4").status is AntibodyStatus.NEGATIVE


def test_a_positive_of_a_blind_assay_stands_though_drug_is_measurable() -> None:
    seen = antibody(None, None, "theradiag", reported=ReportedSign.POSITIVE)
    assert judged(seen).status is AntibodyStatus.POSITIVE


@pytest.mark.parametrize(
    ("result", "assay", "value"),
    [
        (antibody(4, assay="prometheus-hmsa"), None, "<0.8"),
        (antibody(60), None, "<1.0"),
        (antibody(60), "mayo-ecl", 0.5),  # a number under the assay's limit is no number
        (antibody(60), None, 0),
    ],
)
def test_with_undetectable_drug_any_antibody_reads_as_high(
    result: AntibodyLevel, assay: str | None, value: str | float
) -> None:
    judgement = judged(result, value, assay=assay)
    assert judgement.status is AntibodyStatus.HIGH
    assert judgement.reasons == ("no drug measurable: any antibody counts as high",)


def test_an_antibody_that_is_high_by_its_own_assay_is_not_called_high_for_want_of_drug() -> None:
    judgement = judged(antibody(12, assay="prometheus-hmsa"), "<0.8")
    assert (judgement.status, judgement.reasons) == (AntibodyStatus.HIGH, ())


def test_only_an_antibody_of_the_same_day_is_used_and_another_is_named() -> None:
    assessment = judge(chart(level(1.7), antibodies=[antibody("<20", drawn=ago(days=2))]))
    assert assessment.antibody.status is AntibodyStatus.UNKNOWN
    assert assessment.antibody.same_sample is False
    assert "antibody-other-day" in {issue.code for issue in assessment.issues}


def test_of_the_antibodies_of_other_days_the_newest_is_shown() -> None:
    older, newer = (antibody("<20", drawn=ago(weeks=w), evidence=f"Observation/{w}") for w in (16, 8))
    for both in ([older, newer], [newer, older]):
        assert judge(chart(level(1.7), antibodies=both)).antibody.result == newer


def test_a_date_without_a_time_pairs_with_its_day() -> None:
    assert judged(antibody("<20", drawn=day())).status is AntibodyStatus.NEGATIVE


@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        (antibody("<20"), antibody(12, assay="prometheus-hmsa"), "high"),  # no negative hides a high one
        (antibody("<20"), antibody(5, assay="prometheus-hmsa"), "low"),
        (antibody("<20"), antibody(7, assay=None), "negative"),  # a number that says nothing yields
    ],
)
def test_of_several_results_of_one_day_the_gravest_is_judged(
    one: AntibodyLevel, other: AntibodyLevel, status: str
) -> None:
    later = replace(other, evidence="Observation/other", drawn=ago(hours=2))
    for both in ([one, later], [later, one]):
        assert judge(chart(level(1.7), antibodies=both)).antibody.status.value == status


def test_one_specimen_is_told_from_another_of_the_same_day() -> None:
    def shared(specimen: str) -> bool | None:
        result = antibody("<20", specimen=specimen)
        return judge(chart(level(1.7, specimen="Specimen/1"), antibodies=[result])).antibody.same_sample

    assert (shared("Specimen/1"), shared("Specimen/2")) == (True, False)


def test_a_pending_antibody_is_pending_and_never_negative() -> None:
    assert judged(antibody(None, pending=True)).status is AntibodyStatus.PENDING


def test_without_an_antibody_it_is_unknown_and_a_reflex_laboratory_explains_why() -> None:
    assert judged(None).status is AntibodyStatus.UNKNOWN
    assessment = judge(chart(level(7, assay="mayo-ecl"), antibodies=[]))
    assert "antibody-reflex" in {issue.code for issue in assessment.issues}
    assert "antibody-reflex" not in {i.code for i in judge(chart(level(3, assay="mayo-ecl"), antibodies=[])).issues}
    always = judge(chart(level(7, assay="prometheus-hmsa"), antibodies=[]))  # measures the antibody at any level
    assert "antibody-reflex" not in {issue.code for issue in always.issues}


def test_without_any_level_there_is_nothing_to_pair() -> None:
    assert judge(chart(antibodies=[])).antibody.reasons == ("no antibody on record",)
