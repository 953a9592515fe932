"""Laws that hold for every chart, on generated synthetic charts."""

import os
from dataclasses import replace
from itertools import accumulate
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.clinical.advice import TABLE
from cds_service.clinical.assess import assess
from cds_service.clinical.assessment import AdviceKind, AntibodyStatus, Assessment, OrderChange, TroughStatus
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import InfusionOrder, MedicationUse, ReportedSign, TreatmentRecord
from cds_service.clinical.trough import status_of
from tests.clinical.charts import (
    ACTIVE,
    CROHNS,
    QUIET,
    VISIT,
    ago,
    antibody,
    chart,
    day,
    diagnosed,
    infusion,
    judge,
    level,
    measured,
    order,
)

CHARTS = int(os.environ.get("CHARTS", "1000"))
EXACT_OR_BOUND = st.one_of(
    st.floats(0, 12).map(lambda v: f"{v:.1f}"),
    st.floats(0, 40).map(lambda v: f"{v:.1f}"),
    st.sampled_from(["<0.4", "<1.0", "<5", "<7", ">34", ">9"]),
)


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Four times in five the usual, so that the deep rows of the table are reached."""
    return st.integers(0, 4).flatmap(lambda n: odd if n == 4 else usual)


BEFORE_THE_VISIT = st.just(ago(hours=1))
MOMENTS = st.builds(lambda d, h: ago(days=d, hours=h), st.integers(0, 200), st.integers(1, 23)) | st.builds(
    lambda d: day(days=d), st.integers(0, 200)
)
USUAL_ANTIBODIES = st.builds(
    antibody,
    st.sampled_from(["<2", "1", "5", "9.5", "60"]),
    st.just("U/mL"),
    st.sampled_from(["mayo-ecl", "prometheus-hmsa"]),
)
ODD_ANTIBODIES = st.builds(
    lambda value, unit, assay, reported, at: antibody(value, unit, assay, reported=reported, drawn=at),
    st.none() | EXACT_OR_BOUND,
    st.sampled_from(["U/mL", "ng/mL", "AU/mL", None]),
    st.sampled_from(["mayo-ecl", "prometheus-hmsa", "exeter-total-ada", "theradiag", None]),
    st.sampled_from([None, ReportedSign.NEGATIVE, ReportedSign.POSITIVE]),
    BEFORE_THE_VISIT | MOMENTS,
)
FISTULA = diagnosed("perianal_fistula", recorded=ago(days=9))
CONDITIONS = mostly(
    st.sampled_from([[CROHNS], [CROHNS, FISTULA]]),
    st.lists(st.sampled_from([CROHNS, diagnosed("ulcerative_colitis"), diagnosed("stop.abscess")]), unique=True),
)
MARKERS = st.lists(
    st.builds(
        measured,
        st.sampled_from(["crp", "calprotectin", "ses_cd", "albumin", "total_protein"]),
        st.sampled_from(["1", "2", "30", "70", "300", "900"]),
        st.builds(lambda w: ago(weeks=w), st.integers(0, 90)),
    ),
    max_size=6,
)
ORDERS = st.none() | mostly(
    st.just(order()),
    st.builds(order, st.sampled_from([None, 2, 4, 5, 6, 8, 10]), st.sampled_from([None, 100, 200, 240, 400])),
)
ODD_GAPS = st.lists(st.sampled_from([2, 4, 4, 5, 6, 8, 8, 8, 10, 14, 20]), max_size=10)


@st.composite
def usual_gaps(draw: st.DrawFn) -> list[int]:
    """Newest first: one interval kept several times, and the induction before it."""
    interval = draw(st.sampled_from([4, 5, 6, 8, 8, 8, 10]))
    return [interval] * draw(st.integers(1, 6)) + [4, 2]


@st.composite
def charts(draw: st.DrawFn) -> TreatmentRecord:
    """A synthetic chart: mostly ordinary, with infusions, levels and antibodies of all odd kinds among them."""
    gaps = draw(mostly(usual_gaps(), ODD_GAPS))
    last = draw(mostly(st.just(gaps[0] if gaps else 8), st.integers(0, 20)))
    weeks = [*accumulate([last, *gaps])]
    mg = draw(st.sampled_from([None, 200, 200, 400]))
    doses = mostly(st.just(mg), st.sampled_from([None, 180, 200, 400]))
    levels = draw(
        mostly(
            st.builds(lambda v: [level(v)], EXACT_OR_BOUND),
            st.lists(st.builds(level, st.none() | EXACT_OR_BOUND, BEFORE_THE_VISIT | MOMENTS), max_size=4),
        )
    )
    return chart(
        *levels,
        given=draw(mostly(st.just([infusion(ago(weeks=w), draw(doses)) for w in reversed(weeks)]), st.just([]))),
        antibodies=draw(mostly(USUAL_ANTIBODIES.map(lambda a: [a]), st.lists(ODD_ANTIBODIES, max_size=2))),
        markers=draw(MARKERS),
        diagnoses=draw(CONDITIONS),
    )


@st.composite
def low_troughs(draw: st.DrawFn) -> TreatmentRecord:
    """A synthetic chart on which most of the table rests on what a forecast chooses."""
    interval, kept = draw(st.sampled_from([4, 6, 8, 8])), draw(st.integers(2, 5))
    weeks = [*accumulate([interval, *([interval] * kept), 4, 2])]
    mg = draw(st.sampled_from([200, 200, 280]))
    values = st.one_of(st.floats(0.3, 4.9).map(lambda v: f"{v:.1f}"), st.sampled_from(["<0.4", "<1"]))
    before = st.one_of(values, st.just("25")).map(lambda v: level(v, ago(weeks=interval, hours=1)))
    return chart(
        *filter(None, (draw(st.none() | before), level(draw(values)))),
        given=[infusion(ago(weeks=w), mg) for w in reversed(weeks)],
        markers=draw(st.sampled_from([QUIET, ACTIVE])),
        antibodies=[antibody(draw(st.sampled_from(["1", "5"])), assay="prometheus-hmsa")],
    )


ALSO_LOW = st.one_of(charts(), low_troughs())


def conclusion(assessment: Assessment) -> object:
    return assessment.leading_rule, assessment.advice, assessment.trough_status, assessment.target


@given(charts(), ORDERS)
@settings(max_examples=CHARTS, deadline=None)
def test_every_chart_gets_exactly_one_leading_row_of_the_table(
    record: TreatmentRecord, draft: InfusionOrder | None
) -> None:
    assessment = judge(record, draft)
    assert assessment.leading_rule in {row.number for row in TABLE}
    assert assessment.advice or assessment.leading_rule in (1, 5)
    assert not assessment.advice or assessment.advice[0].rule == assessment.leading_rule


@given(charts(), ORDERS)
@settings(max_examples=CHARTS, deadline=None)
def test_nothing_that_intensifies_stands_on_doubtful_ground(
    record: TreatmentRecord, draft: InfusionOrder | None
) -> None:
    assessment = judge(record, draft)
    if not any(entry.kind.intensifies for entry in assessment.advice):
        return
    assert assessment.trough_status is TroughStatus.BELOW
    assert assessment.trough.qualification.qualifies
    assert assessment.antibody.status in (AntibodyStatus.NEGATIVE, AntibodyStatus.LOW)
    assert not assessment.stop_conditions
    assert assessment.ordered is None or assessment.ordered.change is not OrderChange.INTENSIFIES
    assert assessment.phase.value == "maintenance"
    kinds = {entry.kind for entry in assessment.advice}
    assert not kinds & {AdviceKind.CANNOT_ADVISE, AdviceKind.REVIEW_ANTIBODY, AdviceKind.ORDER_ANTIBODY}


@given(charts(), ORDERS)
@settings(max_examples=CHARTS, deadline=None)
def test_a_proposed_interval_is_on_a_list_of_the_site_and_shorter_than_the_one_given(
    record: TreatmentRecord, draft: InfusionOrder | None
) -> None:
    assessment = judge(record, draft)
    for entry in assessment.advice:
        if entry.kind is AdviceKind.SHORTEN_INTERVAL:
            choice = assessment.forecast.choice if assessment.forecast else None
            listed = Policy().forecast_intervals_weeks if choice else Policy().intervals_weeks
            if entry.interval_weeks is None:
                assert choice is not None
                assert not choice.sufficient
                continue
            assert entry.interval_weeks in listed
            given_weeks = assessment.given.interval_weeks if assessment.given else None
            assert given_weeks is None or entry.interval_weeks < given_weeks


@given(charts(), ORDERS, st.randoms(use_true_random=False))
@settings(max_examples=CHARTS, deadline=None)
def test_order_and_duplicates_and_unrelated_rows_never_change_the_conclusion(
    record: TreatmentRecord, draft: InfusionOrder | None, random: object
) -> None:
    def shuffled(rows: tuple[object, ...]) -> tuple[object, ...]:
        mixed = list(rows)
        random.shuffle(mixed)  # type: ignore[attr-defined]
        return tuple(mixed)

    mixed = replace(
        record,
        infusions=shuffled((*record.infusions, *record.infusions[:1])),
        levels=shuffled((*record.levels, *record.levels[:1])),
        antibodies=shuffled(record.antibodies),
        diagnoses=shuffled((*record.diagnoses, diagnosed("asthma"))),
        medications=(MedicationUse("antacid", ago(weeks=3), "MedicationRequest/9"),),
    )
    assert conclusion(judge(mixed, draft)) == conclusion(judge(record, draft))


@given(ALSO_LOW, ORDERS, st.integers(9, 23))
@settings(max_examples=CHARTS, deadline=None)
def test_the_hour_of_the_call_changes_nothing_on_one_calendar_day(
    record: TreatmentRecord, draft: InfusionOrder | None, hour: int
) -> None:
    early, late = (assess(record, draft, Policy(), VISIT.replace(hour=h, minute=h)) for h in (9, hour))
    assert (conclusion(late), late.forecast) == (conclusion(early), early.forecast)


# A forecast chooses among what the table allows, and decides nothing else


@given(ALSO_LOW, ORDERS)
@settings(max_examples=CHARTS, deadline=None)
def test_a_forecast_changes_the_step_and_never_what_kind_of_advice_is_given(
    record: TreatmentRecord, draft: InfusionOrder | None
) -> None:
    told, off = judge(record, draft), judge(record, draft, Policy(forecast=False))
    assert off.forecast is None
    assert told.leading_rule == off.leading_rule
    assert [(e.kind, e.rule, e.severity, e.recheck, e.prompt) for e in told.advice] == [
        (e.kind, e.rule, e.severity, e.recheck, e.prompt) for e in off.advice
    ]
    if told.forecast is None or told.forecast.choice is None:
        assert [(e.interval_weeks, e.dose_mg_per_kg) for e in told.advice] == [
            (e.interval_weeks, e.dose_mg_per_kg) for e in off.advice
        ]


@given(ALSO_LOW, ORDERS)
@settings(max_examples=CHARTS, deadline=None)
def test_without_a_forecast_the_step_is_the_next_of_the_hospitals_list(
    record: TreatmentRecord, draft: InfusionOrder | None
) -> None:
    found = judge(record, draft, Policy(forecast=False))
    for entry in found.advice:
        if entry.kind is AdviceKind.SHORTEN_INTERVAL:
            now = round(found.given.interval_weeks) if found.given and found.given.interval_weeks else None
            steps = [w for w in Policy().intervals_weeks if now is None or w <= now - 1]
            assert entry.interval_weeks == max(steps) or now is None
            assert (entry.interval_weeks_range, entry.dose_mg_per_kg) == (None, None)


@given(ALSO_LOW, ORDERS)
@settings(max_examples=CHARTS, deadline=None)
def test_a_button_never_stands_with_a_range_an_insufficient_choice_or_levels_that_no_model_explains(
    record: TreatmentRecord, draft: InfusionOrder | None
) -> None:
    found = judge(record, draft)
    choice = found.forecast.choice if found.forecast else None
    unexplained = any(issue.code == "level-not-explained" for issue in found.issues)
    for entry in found.advice:
        if entry.button:
            assert entry.kind is AdviceKind.SHORTEN_INTERVAL
            assert entry.interval_weeks is not None
            assert entry.interval_weeks_range is None
            assert choice is None or choice.sufficient
            assert not unexplained


@given(ALSO_LOW, ORDERS, st.sampled_from([4, 5, 6]))
@settings(max_examples=CHARTS, deadline=None)
def test_what_a_forecast_chooses_is_allowed_by_the_hospital(
    record: TreatmentRecord, draft: InfusionOrder | None, minimum: int
) -> None:
    policy = Policy(minimum_interval_weeks=minimum)
    found = judge(record, draft, policy)
    if found.forecast is None or found.forecast.choice is None:
        return
    chosen, now = found.forecast.choice.option, found.forecast.unchanged
    assert chosen in found.forecast.options
    assert chosen.allowed
    assert chosen.interval_weeks == now.interval_weeks or chosen.interval_weeks in policy.forecast_intervals_weeks
    assert minimum <= chosen.interval_weeks or chosen.interval_weeks == now.interval_weeks
    higher = chosen.dose_mg_per_kg != now.dose_mg_per_kg
    assert not higher or (chosen.dose_mg_per_kg or 0) <= policy.maximum_mg_per_kg * (1 + 1e-9)
    kinds = [entry.kind for entry in found.advice]
    assert (kinds[0] is AdviceKind.REVIEW_DOSE) == (chosen.interval_weeks == now.interval_weeks)


def test_the_generated_charts_reach_every_way_in_which_a_forecast_may_end() -> None:
    """A law over charts without a forecast would prove nothing."""
    reached: set[str] = set()

    @given(ALSO_LOW, st.just(order()))
    @settings(max_examples=300, deadline=None, derandomize=True)
    def collect(record: TreatmentRecord, draft: InfusionOrder) -> None:
        found = judge(replace(record, diagnoses=(CROHNS,)), draft)
        reached.update(issue.code for issue in found.issues if issue.about == "forecast")
        choice = found.forecast.choice if found.forecast else None
        if choice is not None:
            ending = "range" if choice.interval_range else "one" if choice.sufficient else "insufficient"
            reached.add(f"{found.advice[0].kind}: {ending}")

    collect()
    wanted = {"shorten_interval: one", "shorten_interval: range", "shorten_interval: insufficient"}
    assert wanted | {"review_dose: one", "review_dose: insufficient", "no-forecast", "level-not-explained"} <= reached


STATUS_ORDER = [TroughStatus.BELOW, TroughStatus.WITHIN, TroughStatus.ABOVE]


@given(st.floats(0, 40), st.floats(0, 40), st.sampled_from(["paed-default", "low-trigger-6", "taxit", "perianal"]))
def test_a_higher_level_never_moves_the_status_down(one: float, other: float, profile: str) -> None:
    from cds_service.clinical.knowledge import target
    from cds_service.clinical.record import Reading

    low, high = sorted((one, other))
    statuses = [STATUS_ORDER.index(status_of(Reading(v), target(profile))) for v in (low, high)]
    assert statuses == sorted(statuses)


@given(EXACT_OR_BOUND)
def test_a_stricter_profile_never_turns_below_into_within(value: str) -> None:
    loose = judge(chart(level(value)), policy=Policy(target_profile="taxit")).trough_status
    strict = judge(chart(level(value)), policy=Policy(target_profile="low-trigger-6")).trough_status
    assert not (loose is TroughStatus.BELOW and strict is not TroughStatus.BELOW)
