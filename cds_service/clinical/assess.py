"""The recipe: from the record to the assessment, one judgement after another.

Question: what do we conclude about this order, as of this instant? Each step is a module of its own; this one only
composes them. Nothing here reads a clock: `as_of` is handed in.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cds_service import __version__
from cds_service.clinical.advice import decide
from cds_service.clinical.antibody import AGAINST_MORE, judge_antibody, judge_newer
from cds_service.clinical.applicability import age_in_years, cannot_judge, not_applicable
from cds_service.clinical.assessment import (
    AntibodyStatus,
    Assessment,
    PatientFacts,
    TroughJudgement,
    TroughStatus,
    TroughTarget,
    Versions,
)
from cds_service.clinical.choice import Need, choose
from cds_service.clinical.courses import INDUCTION_SPACING_WEEKS
from cds_service.clinical.deescalation import well_above_in_remission
from cds_service.clinical.disease import INFECTION, doubts_of_crp, judge_disease
from cds_service.clinical.facts import Facts
from cds_service.clinical.knowledge import assays, knowledge_version
from cds_service.clinical.moments import between, days, days_ago
from cds_service.clinical.notes import clinical_notes
from cds_service.clinical.outlook import UNEXPLAINED, look_at_options
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    Comparator,
    DataIssue,
    InfusionOrder,
    LevelOrder,
    Moment,
    SourceState,
    TreatmentRecord,
)
from cds_service.clinical.regimen import Limits, compare_order, current_interval, list_options
from cds_service.clinical.risk import estimate_risk, read_predictors
from cds_service.clinical.stops import HOLDS_BACK, find_stops, heart_failure, too_much_for_the_heart
from cds_service.clinical.target import choose_target
from cds_service.clinical.timeline import (
    LATE_DAYS,
    USUAL_INTERVAL_WEEKS,
    Timeline,
    build_timeline,
    given_regimen,
    overdue_gap,
    phase_at,
)
from cds_service.clinical.trough import contradiction, deciding, judge_levels, status_of
from cds_service.clinical.unused import unused_results
from cds_service.clinical.weights import judge_weight

# The parts of the chart in which a reason against a step may stand: unread, they take the button away.
GROUNDS = ("infusions", "conditions", "allergies", "laboratory")
# The parts that only add to others, and that many EHRs do not serve: unread, they break no silence.
EXTRAS = ("scores", "forms", "test_orders", "levels", "procedures", "dispenses")


def assess(
    record: TreatmentRecord,
    order: InfusionOrder | None,
    policy: Policy,
    as_of: datetime,
    *,
    tests_in_drafts: tuple[LevelOrder, ...] = (),
) -> Assessment:
    """All that we conclude about one order (or, without one, about the regimen given) as of one aware instant.

    `tests_in_drafts` are orders for a level or antibody that stand in the same draft orders. Never raises for clinical
    doubt: what cannot be judged is a value of the assessment.
    """
    now = Moment(as_of)
    ordered_weeks = order.interval_weeks if order else None
    timeline = build_timeline(record, policy, now, ordered_weeks)
    weight = judge_weight(record, policy, as_of)
    given = given_regimen(timeline)
    capped = heart_failure(record)
    cap = policy.maximum_mg_per_kg_heart_failure if capped else policy.maximum_mg_per_kg
    limits = Limits(cap, policy.minimum_interval_weeks)
    ordered = compare_order(order, given, weight.usable, limits) if order else None
    target, target_issues = choose_target(record, policy, as_of)
    judgements = judge_levels(record.levels, timeline, target, policy, as_of)
    trough = deciding(judgements)
    undetectable = is_undetectable(trough)
    antibody, antibody_issues = judge_antibody(
        record.antibodies,
        trough.level,
        undetectable=undetectable,
        ordered=antibody_ordered(record, tests_in_drafts, trough, as_of),
    )
    newer = _newer(judgements, trough)
    without_drug = [judgement.drawn for judgement in newer if judgement.drawn and is_undetectable(judgement)]
    newer_antibody = judge_newer(record.antibodies, trough.level, without_drug)
    disease = judge_disease(record, policy, as_of)
    crp_issues = tuple(doubts_of_crp(disease))
    gap = overdue_gap(timeline, now)
    stops, stop_issues = find_stops(record, policy, as_of)
    stops += too_much_for_the_heart(record, ordered, policy)
    predictors, predictor_issues = read_predictors(record, policy, first_infusion(timeline, now))
    age = age_in_years(record.patient.birth_date, as_of)
    facts = Facts(
        as_of=as_of,
        policy=policy,
        not_applicable=not_applicable(record, order, timeline, age, policy),
        cannot_judge=cannot_judge(
            record, age, policy, contradiction=contradiction(judgements, trough, timeline), gap=gap
        ),
        stops=stops,
        gap=gap,
        next_infusion_number=timeline.last.number + 1 if timeline.last else 1,
        restarting=timeline.restarted and (ordered_weeks or USUAL_INTERVAL_WEEKS) < INDUCTION_SPACING_WEEKS,
        anything_on_record=bool(record.infusions or record.levels),
        given=given,
        ordered=ordered,
        weight=weight.usable,
        trough=trough,
        target=target,
        undetectable=undetectable,
        antibody=antibody,
        disease=disease,
        level_pending=level_pending(record, tests_in_drafts, trough, policy, as_of),
        level_since_gap=_level_since_gap(judgements, timeline, target),
        reacted=bool(record.reactions),
        stop_in_doubt=any(issue.code in (*HOLDS_BACK, INFECTION) for issue in (*stop_issues, *crp_issues))
        or (newer_antibody is not None and newer_antibody.status in AGAINST_MORE),
        weight_in_doubt=weight.doubt is not None,
        grounds_read=all(record.source(name) is SourceState.READ for name in GROUNDS),
        dose_cap_mg_per_kg=cap,
        deescalation=antibody.status is AntibodyStatus.NEGATIVE
        and well_above_in_remission(record, judgements, timeline, target, policy, as_of),
    )
    leading_rule, advice = decide(facts)
    forecast_issues: tuple[DataIssue, ...] = ()
    if needs_forecast(leading_rule, facts):
        facts, forecast_issues = _with_forecast(facts, leading_rule, record, timeline, judgements, age)
        leading_rule, advice = decide(facts)
    issues = (
        *record.issues,
        *timeline.issues,
        *target_issues,
        *antibody_issues,
        *stop_issues,
        *crp_issues,
        *predictor_issues,
        *forecast_issues,
        *([weight.doubt] if weight.doubt else ()),
        *clinical_notes(facts, record, judgements, newer, newer_antibody, age_years=age, dose_capped=capped),
    )
    return Assessment(
        as_of=as_of,
        applies=facts.not_applicable is None,
        not_applicable_reason=facts.not_applicable,
        patient=PatientFacts(record.patient.id, record.patient.birth_date, age, weight.newest),
        phase=phase_at(timeline, now),
        given=given,
        ordered=ordered,
        trough=trough,
        target=target,
        trough_status=trough.status,
        undetectable=undetectable,
        antibody=antibody,
        disease=disease,
        stop_conditions=stops,
        predictors=predictors,
        risk=estimate_risk(predictors, policy.risk_model),
        options=list_options(given, current_interval(given, ordered), policy),
        forecast=facts.forecast,
        advice=advice,
        leading_rule=leading_rule,
        diagnoses=record.diagnoses,
        reactions=record.reactions,
        newer_levels=newer,
        unread_parts=_unread(record),
        newer_antibody=newer_antibody,
        unused_results=tuple(dict.fromkeys(unused_results(record, trough, issues))),
        issues=tuple(dict.fromkeys(issues)),
        versions=Versions(software=__version__, knowledge=knowledge_version(), policy=policy.name),
    )


# The rows that tell what an option would do; the others offer none.
FORECAST_ROWS = frozenset({7, 12, 13, 14, 15, 17})
CHOOSING_ROWS = frozenset({14, 15, 17})


def needs_forecast(leading_rule: int, facts: Facts) -> bool:
    """Whether the row that leads compares regimens, for a child whom the models were made for."""
    return facts.policy.forecast and leading_rule in FORECAST_ROWS and facts.no_excess_antibody


def _with_forecast(
    facts: Facts,
    leading_rule: int,
    record: TreatmentRecord,
    timeline: Timeline,
    judgements: tuple[TroughJudgement, ...],
    age: float | None,
) -> tuple[Facts, tuple[DataIssue, ...]]:
    """The same facts with what the models expect, so that the table can be asked once more."""
    forecast, issues = look_at_options(facts, record, timeline, judgements, age)
    if forecast is not None:
        need = Need(facts.chance_needed, facts.interval, facts.urgent)
        chosen = choose(forecast, need, shorter=facts.step is not None)
        forecast = chosen if leading_rule in CHOOSING_ROWS else replace(chosen, choice=None)
    return replace(facts, forecast=forecast, unexplained=any(i.code == UNEXPLAINED for i in issues)), issues


def _unread(record: TreatmentRecord) -> tuple[str, ...]:
    unread = [name for name, state in record.sources.items() if state is not SourceState.READ]
    return tuple(name for name in unread if name not in EXTRAS)


def first_infusion(timeline: Timeline, now: Moment) -> Moment | None:
    """When treatment began: now, where nothing was given yet; None where the beginning is not on record."""
    if not timeline.infusions:
        return now
    return timeline.infusions[0].start if timeline.infusions[0].number == 1 else None


def is_undetectable(trough: TroughJudgement) -> bool:
    """Whether the drug was below what the assay can measure: `<x`, or a number under a known assay's limit."""
    if trough.level is None or trough.reading is None:
        return False
    if trough.reading.comparator in (Comparator.LESS, Comparator.LESS_OR_EQUAL):
        return True
    assay = assays().get(trough.level.assay or "")
    lloq = assay.drug_lloq if assay and assay.drug_lloq is not None else 0.0
    return trough.reading.high < lloq or trough.reading.high == 0


def antibody_ordered(
    record: TreatmentRecord, in_drafts: Sequence[LevelOrder], trough: TroughJudgement, as_of: datetime
) -> bool:
    """Whether the antibody is ordered: beside the infusion, or not before the day of the level that lacks it."""
    if trough.drawn is None:
        return False
    level_ago = days_ago(trough.drawn, as_of)
    written = [days_ago(o.written, as_of) if o.written else 0 for o in record.level_ordered if o.antibody]
    return any(days <= level_ago for days in written) or any(order.antibody for order in in_drafts)


def level_pending(
    record: TreatmentRecord,
    in_drafts: Sequence[LevelOrder],
    trough: TroughJudgement,
    policy: Policy,
    as_of: datetime,
) -> bool:
    """Whether a level is on its way: reported as preliminary, or ordered, and not answered by a newer sample."""
    if any(not order.antibody for order in in_drafts):
        return True
    drawn = [level.drawn for level in record.levels if level.pending]
    written = [order.written for order in record.level_ordered if not order.antibody]
    oldest = policy.stale_after_weeks * 7
    decided = days_ago(trough.drawn, as_of) if trough.drawn else oldest + 1
    waiting = [days_ago(at, as_of) if at else 0 for at in (*drawn, *written)]
    return any(days < decided and days <= oldest for days in waiting)


def _level_since_gap(judgements: tuple[TroughJudgement, ...], timeline: Timeline, target: TroughTarget) -> bool:
    """Whether a level drawn more than 7 days after the infusion was due reaches the target all the same."""
    due = timeline.due_after(timeline.last) if timeline.last else None
    return due is not None and any(
        j.drawn is not None
        and days(between(due, j.drawn)) > LATE_DAYS
        and status_of(j.reading, target) in (TroughStatus.WITHIN, TroughStatus.ABOVE)
        for j in judgements
    )


def _newer(judgements: tuple[TroughJudgement, ...], decider: TroughJudgement) -> tuple[TroughJudgement, ...]:
    """The levels that are newer than the deciding one; undated ones may be."""
    return judgements[: judgements.index(decider)] if decider in judgements else ()
