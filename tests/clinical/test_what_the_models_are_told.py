"""What the models are told of a child: days, units, bounds, and what had to be assumed. All charts are synthetic."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.clinical.history import ALBUMIN_MODELLED_G_PER_L, MOST_LEVELS, History, NoHistory, read_history
from cds_service.clinical.moments import days_ago
from cds_service.clinical.pk.case import Bound
from cds_service.clinical.pk.published import DEFAULT_MODELS, published_model
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    AntibodyLevel,
    DataIssue,
    DrugLevel,
    IssueLevel,
    Measurement,
    MedicationUse,
    Moment,
    ReportedSign,
    SourceState,
    TreatmentRecord,
)
from cds_service.clinical.target import choose_target
from cds_service.clinical.timeline import build_timeline
from cds_service.clinical.trough import judge_levels
from cds_service.clinical.weights import judge_weight
from tests.clinical.charts import (
    EIGHT_WEEKLY,
    VISIT,
    ago,
    antibody,
    chart,
    day,
    infusion,
    infusions,
    level,
    measured,
)
from tests.clinical.test_laws_of_the_advice import CHARTS, charts

ALBUMIN = "albumin_g_per_dl"
FIRST_WEEK = EIGHT_WEEKLY[0]  # days of a history count from the first infusion


def told(record: TreatmentRecord, as_of: datetime = VISIT) -> History | NoHistory:
    policy = Policy()
    timeline = build_timeline(record, policy, Moment(as_of))
    target, _ = choose_target(record, policy, as_of)
    judgements = judge_levels(record.levels, timeline, target, policy, as_of)
    return read_history(record, timeline, judgements, judge_weight(record, policy, as_of).newest, as_of)


def history(record: TreatmentRecord) -> History:
    found = told(record)
    assert isinstance(found, History)
    return found


def covariates(record: TreatmentRecord, weeks: float) -> dict[str, float]:
    """What holds from so many weeks before the visit on."""
    time = (FIRST_WEEK - weeks) * 7
    rows = [row for row in history(record).case.covariates if row.time <= time]
    return dict(rows[-1].values)


def levels(*found: DrugLevel, antibodies: Sequence[AntibodyLevel] = ()) -> list[tuple[float, float, Bound | None]]:
    """Day after the first infusion, number and bound of each level."""
    case = history(chart(*found, antibodies=antibodies)).case
    return [(round(one.time, 2), one.value, one.bound) for one in case.levels]


# Infusions


def test_infusions_are_told_in_days_from_the_first_one_and_in_milligrams() -> None:
    given = [infusion(ago(weeks=w), mg) for w, mg in ((22, 180), (20, 200), (16, 220), (8, 240))]
    case = history(chart(level(1.7), given=given)).case
    assert [(dose.time, dose.mg) for dose in case.infusions] == [(0, 180), (14, 200), (42, 220), (98, 240)]
    assert [round(dose.duration * 24, 6) for dose in case.infusions] == [2, 2, 2, 2]


def test_an_infusion_that_ends_as_it_starts_still_took_a_quarter_of_an_hour() -> None:
    slip = replace(infusion(ago(weeks=8)), end=ago(weeks=8))
    case = history(chart(level(1.7), given=[*infusions(EIGHT_WEEKLY[:-1]), slip])).case
    assert case.infusions[-1].duration * 24 * 60 == pytest.approx(15)


def test_a_treatment_that_began_before_the_record_is_padded_with_infusions_like_the_first() -> None:
    given = [infusion(ago(weeks=w), mg) for w, mg in ((23, 150), (16, 200), (8, 200))]
    found = history(chart(level(1.7), given=given))
    assert found.beginning_assumed
    assert [(dose.time, dose.mg) for dose in found.case.infusions] == [
        *((-49.0 * n, 150) for n in (5, 4, 3, 2, 1, 0)),
        (49.0, 200),
        (105.0, 200),
    ]
    assert not history(chart(level(1.7))).beginning_assumed


@pytest.mark.parametrize(("on_record", "assumed"), [(2, 6), (7, 1), (8, 0), (20, 0)])
def test_eight_infusions_before_the_oldest_level_are_told_and_what_came_before_is_gone(
    on_record: int, assumed: int
) -> None:
    given = [infusion(ago(weeks=8 * n), 100.0 + n) for n in range(on_record, 0, -1)]
    found = history(chart(level(2.0), given=given))
    assert [dose.mg for dose in found.case.infusions] == [
        *[100.0 + on_record] * assumed,
        *(100.0 + n for n in range(min(on_record, 8), 0, -1)),
    ]
    assert found.beginning_assumed is (assumed > 0)


def test_infusions_after_an_old_level_are_all_told() -> None:
    found = history(chart(level(2.0, ago(weeks=24, hours=1)), level(2.2)))
    assert len(found.case.infusions) == len(EIGHT_WEEKLY)  # six before the oldest level, three after it


def test_levels_that_the_assumed_beginning_still_decides_are_not_used() -> None:
    given = infusions((32, 24, 16, 8))
    early = [level(9, ago(weeks=24, hours=1)), level(2, ago(weeks=16, hours=1))]
    case = history(chart(*early, level(1.7), given=given)).case
    assert [one.value for one in case.levels] == [2, 1.7]


# Weights and other covariates


def test_weights_are_those_of_the_day_of_each_infusion_and_the_newest_holds_from_now_on() -> None:
    weights = [measured("weight", kg, ago(weeks=w)) for kg, w in ((30, 60), (34, 40), (38, 20), (42, 1))]
    record = chart(level(1.7), weights=weights)
    assert [covariates(record, w)["weight_kg"] for w in (62, 60, 40, 32, 16, 8, 0)] == [30, 30, 34, 34, 38, 38, 42]
    assert history(record).weight_kg == 42
    assert history(record).last_mg == 200


def test_a_weight_that_is_only_a_bound_is_no_weight() -> None:
    weights = [measured("weight", 40, ago(weeks=9)), measured("weight", ">45", ago(weeks=1))]
    assert history(chart(level(1.7), weights=weights)).weight_kg == 40


def test_albumin_is_told_in_grams_per_decilitre_as_last_known_on_the_day_of_each_infusion() -> None:
    markers = [measured("albumin", g_per_l, ago(weeks=w)) for g_per_l, w in ((30, 61), (41, 8), (44, 0.1))]
    record = chart(level(1.7), markers=markers)
    assert [covariates(record, w)[ALBUMIN] for w in (62, 16, 8, 0)] == [3.0, 3.0, 4.1, 4.4]
    assert history(record).missing == frozenset()


def test_an_albumin_of_the_past_beyond_the_models_counts_as_their_end_and_one_of_today_as_it_is() -> None:
    for told_g_per_l, held in ((18, 2.5), (1, 2.5), (61, 5.5)):
        past, today = measured("albumin", told_g_per_l, ago(weeks=60)), measured("albumin", told_g_per_l, ago(weeks=1))
        assert covariates(chart(level(1.7), markers=[past]), 8)[ALBUMIN] == held
        assert covariates(chart(level(1.7), markers=[today]), 0)[ALBUMIN] == told_g_per_l / 10


def test_the_limits_of_albumin_are_those_of_every_default_model() -> None:
    limits = {published_model(name).domain.limits[ALBUMIN] for name in DEFAULT_MODELS}
    assert limits == {tuple(g_per_l / 10 for g_per_l in ALBUMIN_MODELLED_G_PER_L)}


@pytest.mark.parametrize(
    ("albumins", "missing", "old", "today"),
    [
        ([], True, None, 3.8),
        ([(41, 183)], False, None, 4.1),
        ([(41, 184)], True, date(2026, 5, 23), 4.1),
        ([(30, 400), (41, 184)], True, date(2026, 5, 23), 4.1),
        ([(30, 400), (41, 2)], False, None, 4.1),
        ([("<20", 2)], True, None, 3.8),
    ],
)
def test_an_albumin_older_than_half_a_year_is_used_and_counts_as_assumed(
    albumins: list[tuple[str | float, float]], missing: bool, old: date | None, today: float
) -> None:
    record = chart(level(1.7), markers=[measured("albumin", value, ago(days=d)) for value, d in albumins])
    found = history(record)
    assert (ALBUMIN in found.missing, found.old_albumin) == (missing, old)
    assert covariates(record, 0)[ALBUMIN] == today


HIGH = antibody("200", drawn=ago(weeks=24, hours=1))
GONE = antibody("<20", drawn=ago(weeks=8, hours=1))
BLIND = antibody(None, None, "theradiag", reported=ReportedSign.NEGATIVE, drawn=ago(weeks=8, hours=1))


@pytest.mark.parametrize(
    ("antibodies", "by_week", "missing"),
    [
        ([], (0, 0, 0, 0), True),
        ([HIGH], (1, 1, 1, 1), False),
        ([GONE, HIGH], (1, 1, 1, 0), False),
        ([replace(GONE, drawn=ago(weeks=40)), HIGH], (0, 1, 1, 1), False),
        ([BLIND], (0, 0, 0, 0), True),
        ([HIGH, BLIND], (1, 1, 1, 1), False),
        ([replace(HIGH, pending=True)], (0, 0, 0, 0), True),
        ([replace(HIGH, drawn=None)], (0, 0, 0, 0), True),
        ([antibody("12", "U/mL", None, drawn=ago(weeks=8))], (0, 0, 0, 0), True),
    ],
)
def test_an_antibody_is_positive_from_the_first_positive_sample_until_a_negative_one_that_can_tell(
    antibodies: list[AntibodyLevel], by_week: tuple[float, ...], missing: bool
) -> None:
    record = chart(level(1.7), antibodies=antibodies)
    assert tuple(covariates(record, w)["antibody_positive"] for w in (32, 24, 16, 0)) == by_week
    assert ("antibody_positive" in history(record).missing) == missing


def taken(since: Moment | None, until: Moment | None) -> MedicationUse:
    return MedicationUse("immunomodulator", since, "MedicationRequest/azathioprine", until)


@pytest.mark.parametrize(
    ("medications", "by_week"),
    [
        ([], (0, 0, 0)),
        ([taken(None, None)], (1, 1, 1)),
        ([taken(ago(weeks=30), ago(weeks=10))], (0, 1, 0)),
        ([taken(ago(weeks=16), None)], (0, 1, 1)),
        ([taken(ago(weeks=70), ago(weeks=20)), taken(ago(weeks=3), day())], (1, 0, 1)),
        ([replace(taken(None, None), concept="systemic_steroid")], (0, 0, 0)),
    ],
)
def test_an_immunomodulator_counts_while_it_was_taken(
    medications: list[MedicationUse], by_week: tuple[float, ...]
) -> None:
    record = chart(level(1.7), medications=tuple(medications))
    assert tuple(covariates(record, w)["immunomodulator"] for w in (32, 16, 0)) == by_week
    assert "immunomodulator" not in history(record).missing


def test_where_prescriptions_were_not_read_it_is_not_known_whether_an_immunomodulator_is_taken() -> None:
    unread = {"prescriptions": SourceState.UNREADABLE}
    assert "immunomodulator" in history(chart(level(1.7), sources=unread)).missing
    known = chart(level(1.7), sources=unread, medications=(taken(None, None),))
    assert "immunomodulator" not in history(known).missing


def test_an_immunomodulator_that_is_only_named_is_not_known() -> None:
    doubt = DataIssue("medication-by-name-only", "immunomodulator", IssueLevel.LIMITING, "It is only named.")
    assert "immunomodulator" in history(chart(level(1.7), issues=(doubt,))).missing


# Levels


def test_a_level_is_told_with_the_day_of_its_sample() -> None:
    assert levels(level(4.2, ago(weeks=16, hours=12)), level(1.7)) == [(321.5, 4.2, None), (433.96, 1.7, None)]


@pytest.mark.parametrize(
    ("value", "assay", "expected"),
    [
        ("1.7", None, (1.7, None)),
        ("<0.4", None, (0.4, Bound.BELOW)),
        ("<=0.4", None, (0.4, Bound.BELOW)),
        (">34", None, (34, Bound.ABOVE)),
        (">=34", None, (34, Bound.ABOVE)),
        ("0.7", "mayo-ecl", (1.0, Bound.BELOW)),
        ("1.0", "mayo-ecl", (1.0, None)),
        ("0", "mayo-ecl", (1.0, Bound.BELOW)),
        ("0.7", "no-such-assay", (0.7, None)),
    ],
)
def test_a_bound_stays_a_bound_and_a_number_below_the_limit_of_a_known_assay_becomes_one(
    value: str, assay: str | None, expected: tuple[float, Bound | None]
) -> None:
    assert levels(level(value, assay=assay)) == [(433.96, *expected)]


ONE = [(433.96, 1.7, None)]


@pytest.mark.parametrize(
    ("why", "other"),
    [
        ("reported twice", level(1.7)),
        ("drawn during an infusion", level(90, ago(weeks=8, hours=-1))),
        ("drawn within a day after it", level(90, ago(weeks=8, hours=-20))),
        ("before every infusion", level(3, ago(weeks=63))),
        ("without a date", level(3, drawn=None)),
        ("without a value", level(None, ago(weeks=16, hours=1))),
        ("not final", level(3, ago(weeks=16, hours=1), pending=True)),
        ("a zero of an unknown assay", level(0, ago(weeks=16, hours=1))),
        ("known to the day only, in mid-interval", level(9, day(weeks=20))),
    ],
)
def test_a_level_that_says_nothing_is_left_out(why: str, other: DrugLevel) -> None:
    assert levels(other, level(1.7)) == ONE, why


def test_a_level_of_an_infusion_day_without_a_time_was_drawn_just_before_that_infusion() -> None:
    case = history(chart(level(4.2, day(weeks=16)), level(1.7))).case
    assert case.levels[0].time == case.infusions[7].time


def test_a_level_that_is_no_trough_still_speaks_where_its_time_is_exact() -> None:
    assert levels(level(9, ago(weeks=20)), level(1.7)) == [(294.0, 9.0, None), *ONE]


def test_of_many_levels_the_newest_eight_are_used() -> None:
    many = [level(2 + w / 10, ago(weeks=w, hours=1)) for w in range(1, 8)]
    many += [level(3, ago(weeks=w, hours=1)) for w in (16, 24, 32)]
    found = levels(*many, level(1.7))
    assert len(found) == MOST_LEVELS == 8
    assert [value for _, value, _ in found] == [2.7, 2.6, 2.5, 2.4, 2.3, 2.2, 2.1, 1.7]


# When the next infusion comes


@pytest.mark.parametrize(
    ("weeks", "in_days"),
    [((56, 48, 40, 32, 24, 16, 8), 56), ((55, 47, 39, 31, 23, 15, 7), 56), ((58, 50, 42, 34, 26, 18, 10), 70)],
)
def test_the_next_infusion_is_due_or_where_that_has_passed_today(weeks: tuple[float, ...], in_days: float) -> None:
    found = history(chart(level(1.7, ago(weeks=weeks[-2], hours=1)), given=infusions((70, 68, 64, *weeks))))
    assert found.next_infusion - found.case.infusions[-1].time == in_days
    assert found.case.covariates[-1].time == found.next_infusion


def test_inside_an_induction_the_next_infusion_is_given_today() -> None:
    found = history(chart(level(20, ago(days=1)), given=infusions((4, 2)), antibodies=()))
    assert found.next_infusion == 28


def test_a_sample_of_today_is_not_drawn_after_the_infusion_to_come() -> None:
    late = chart(level(1.7, ago(hours=-5)))
    assert history(late).next_infusion == history(late).case.levels[-1].time


# Why there is nothing to forecast from


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (chart(level(1.7), given=[]), "no infusion on record"),
        (chart(level(1.7), weights=[]), "no recent weight"),
        (
            chart(level(1.7), given=[*infusions(EIGHT_WEEKLY[:-1]), infusion(ago(weeks=8), None)]),
            "the dose of the infusion of 28 Sep 2026 is not known",
        ),
        (chart(), "no level with a time that can be used"),
        (chart(level(0)), "no level with a time that can be used"),
        (chart(level(2, ago(weeks=24, hours=1)), given=infusions((32, 24))), "no level with a time that can be used"),
    ],
)
def test_where_something_needed_is_missing_the_reason_is_told(record: TreatmentRecord, reason: str) -> None:
    assert told(record) == NoHistory(reason)


def at(hour: int) -> datetime:
    return VISIT.replace(hour=hour, minute=hour)


BEGINNINGS = st.none() | st.builds(lambda d: day(days=d), st.integers(0, 90))
ENDS = st.builds(lambda d, h: ago(days=d, hours=h), st.integers(0, 3), st.integers(-10, 8)) | st.just(day())
MEDICATIONS = st.lists(st.builds(taken, BEGINNINGS, ENDS | st.none()), max_size=2)
ALBUMINS = st.builds(
    lambda g, d, h: measured("albumin", g, ago(days=d, hours=h)), st.integers(25, 45), st.integers(0, 190), st.just(-4)
)


@given(charts(), MEDICATIONS, ALBUMINS, st.integers(9, 23))
@settings(max_examples=CHARTS // 2, deadline=None)
def test_the_hour_of_the_call_changes_nothing_that_the_models_are_told(
    record: TreatmentRecord, medications: list[MedicationUse], albumin: Measurement, hour: int
) -> None:
    assert days_ago(Moment(VISIT), at(hour)) == 0
    measurements = tuple(sorted((*record.measurements, albumin), key=lambda m: m.at.at))
    dated = replace(record, medications=tuple(medications), measurements=measurements)
    assert told(dated, at(hour)) == told(dated, at(9))
