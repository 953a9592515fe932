"""Objective disease, the target that applies, and what is said beside any advice."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cds_service.clinical.assessment import DiseaseStatus
from cds_service.clinical.knowledge import perianal_item, target, target_profiles
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    ConditionState,
    Diagnosis,
    DrugLevel,
    Measurement,
    MedicationUse,
    Moment,
    Reaction,
    TreatmentRecord,
)
from tests.clinical.charts import (
    ACTIVE,
    CROHNS,
    ago,
    chart,
    diagnosed,
    infusion,
    infusions,
    judge,
    level,
    measured,
    order,
    procedure,
)

CRP, SES, FC = "crp", "ses_cd", "calprotectin"


@pytest.mark.parametrize(
    ("markers", "status"),
    [
        ([(FC, 251, 1)], "active"),
        ([(FC, ">1800", 1)], "active"),
        ([(FC, 251, 13)], "unknown"),  # 12 weeks
        ([(SES, 3, 20)], "active"),
        ([(SES, 3, 27)], "unknown"),  # 6 months
        ([(CRP, 12, 1)], "unknown"),  # raised once: repeat
        ([(CRP, 12, 1), (CRP, 9, 5)], "active"),
        ([(CRP, 12, 5), (CRP, 2, 1)], "unknown"),
        ([("pcdai", 60, 1)], "unknown"),  # symptoms alone never make it active
        ([(CRP, 2, 1), (FC, 80, 1)], "quiet"),
        ([(CRP, 2, 1), (SES, 2, 1)], "quiet"),
        ([(CRP, 2, 1), (FC, 250, 1)], "unknown"),
        ([(CRP, 2, 1)], "unknown"),
        ([(FC, 80, 1)], "unknown"),
        ([(CRP, "<5", 1), (FC, "<30", 1)], "quiet"),
        ([(CRP, 2, 1), (FC, "<300", 1)], "unknown"),
    ],
)
def test_disease_is_active_quiet_or_unknown_by_objective_markers(
    markers: list[tuple[str, str | float, float]], status: str
) -> None:
    record = chart(level(7), markers=[measured(concept, value, ago(weeks=w)) for concept, value, w in markers])
    assert judge(record).disease.status.value == status


def test_a_reports_own_upper_limit_goes_before_the_usual_one() -> None:
    def crp(upper: float) -> list[Measurement]:
        return [replace(measured(CRP, 7, ago(weeks=w)), upper_limit=upper) for w in (5, 1)]

    assert judge(chart(level(7), markers=crp(10))).disease.status is DiseaseStatus.UNKNOWN
    assert judge(chart(level(7), markers=crp(5))).disease.status is DiseaseStatus.ACTIVE


def test_each_marker_is_evidence_with_its_reading() -> None:
    evidence = judge(chart(level(7), markers=[measured(CRP, 12, ago(weeks=1))])).disease.evidence
    assert [(m.marker, m.reading) for m in evidence] == [("crp", "raised once")]
    since = judge(chart(level(7), markers=[measured(CRP, 12, ago(weeks=4)), measured(CRP, 2, ago(weeks=1))]))
    assert [m.reading for m in since.disease.evidence] == ["normal", "raised before"]


FISTULA = "perianal_fistula"


@pytest.mark.parametrize(
    ("fistula", "profile"),
    [
        (diagnosed(FISTULA, recorded=ago(days=30)), "perianal"),
        (diagnosed(FISTULA, recorded=ago(days=200)), "paed-default"),
        (diagnosed(FISTULA, recorded=ago(days=30), state=ConditionState.INACTIVE), "paed-default"),
        (diagnosed(FISTULA, state=ConditionState.RECURRENT), "perianal"),
        (diagnosed(FISTULA), "paed-default"),
    ],
)
def test_a_recently_active_fistula_raises_the_target(fistula: object, profile: str) -> None:
    assert judge(chart(level(7), diagnoses=[CROHNS, fistula])).target.profile == profile


def test_a_fistula_without_activity_is_noted_and_a_site_may_turn_the_profile_off() -> None:
    old = judge(chart(level(7), diagnoses=[CROHNS, diagnosed(FISTULA, recorded=ago(days=200))]))
    assert "fistula-listed" in {issue.code for issue in old.issues}
    fresh = chart(level(7), diagnoses=[CROHNS, diagnosed(FISTULA, recorded=ago(days=30))])
    assert judge(fresh, policy=Policy(perianal_profile=False)).target.profile == "paed-default"
    assert judge(fresh).trough_status.value == "below"


OLD_FISTULA = diagnosed(FISTULA, recorded=ago(weeks=150))
SETON = procedure("placement of a seton", ago(weeks=5))


def item(value: str | float, at: Moment | None = None) -> Measurement:
    return measured("perianal_item", value, at or ago(weeks=5))


@pytest.mark.parametrize(
    ("record", "notes"),
    [
        (chart(level(7), diagnoses=[CROHNS, OLD_FISTULA], markers=[item(10)]), {"perianal-item"}),
        (chart(level(7), diagnoses=[CROHNS, OLD_FISTULA], markers=[item(15)]), {"perianal-item"}),
        (chart(level(7), diagnoses=[CROHNS, OLD_FISTULA], markers=[item(10, ago(days=183))]), {"perianal-item"}),
        (chart(level(7), diagnoses=[CROHNS, OLD_FISTULA], procedures=(SETON,)), {"perianal-procedure"}),
        (
            chart(level(7), diagnoses=[CROHNS, OLD_FISTULA], markers=[item(10)], procedures=(SETON,)),
            {"perianal-item", "perianal-procedure"},
        ),
        (
            chart(level(7), diagnoses=[CROHNS, diagnosed(FISTULA, recorded=ago(days=9))], procedures=(SETON,)),
            {"perianal-entry", "perianal-procedure"},
        ),
    ],
)
def test_an_old_fistula_is_active_by_the_perianal_item_or_a_procedure_and_the_card_says_which(
    record: TreatmentRecord, notes: set[str]
) -> None:
    assessment = judge(record)
    assert (assessment.target.profile, assessment.trough_status.value) == ("perianal", "below")
    told = {issue.code: issue for issue in assessment.issues if issue.about == "target"}
    assert set(told) == {"perianal-weak", *notes}
    assert all(told[code].evidence for code in notes)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"markers": [item(5)]}, set()),
        ({"markers": [item(7.5)]}, set()),
        ({"markers": [item("<10")]}, set()),
        ({"markers": [item(">5")]}, {"perianal-item-implausible"}),  # no item is open at its upper end
        ({"markers": [item(40)]}, {"perianal-item-implausible"}),  # a whole score under the name of its item
        ({"markers": [item(10, ago(days=184))]}, set()),
        ({"procedures": (procedure("placement of a seton", ago(days=184)),)}, set()),
        ({"procedures": (replace(SETON, concept="colonoscopy"),)}, set()),
    ],
)
def test_what_is_indolent_old_or_no_item_does_not_make_a_fistula_active(more: Any, told: set[str]) -> None:
    assessment = judge(chart(level(7), diagnoses=[CROHNS, OLD_FISTULA], **more))
    assert assessment.target.profile == "paed-default"
    assert {i.code for i in assessment.issues if i.about == "target"} == {"fistula-listed", *told}


@pytest.mark.parametrize("fistula", [[], [diagnosed(FISTULA, recorded=ago(days=9), state=ConditionState.INACTIVE)]])
def test_without_a_fistula_neither_item_nor_procedure_raises_the_target(fistula: list[Diagnosis]) -> None:
    record = chart(level(7), diagnoses=[CROHNS, *fistula], markers=[item(15)], procedures=(SETON,))
    assessment = judge(record)
    assert assessment.target.profile == "paed-default"
    assert not {i.code for i in assessment.issues if i.about == "target"}


def test_the_newest_item_and_procedure_are_named_with_day_value_and_what_was_done() -> None:
    items = [item(10, ago(weeks=20)), item(15, ago(weeks=3)), item(0, ago(weeks=1))]
    procedures = (SETON, procedure("MRI of the pelvis", ago(weeks=2)))
    record = chart(level(7), diagnoses=[CROHNS, OLD_FISTULA], markers=items, procedures=procedures)
    told = {i.code: i.message for i in judge(record).issues if i.about == "target"}
    assert "was 15 on 2 Nov 2026" in told["perianal-item"]
    assert "on 9 Nov 2026 there was a procedure: MRI of the pelvis" in told["perianal-procedure"]


def test_a_recurrent_entry_without_a_date_says_so() -> None:
    record = chart(level(7), diagnoses=[CROHNS, diagnosed(FISTULA, state=ConditionState.RECURRENT)])
    (told,) = [i.message for i in judge(record).issues if i.code == "perianal-entry"]
    assert told.endswith("new or recurrent (without a date).")


def test_a_site_that_turned_the_profile_off_is_not_moved_by_item_or_procedure() -> None:
    record = chart(level(7), diagnoses=[CROHNS, OLD_FISTULA], markers=[item(15)], procedures=(SETON,))
    assert judge(record, policy=Policy(perianal_profile=False)).target.profile == "paed-default"


def test_the_threshold_of_the_item_is_data_with_its_source() -> None:
    assert (perianal_item().active_from, perianal_item().highest) == (10, 15)
    assert "doi:" in perianal_item().citation


@pytest.mark.parametrize(("profile", "rule"), [("paed-default", 13), ("low-trigger-6", 14), ("taxit", 21)])
def test_the_sites_profile_decides(profile: str, rule: int) -> None:
    assert judge(chart(level(4.5)), policy=Policy(target_profile=profile)).leading_rule == rule


def test_the_induction_profile_is_for_display_only() -> None:
    assert "induction" not in target_profiles()
    with pytest.raises(KeyError, match="display only"):
        target("induction")


AZATHIOPRINE_STOPPED = MedicationUse("immunomodulator", ago(weeks=90), "MedicationRequest/aza", ago(weeks=20))
ALT = replace(measured("alt", 121, ago(weeks=1)), upper_limit=40)


def codes(record: object, draft: object = "usual", **more: object) -> set[str]:
    return {issue.code for issue in judge(record, draft, **more).issues}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (chart(level(2), level(6, ago(weeks=8, hours=1))), "fall-unchanged-regimen"),
        (chart(level(2), markers=[measured("albumin", 28, ago(weeks=1))]), "albumin-low"),
        (chart(level(2), markers=[measured("albumin", 22, ago(weeks=1))]), "albumin-outside-models"),
        (chart(level(2), weights=[measured("weight", 104, ago(weeks=1))]), "weight-outside-models"),
        (chart(level(2), weights=[]), "weight-missing"),
        (chart(level(2), diagnoses=[CROHNS, diagnosed("stricture")]), "stricture"),
        (chart(level(2), reactions=(Reaction(severe=False, evidence="AllergyIntolerance/1"),)), "mild-reaction"),
        (chart(level(2), diagnoses=[CROHNS, diagnosed("stop.heart_failure")]), "heart-failure-cap"),
        (chart(level(2), given=infusions((16, 8))), "started-elsewhere"),
        (chart(level(2), given=infusions(mg=600)), "dose-outside-models"),
        (chart(level(2), diagnoses=[CROHNS, diagnosed("other_indication.psoriasis")]), "psoriasis"),
        (chart(level(2), medications=(AZATHIOPRINE_STOPPED,)), "immunomodulator-stopped"),
        (chart(level(2), markers=[ALT]), "liver"),
        (chart(level(2), markers=[measured("leukocytes", 2.9, ago(weeks=1))]), "leukopenia"),
        (chart(level(2), markers=[measured("platelets", 99, ago(weeks=1))]), "thrombocytopenia"),
        (chart(level(2), given=[*infusions()[:-1], infusion(ago(weeks=8), 80, complete=False)]), "partial-infusion"),
    ],
)
def test_what_must_be_said_is_said(record: object, code: str) -> None:
    assert code in codes(record)


@pytest.mark.parametrize(
    "record",
    [
        chart(level(2), medications=(replace(AZATHIOPRINE_STOPPED, end=ago(weeks=30)),)),
        chart(level(2), medications=(replace(AZATHIOPRINE_STOPPED, end=None),)),
        chart(level(2), medications=(AZATHIOPRINE_STOPPED, replace(AZATHIOPRINE_STOPPED, end=None))),
        chart(level(2), markers=[replace(ALT, upper_limit=None)]),
        chart(level(2), markers=[replace(ALT, upper_limit=41)]),
        chart(level(2), markers=[measured("platelets", 99, ago(weeks=13))]),
        chart(level(2), markers=[measured("platelets", 100, ago(weeks=1))]),
    ],
)
def test_what_is_not_known_or_long_past_is_not_said(record: object) -> None:
    told = codes(record)
    assert not told & {"immunomodulator-stopped", "liver", "leukopenia", "thrombocytopenia"}


def test_that_the_site_allows_advice_under_six_is_said_only_where_it_does() -> None:
    record = chart(level(2), born=date(2021, 6, 1))
    assert "under-six" in codes(record, policy=Policy(allow_under_six=True))
    assert "under-six" not in codes(record)


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ([], "no level on record"),
        ([level(None)], "the value or unit of the level could not be read"),
        ([level("<7")], "the level is a bound that does not say on which side of the target it lies"),
        ([level(7, ago(weeks=56, hours=1))], "no recent level"),
    ],
)
def test_why_a_level_is_not_usable_is_said(levels: list[DrugLevel], reason: str) -> None:
    given = infusions((118, 116, *range(112, 7, -8)))
    assert reason in judge(chart(*levels, given=given)).advice[0].reasons


@pytest.mark.parametrize(
    ("now", "before", "fell"),
    [
        (8, level(26, ago(weeks=10)), False),  # two weeks early: a trough of 6.5 to 13
        (8, level(90, ago(weeks=10)), True),  # 22.5 to 45
        (8, level(21, ago(weeks=8, hours=1)), True),
        (8, level(">34", ago(weeks=8, hours=1)), True),
    ],
)
def test_a_fall_is_one_of_troughs_also_where_the_earlier_sample_was_drawn_early(
    now: float, before: DrugLevel, fell: bool
) -> None:
    assert ("fall-unchanged-regimen" in codes(chart(level(now), before))) is fell


@pytest.mark.parametrize(("value", "fell"), [(30, True), (33, False), (">30", False)])
def test_a_fall_is_one_of_troughs_also_where_the_newest_sample_was_drawn_early(value: str | float, fell: bool) -> None:
    early = level(value, ago(weeks=2))
    assert ("fall-unchanged-regimen" in codes(chart(early, level(40, ago(weeks=8, hours=1))))) is fell


def test_no_note_is_made_of_an_ordinary_chart() -> None:
    ordinary = chart(level(5.5), level(6, ago(weeks=8, hours=1)), markers=ACTIVE)
    told = codes(ordinary)
    assert not told & {"fall-unchanged-regimen", "albumin-low", "weight-missing", "stricture", "interval-inferred"}


def test_a_draft_without_an_interval_says_which_one_is_assumed() -> None:
    assert "interval-inferred" in codes(chart(level(2)), order(weeks=None))
