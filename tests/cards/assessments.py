"""Synthetic assessments: one invented child per kind of card. No real patient stands behind any number here."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType

from cds_service.clinical.assessment import (
    Advice,
    AdviceKind,
    AntibodyJudgement,
    AntibodyStatus,
    Assessment,
    Choice,
    DiseaseJudgement,
    DiseaseMarker,
    DiseaseStatus,
    Expectation,
    ExpectedTrough,
    Forecast,
    GivenRegimen,
    Hindrance,
    NoProbability,
    Option,
    OrderChange,
    OrderedRegimen,
    PatientFacts,
    Phase,
    Predictor,
    PredictorState,
    Probability,
    Qualification,
    RiskEstimate,
    Severity,
    StopCondition,
    TroughJudgement,
    TroughStatus,
    TroughTarget,
    Versions,
    Weight,
)
from cds_service.clinical.record import (
    AntibodyLevel,
    Comparator,
    ConditionState,
    DataIssue,
    Diagnosis,
    DrugLevel,
    InfusionOrder,
    IssueLevel,
    Moment,
    Reading,
    Route,
)
from cds_service.clinical.site_model import BaselineModel, Cohort, Measures, RecalibratedModel

AS_OF = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DRAWN = Moment(datetime(2026, 11, 22, 8, 0, tzinfo=UTC))
LAST = Moment(datetime(2026, 9, 27, 10, 0, tzinfo=UTC))
DUE = Moment(datetime(2026, 11, 22, 10, 0, tzinfo=UTC))
LESS = Comparator.LESS


def on(year: int, month: int, day: int) -> Moment:
    return Moment(datetime(year, month, day, tzinfo=UTC), day_only=True)


def trough(
    value: float | None = 1.7,
    comparator: Comparator | None = None,
    qualification: Qualification = Qualification.TROUGH,
    **changes: object,
) -> TroughJudgement:
    reading = None if value is None else Reading(value, comparator)
    level = DrugLevel("Observation/ifx-7", reading, DRAWN, assay="mayo-ecl", assay_from="method text")
    judgement = TroughJudgement(
        level, qualification, hours_after_previous_infusion=1342.0, hours_before_next_infusion=2.0
    )
    return replace(judgement, **changes)  # type: ignore[arg-type]


def antibody(
    status: AntibodyStatus = AntibodyStatus.NEGATIVE, value: float | None = 20.0, comparator: Comparator | None = LESS
) -> AntibodyJudgement:
    if value is None:
        reasons = ("no antibody measured on the day of the level",) if status is AntibodyStatus.UNKNOWN else ()
        return AntibodyJudgement(status, reasons=reasons)
    result = AntibodyLevel("Observation/ada-3", Reading(value, comparator), "U/mL", DRAWN, assay="mayo-ecl")
    return AntibodyJudgement(status, result, same_sample=True, source="Mayo test catalogue: below 50 U/mL negative")


def disease(status: DiseaseStatus = DiseaseStatus.QUIET) -> DiseaseJudgement:
    crp, calprotectin = {
        DiseaseStatus.QUIET: ((2.0, "normal"), (80.0, "normal")),
        DiseaseStatus.ACTIVE: ((24.0, "raised"), (920.0, "raised")),
        DiseaseStatus.UNKNOWN: ((2.0, "normal"), (260.0, "undetermined")),
    }[status]
    return DiseaseJudgement(
        status,
        (
            DiseaseMarker("crp", crp[0], None, "mg/L", DRAWN, crp[1], "Observation/crp-9"),
            DiseaseMarker(
                "calprotectin", calprotectin[0], None, "ug/g", on(2026, 10, 30), calprotectin[1], "Observation/fc-2"
            ),
        ),
    )


UNUSED = (
    DataIssue(
        "level-not-usable",
        "infliximab_level",
        IssueLevel.LIMITING,
        "A newer level (2026-11-22) was not used: the sample came more than 7 days after the infusion was due.",
    ),
    DataIssue(
        "antibody-newer",
        "infliximab_antibody",
        IssueLevel.LIMITING,
        "A newer antibody (2026-11-22) reads as high; it was not drawn with a level that can decide, and was not used.",
    ),
)
GIVEN = GivenRegimen(
    dose_mg=200,
    dose_mg_per_kg=5.2,
    dosing_weight_kg=38.2,
    interval_weeks=8.0,
    intervals_weeks=(8.0, 8.1, 7.9),
    infusions_on_regimen=4,
    infusions_on_record=7,
    last_infusion=LAST,
    due=DUE,
    intended_mg_per_kg=5.2,
)
ORDER = InfusionOrder("MedicationRequest/draft-1", Route.INTRAVENOUS, dose_mg=200, interval_weeks=8, has_reason=False)
ORDERED = OrderedRegimen(ORDER, 200, 5.2, 8.0, interval_inferred=False, change=OrderChange.NONE)


def options(now: float = 8.0, *others: float, mg_per_kg: float = 5.2) -> tuple[Option, ...]:
    return tuple(
        Option(weeks, mg_per_kg, mg_per_kg * 365.25 / 7 / weeks, current=weeks == now, recommended=weeks in others[:1])
        for weeks in (now, *others)
    )


PREDICTORS = (
    Predictor("hormone_exposure", False, None, None, PredictorState.USED, 0.042, (0.002, 0.924), 0.0),
    Predictor("perianal_lesions", True, None, on(2025, 10, 1), PredictorState.USED, 5.813, (0.984, 34.349), 1.76),
    Predictor("ses_cd", None, "{score}", None, PredictorState.MISSING, 1.656, (1.065, 2.577), None),
    Predictor("total_protein", 62.0, "g/L", on(2025, 10, 2), PredictorState.USED, 0.851, (0.749, 0.967), 0.484),
)
RISK = RiskEstimate(
    "song-2024",
    "low trough (direction inferred)",
    9.4,
    (1.3, 68.0),
    (("hormone_exposure", False), ("perianal_lesions", False), ("ses_cd", None), ("total_protein", 65.0)),
    possible_odds=(3.43, 70.7),
)
ALL_FOUR = (
    *PREDICTORS[:2],
    Predictor("ses_cd", 5.0, "{score}", on(2025, 10, 2), PredictorState.USED, 1.656, (1.065, 2.577), 1.513),
    PREDICTORS[3],
)
BASELINE = BaselineModel(
    Cohort("low trough before infusion 4", 5.0, 40, 12, (date(2022, 1, 1), date(2025, 6, 30))),
    0.30,
    (("hormone_exposure", False), ("perianal_lesions", False), ("ses_cd", 4.0), ("total_protein", 66.0)),
)
RECALIBRATED = RecalibratedModel(
    cohort=Cohort("low trough before infusion 4", 5.0, 84, 39, (date(2021, 1, 1), date(2026, 6, 30))),
    written=date(2026, 9, 1),
    software="a logistic regression of your choice 1.0",
    intercept=2.128,
    coefficients=(("ses_cd", 0.103), ("total_protein", -0.053)),
    covariance=((6.7, -0.005, -0.1), (-0.005, 0.0019, -0.0002), (-0.1, -0.0002, 0.0016)),
    ranges=(("ses_cd", (0.0, 23.0)), ("total_protein", (50.0, 85.0))),
    measures=Measures(0.78, 0.0, 0.69, 0.21),
)

LOW_TROUGH = Assessment(
    as_of=AS_OF,
    applies=True,
    not_applicable_reason=None,
    patient=PatientFacts("p1", date(2014, 7, 1), 12.4, Weight(38.2, DRAWN, "Observation/wt-4")),
    phase=Phase.MAINTENANCE,
    given=GIVEN,
    ordered=ORDERED,
    trough=trough(status=TroughStatus.BELOW),
    target=TroughTarget("paed-default", 5.0, 10.0, "Wang 2025, 115 children (doi:10.3390/jcm14030845)"),
    trough_status=TroughStatus.BELOW,
    undetectable=False,
    antibody=antibody(),
    disease=disease(),
    stop_conditions=(),
    predictors=PREDICTORS,
    risk=RISK,
    options=options(8.0, 6.0, 4.0),
    forecast=None,
    advice=(
        Advice(
            AdviceKind.SHORTEN_INTERVAL,
            14,
            Severity.WARNING,
            ("trough below target", "antibody negative", "interval above the site's minimum"),
            interval_weeks=6,
            recheck="before the second infusion on the new schedule",
            button=True,
        ),
    ),
    leading_rule=14,
    diagnoses=(
        Diagnosis(
            frozenset({"crohns"}), "K50.00", "Crohn's disease of small intestine", ConditionState.ACTIVE, "Condition/c1"
        ),
    ),
    reactions=(),
    newer_levels=(),
    issues=(DataIssue("ses-cd-missing", "ses_cd", IssueLevel.NOTE, "No SES-CD found before the first infusion."),),
    versions=Versions("0.1.0", "2026-11-22", "default"),
)


def foreseen(
    weeks: float,
    mg_per_kg: float,
    trough: tuple[float, float, float],
    chances: tuple[float, float],
    by_model: tuple[float, ...] = (),
    *,
    allowed: bool = True,
) -> Option:
    """A regimen with an invented forecast: median, 5th and 95th percentile; chances of at least 5 and above 10."""
    range_ = ExpectedTrough(*trough)
    alone = by_model or (trough[0],) * 3
    hope = Expectation(range_, range_, *chances, 0.0, alone, (chances[0],) * 3)
    yearly = mg_per_kg * 365.25 / 7 / weeks
    return Option(weeks, mg_per_kg, yearly, current=False, recommended=False, allowed=allowed, expected=hope)


MODELS = (("fasanmade-2011-combined", 0.5), ("fasanmade-2011-reach", 0.3), ("wojciechowski-2017", 0.2))
NOW = foreseen(8, 5.2, (1.5, 0.42, 4.4), (0.03, 0.004))
BY_INTERVAL = (
    foreseen(7, 5.2, (2.1, 0.6, 5.8), (0.08, 0.01)),
    foreseen(6, 5.2, (3.0, 0.98, 8.0), (0.2, 0.03)),
    foreseen(5, 5.2, (4.3, 1.5, 11.4), (0.41, 0.1), (3.8, 4.9, 4.6)),
    foreseen(4, 5.2, (6.9, 2.4, 17.1), (0.69, 0.25), (5.6, 8.2, 7.1)),
)
FORECAST = Forecast(MODELS, NOW, BY_INTERVAL, draft=None, choice=Choice(BY_INTERVAL[3], sufficient=True))
FORECAST_NOTES = (
    *LOW_TROUGH.issues,
    DataIssue(
        "forecast-assumed",
        "forecast",
        IssueLevel.LIMITING,
        "For the forecast the albumin is not known and 3.8 g/dL is assumed; its ranges are wider.",
    ),
    DataIssue(
        "forecast-models",
        "forecast",
        IssueLevel.NOTE,
        "The parameters of the models come from secondary sources and were not checked against the papers.",
    ),
)
ENOUGH = "least drug per year that is likely enough, by the forecast"


def _with_forecast(shown: Assessment, forecast: Forecast, *reasons: str, **lead: object) -> Assessment:
    """The same card with a forecast; `lead` changes its leading advice."""
    first = shown.advice[0]
    advice = replace(first, reasons=(*first.reasons, *reasons), **lead)  # type: ignore[arg-type]
    return replace(shown, forecast=forecast, advice=(advice, *shown.advice[1:]), issues=FORECAST_NOTES)


def _models_disagree() -> Assessment:
    choice = Choice(BY_INTERVAL[2], sufficient=True, interval_range=(4, 5))
    reasons = (ENOUGH, "the models disagree on the interval")
    return _with_forecast(
        LOW_TROUGH,
        replace(FORECAST, choice=choice),
        *reasons,
        interval_weeks=5,
        interval_weeks_range=(4, 5),
        button=False,
    )


def _insufficient() -> Assessment:
    """A level below the assay's limit, for which also the strongest option is hardly enough."""
    weak = tuple(
        foreseen(weeks, 5.2, trough, chances)
        for weeks, trough, chances in (
            (7, (0.6, 0.1, 2.9), (0.01, 0.0)),
            (6, (1.0, 0.14, 4.2), (0.02, 0.002)),
            (5, (1.8, 0.3, 6.8), (0.11, 0.01)),
            (4, (3.2, 0.6, 11), (0.26, 0.06)),
        )
    )
    strongest = foreseen(4, 10.0, (6.1, 1.3, 21), (0.61, 0.27), (4.9, 8.8, 6.0))
    now = foreseen(8, 5.2, (0.4, 0.028, 2.1), (0.006, 0.0))
    forecast = Forecast(MODELS, now, (*weak, strongest), None, choice=Choice(strongest, sufficient=False))
    reason = "no interval alone is likely to suffice, by the forecast"
    return _with_forecast(_below_the_limit(), forecast, reason, interval_weeks=4, dose_mg_per_kg=10.0, button=False)


def _no_answer() -> Assessment:
    """The same with a dose that may not rise, as in heart failure: the shortest interval alone is no answer."""
    shown = _insufficient()
    assert shown.forecast is not None
    weak = shown.forecast.options[:4]
    forecast = replace(shown.forecast, options=weak, choice=Choice(weak[3], sufficient=False))
    lead = replace(shown.advice[0], interval_weeks=None, dose_mg_per_kg=None)
    return replace(shown, forecast=forecast, advice=(lead, *shown.advice[1:]))


def _dose_chosen() -> Assessment:
    shown = _four_weekly()
    doses = tuple(
        foreseen(4, dose, trough, chances)
        for dose, trough, chances in (
            (7.5, (4.6, 1.6, 12), (0.44, 0.1)),
            (10.0, (6.2, 2.1, 16), (0.66, 0.2)),
        )
    )
    now = foreseen(4, 5.2, (3.2, 1.1, 8.3), (0.2, 0.03))
    forecast = Forecast(MODELS, now, doses, None, choice=Choice(doses[1], sufficient=True))
    return _with_forecast(shown, forecast, ENOUGH, dose_mg_per_kg=10.0)


def _draft_forecast() -> Assessment:
    draft = BY_INTERVAL[1]
    return _with_forecast(_already_intensified(), replace(FORECAST, draft=draft, choice=None))


def _in_target_all_the_same(value: float, status: TroughStatus) -> Assessment:
    return replace(_draft_forecast(), trough=trough(value), trough_status=status)


def _dose_to_restore() -> Assessment:
    """A child who has grown: what goes on unchanged is less per kilogram than intended."""
    now = foreseen(8, 4.2, (2.6, 0.7, 7.1), (0.13, 0.01))
    restored = (
        foreseen(8, 5.2, (3.3, 0.9, 8.6), (0.22, 0.03)),
        foreseen(7, 5.2, (4.7, 1.5, 12), (0.46, 0.09)),
        foreseen(6, 5.2, (6.6, 2.3, 15), (0.69, 0.19)),
        foreseen(5, 5.2, (9.4, 3.4, 20), (0.84, 0.4), allowed=False),
        foreseen(7, 7.5, (6.8, 2.2, 17), (0.7, 0.2)),
    )
    forecast = Forecast(MODELS, now, restored, None)
    return _with_forecast(_outgrown(OrderChange.NONE, 160, 4.2), forecast)


def _just_below_and_relaxed() -> Assessment:
    near = _just_below()
    assert near.forecast
    draft = foreseen(12, 5.2, (1.2, 0.2, 4.1), (0.03, 0.01))
    ordered = replace(ORDERED, interval_weeks=12.0, change=OrderChange.RELAXES)
    return replace(near, ordered=ordered, forecast=replace(near.forecast, draft=draft))


def _just_below() -> Assessment:
    reasons = ("trough below target", "no objective sign of active disease")
    near = change(
        trough=trough(4.4), advice=advise(AdviceKind.NEAR_TARGET, 13, *reasons, recheck="before the next infusion")
    )
    now = foreseen(8, 5.2, (4.1, 1.4, 9.3), (0.35, 0.04))
    shorter = (foreseen(7, 5.2, (5.6, 2.1, 12), (0.6, 0.1)), foreseen(6, 5.2, (7.6, 3.1, 16), (0.81, 0.26)))
    return _with_forecast(near, Forecast(MODELS, now, shorter, None))


def _with_own_model(by_the_site: Probability | NoProbability, predictors: tuple[Predictor, ...]) -> Assessment:
    """No usable level yet, so that the risk before treatment is a reason to measure."""
    known = any(p.name == "ses_cd" and p.value is not None for p in predictors)
    odds = replace(
        RISK,
        relative_odds=42.6,
        ci95=(4.2, 431.0),
        reference=(*RISK.reference[:2], ("ses_cd", 2.0), RISK.reference[3]),
        possible_odds=None,
    )
    risk = replace(odds if known else RISK, by_the_site=by_the_site)
    return replace(_no_level(), risk=risk, predictors=predictors, issues=() if known else LOW_TROUGH.issues)


def advise(
    kind: AdviceKind, rule: int, *reasons: str, severity: Severity = Severity.INFO, recheck: str | None = None
) -> tuple[Advice, ...]:
    return (Advice(kind, rule, severity, reasons, recheck=recheck),)


def change(**changes: object) -> Assessment:
    """The child with the low trough, changed; the leading rule follows the advice."""
    advice = changes.get("advice", LOW_TROUGH.advice)
    rule = advice[0].rule if advice else 21  # type: ignore[index]
    return replace(LOW_TROUGH, leading_rule=rule, **changes)  # type: ignore[arg-type]


def _below_the_limit() -> Assessment:
    lead = replace(LOW_TROUGH.advice[0], reasons=("trough below target", "antibody negative"))
    further = advise(
        AdviceKind.CONSIDER_REINDUCTION,
        14,
        "level below the assay's limit",
        "confirm that the last two infusions were given in full",
    )
    return change(
        trough=trough(1.0, LESS), undetectable=True, disease=disease(DiseaseStatus.ACTIVE), advice=(lead, *further)
    )


def _already_intensified(*further: Advice, **changes: object) -> Assessment:
    order = replace(ORDER, interval_weeks=6)
    lead = advise(
        AdviceKind.ALREADY_INTENSIFIED,
        7,
        "the draft already gives more than the regimen given",
        recheck="before the second infusion on the new schedule",
    )
    return change(
        ordered=OrderedRegimen(order, 200, 5.2, 6.0, interval_inferred=False, change=OrderChange.INTENSIFIES),
        advice=(*lead, *further),
        **changes,
    )


def _over_the_cap(assessment: Assessment, mg: float, mg_per_kg: float) -> Assessment:
    """The same with an order above the cap."""
    assert assessment.ordered is not None
    over = f"gives {mg_per_kg:.3g} mg/kg, above the cap of 10 mg/kg"
    lead = assessment.advice[0]
    warned = replace(lead, severity=Severity.WARNING, reasons=(*lead.reasons, f"the draft {over}"), button=False)
    ordered = replace(assessment.ordered, dose_mg=mg, dose_mg_per_kg=mg_per_kg, over_limits=(over,))
    return replace(assessment, ordered=ordered, advice=(warned, *assessment.advice[1:]))


def _gives_less() -> Assessment:
    """Four-weekly at the cap, and an order of every eight weeks."""
    return _below(
        AdviceKind.AT_LIMIT,
        17,
        NEGATIVE,
        "interval and dose at the site's limits",
        "the draft gives less than the regimen given",
        severity=Severity.WARNING,
        given=replace(FOUR_WEEKLY, dose_mg=380, dose_mg_per_kg=10.0),
        ordered=replace(ORDERED_AT_LIMIT, interval_weeks=8.0, change=OrderChange.RELAXES),
        options=options(4.0, mg_per_kg=10.0),
        recheck="repeat level and antibody",
    )


def _after_gap(**changes: object) -> Assessment:
    return change(
        given=replace(GIVEN, last_infusion=on(2026, 6, 14), due=on(2026, 8, 9)),
        trough_status=TroughStatus.UNDETERMINED,
        advice=advise(
            AdviceKind.AFTER_GAP,
            4,
            "last infusion at least 12 weeks ago and at least 4 weeks overdue",
            recheck="before re-starting",
        ),
        **changes,
    )


def _order_for_infusion_3() -> Assessment:
    reason = "order for infusion 3: the first trough worth measuring is before infusion 4"
    return replace(
        _no_level(),
        phase=Phase.INDUCTION,
        given=replace(GIVEN, interval_weeks=None, intervals_weeks=(), infusions_on_regimen=0, due=None),
        advice=advise(AdviceKind.MEASURE_TROUGH, 5, reason, recheck="before infusion 4"),
        leading_rule=5,
    )


def _outgrown(
    change_of_order: OrderChange = OrderChange.RELAXES, mg: float = 150, mg_per_kg: float = 3.9
) -> Assessment:
    advice = advise(
        AdviceKind.RESTORE_DOSE,
        12,
        "trough below target",
        "the draft is under 90 % of the intended dose per kilogram",
        severity=Severity.WARNING,
        recheck="after two infusions at the restored dose, before the third",
    )
    return change(
        ordered=replace(ORDERED, dose_mg=mg, dose_mg_per_kg=mg_per_kg, change=change_of_order),
        advice=(replace(advice[0], dose_mg_per_kg=5.2),),
    )


def _no_level() -> Assessment:
    return change(
        trough=TroughJudgement(None, Qualification.NONE, reasons=("no level on record",)),
        trough_status=TroughStatus.UNDETERMINED,
        antibody=antibody(AntibodyStatus.UNKNOWN, None),
        advice=advise(AdviceKind.MEASURE_TROUGH, 8, "no level on record", recheck="before the next infusion"),
    )


def _too_early() -> Assessment:
    judged = trough(
        8.1,
        qualification=Qualification.TOO_EARLY,
        hours_before_next_infusion=24.0 * 20,
        implied_trough=(1.1, 3.0),
        reasons=("drawn 20 days before the due date",),
    )
    judged = replace(judged, level=replace(judged.level, drawn=on(2026, 11, 2)))  # type: ignore[type-var]
    return change(
        trough=judged,
        trough_status=TroughStatus.UNDETERMINED,
        advice=advise(
            AdviceKind.MEASURE_TROUGH, 8, "drawn 20 days before the due date", recheck="before the next infusion"
        ),
    )


def _late(status: AntibodyStatus, value: float) -> Assessment:
    reason = "the sample came more than 7 days after the infusion was due"
    return change(
        trough=trough(
            0.8,
            LESS,
            Qualification.AFTER_DELAYED_INFUSION,
            hours_before_next_infusion=-24.0 * 14,
            reasons=(reason,),
        ),
        trough_status=TroughStatus.UNDETERMINED,
        undetectable=True,
        antibody=antibody(status, value, None),
        advice=advise(AdviceKind.MEASURE_TROUGH, 8, reason, recheck="before the following infusion, given on time"),
    )


def _active_in_target() -> Assessment:
    return change(
        trough=trough(7.8),
        trough_status=TroughStatus.WITHIN,
        disease=disease(DiseaseStatus.ACTIVE),
        advice=advise(AdviceKind.REVIEW_MECHANISM, 18, "level in or above target", "objective signs of active disease"),
    )


def _stopped() -> Assessment:
    stops = (
        StopCondition("abscess", "abscess", "Condition/a1", "K50.814", on(2026, 11, 9)),
        StopCondition("c_difficile", "C. difficile infection", "Condition/a2", "A04.7", None),
    )
    return change(
        stop_conditions=stops,
        advice=advise(AdviceKind.CANNOT_ADVISE, 2, "abscess", "C. difficile infection", severity=Severity.WARNING),
    )


def _hostile() -> Assessment:
    """Text as an unfriendly or merely broken chart may hold it."""
    evil = (
        "<script>alert(1)</script> [tap](http://x.example) **bold** |cell| `code`\n# heading\u202e &amp; www.x.example"
    )
    return change(
        diagnoses=(Diagnosis(frozenset({"crohns"}), "K50.00", evil, ConditionState.ACTIVE, "Condition/c1"),),
        issues=(
            DataIssue("odd", "crp", IssueLevel.LIMITING, evil),
            DataIssue("odd", "crp", IssueLevel.BLOCKING, "1. " + evil),
        ),
    )


def _below(kind: AdviceKind, rule: int, judged: AntibodyJudgement, *reasons: str, **changes: object) -> Assessment:
    severity = changes.pop("severity", Severity.INFO)
    recheck = changes.pop("recheck", None)
    advice = advise(kind, rule, "trough below target", *reasons, severity=severity, recheck=recheck)  # type: ignore[arg-type]
    return change(antibody=judged, advice=advice, **changes)


def _four_weekly() -> Assessment:
    return _below(
        AdviceKind.REVIEW_DOSE,
        15,
        NEGATIVE,
        "antibody negative",
        "interval at the site's minimum",
        "dose below the site's cap",
        severity=Severity.WARNING,
        given=FOUR_WEEKLY,
        ordered=ORDERED_FOUR_WEEKLY,
        options=options(4.0),
        recheck="after two infusions at the new dose, before the third",
    )


NEGATIVE = antibody()
HIGH = antibody(AntibodyStatus.HIGH, 180.0, None)
FOUR_WEEKLY = replace(GIVEN, interval_weeks=4.0, intervals_weeks=(4.0, 4.1, 3.9), last_infusion=on(2026, 10, 25))
ORDERED_FOUR_WEEKLY = replace(ORDERED, order=replace(ORDER, interval_weeks=4), interval_weeks=4.0)
ORDERED_AT_LIMIT = replace(ORDERED_FOUR_WEEKLY, dose_mg=380, dose_mg_per_kg=10.0)
OLD_LEVEL = DrugLevel("Observation/ifx-2", Reading(1.7), on(2026, 6, 14), assay="mayo-ecl")
OLD_ANTIBODY = AntibodyLevel("Observation/ada-1", Reading(20.0, LESS), "U/mL", on(2026, 6, 14), assay="mayo-ecl")

# Every kind of card, by the name of its golden file.
CARDS: Mapping[str, Assessment] = MappingProxyType(
    {
        "shorten_interval": LOW_TROUGH,
        "shorten_interval-below-limit": _below_the_limit(),
        "shorten_interval-reported-zero": change(trough=trough(0.0), undetectable=True),
        "shorten_interval-early-sample": change(
            trough=trough(
                1.7, qualification=Qualification.EARLY, hours_before_next_infusion=24 * 9.0, implied_trough=(0.7, 1.1)
            )
        ),
        "shorten_interval-first-maintenance": change(
            trough=trough(1.7, qualification=Qualification.FIRST_MAINTENANCE),
            advice=(replace(LOW_TROUGH.advice[0], severity=Severity.INFO, button=False),),
        ),
        "shorten_interval-no-timing": change(ordered=replace(ORDERED, interval_inferred=True)),
        "shorten_interval-timing-unread": change(
            ordered=replace(ORDERED, interval_inferred=True),
            advice=(replace(LOW_TROUGH.advice[0], button=False),),
            issues=(
                DataIssue("order-timing-unit", "order", IssueLevel.LIMITING, "The order states an interval in 'mo'."),
                *LOW_TROUGH.issues,
            ),
        ),
        "shorten_interval-hostile-text": _hostile(),
        "shorten_interval-forecast": _with_forecast(LOW_TROUGH, FORECAST, ENOUGH, interval_weeks=4),
        "shorten_interval-models-disagree": _models_disagree(),
        "shorten_interval-insufficient": _insufficient(),
        "shorten_interval-insufficient-at-the-cap": _no_answer(),
        "review_dose": _four_weekly(),
        "review_dose-forecast": _dose_chosen(),
        "restore_dose": _outgrown(),
        "restore_dose-forecast": _dose_to_restore(),
        "near_target-forecast": _just_below(),
        "near_target-relaxed": _just_below_and_relaxed(),
        "already_intensified-forecast": _draft_forecast(),
        "at_limit": _below(
            AdviceKind.AT_LIMIT,
            16,
            NEGATIVE,
            "interval and dose at the site's limits",
            given=replace(FOUR_WEEKLY, dose_mg=380, dose_mg_per_kg=10.0),
            ordered=ORDERED_AT_LIMIT,
            options=options(4.0, mg_per_kg=10.0),
            recheck="repeat level and antibody",
        ),
        "near_target": _below(
            AdviceKind.NEAR_TARGET,
            13,
            NEGATIVE,
            "no objective sign of active disease",
            trough=trough(4.4),
            recheck="before the next infusion",
        ),
        "consider_reinduction": _below(
            AdviceKind.CONSIDER_REINDUCTION,
            15,
            NEGATIVE,
            trough=trough(1.0, LESS),
            undetectable=True,
            given=FOUR_WEEKLY,
            ordered=ORDERED_FOUR_WEEKLY,
            options=options(4.0),
        ),
        "review_antibody": _below(
            AdviceKind.REVIEW_ANTIBODY,
            9,
            HIGH,
            "antibody high: more drug is not expected to help",
            severity=Severity.WARNING,
            trough=trough(1.0, LESS),
            undetectable=True,
        ),
        "review_antibody-not-gradable": _below(
            AdviceKind.REVIEW_ANTIBODY,
            10,
            antibody(AntibodyStatus.POSITIVE, 61.0, None),
            "antibody positive, not gradable on this assay",
            recheck="repeat level and antibody",
        ),
        "order_antibody": _below(
            AdviceKind.ORDER_ANTIBODY,
            11,
            antibody(AntibodyStatus.UNKNOWN, None),
            "antibody unknown",
            recheck="add to the same sample, else to the next one",
        ),
        "order_antibody-pending": _below(
            AdviceKind.ORDER_ANTIBODY, 11, antibody(AntibodyStatus.PENDING, None), "antibody pending"
        ),
        "order_antibody-uninformative": _below(
            AdviceKind.ORDER_ANTIBODY, 11, antibody(AntibodyStatus.UNINFORMATIVE), "antibody uninformative"
        ),
        "await_level": change(
            advice=advise(
                AdviceKind.AWAIT_LEVEL, 6, "a level is ordered or pending", recheck="when the result is there"
            )
        ),
        "measure_trough": _no_level(),
        "measure_trough-too-early": _too_early(),
        "measure_trough-antibody-high": _late(AntibodyStatus.HIGH, 250.0),
        "measure_trough-antibody-positive": _late(AntibodyStatus.POSITIVE, 70.0),
        "measure_trough-order-for-infusion-3": _order_for_infusion_3(),
        "measure_trough-own-baseline": _with_own_model(Probability(BASELINE, 0.887, (0.511, 0.983)), ALL_FOUR),
        "measure_trough-recalibrated": _with_own_model(Probability(RECALIBRATED, 0.46, (0.32, 0.61)), ALL_FOUR),
        "measure_trough-no-probability": _with_own_model(
            NoProbability(RECALIBRATED, (("ses_cd", Hindrance.NOT_KNOWN), ("total_protein", Hindrance.OUTSIDE_RANGE))),
            (*PREDICTORS[:3], replace(PREDICTORS[3], value=47.0)),
        ),
        "after_gap": _after_gap(
            trough=trough(1.7, qualification=Qualification.STALE, level=OLD_LEVEL),
            antibody=AntibodyJudgement(AntibodyStatus.NEGATIVE, OLD_ANTIBODY, same_sample=True),
        ),
        "after_gap-antibody-measured": _after_gap(
            trough=trough(
                1.7,
                qualification=Qualification.AFTER_DELAYED_INFUSION,
                hours_before_next_infusion=-24.0 * 105,
                reasons=("the sample came more than 7 days after the infusion was due",),
            ),
        ),
        "already_intensified": _already_intensified(),
        "already_intensified-over-limits": _over_the_cap(_already_intensified(), 800, 20.94),
        "shorten_interval-over-limits": _over_the_cap(
            change(
                given=replace(GIVEN, dose_mg=400, dose_mg_per_kg=10.5), options=options(8.0, 6.0, 4.0, mg_per_kg=10.5)
            ),
            440,
            11.52,
        ),
        "at_limit-gives-less": _gives_less(),
        "already_intensified-antibody-high": _already_intensified(
            *advise(
                AdviceKind.REVIEW_ANTIBODY,
                9,
                "trough below target",
                "antibody high: more drug is not expected to help",
                severity=Severity.WARNING,
            ),
            antibody=HIGH,
        ),
        "already_intensified-antibody-unknown": _already_intensified(
            *advise(
                AdviceKind.ORDER_ANTIBODY,
                11,
                "trough below target",
                "antibody unknown",
                recheck="add to the same sample, else to the next one",
            ),
            antibody=antibody(AntibodyStatus.UNKNOWN, None),
        ),
        "already_intensified-within": _in_target_all_the_same(7.0, TroughStatus.WITHIN),
        "already_intensified-above": _in_target_all_the_same(18.0, TroughStatus.ABOVE),
        "already_intensified-no-level": _already_intensified(
            *advise(AdviceKind.MEASURE_TROUGH, 8, "no level on record", recheck="before the next infusion"),
            trough=TroughJudgement(None, Qualification.NONE, reasons=("no level on record",)),
            trough_status=TroughStatus.UNDETERMINED,
            antibody=antibody(AntibodyStatus.UNKNOWN, None),
        ),
        "review_mechanism": _active_in_target(),
        "review_mechanism-above": replace(_active_in_target(), trough=trough(14.0), trough_status=TroughStatus.ABOVE),
        "review_mechanism-stale": replace(
            _active_in_target(),
            trough=trough(6.0, qualification=Qualification.STALE, level=OLD_LEVEL),
            advice=advise(
                AdviceKind.REVIEW_MECHANISM,
                18,
                "last level in target, but too old to decide",
                "objective signs of active disease",
                recheck="before the next infusion",
            ),
        ),
        "watch_antibody-stale": change(
            trough=trough(6.0, qualification=Qualification.STALE, level=OLD_LEVEL),
            trough_status=TroughStatus.WITHIN,
            antibody=antibody(AntibodyStatus.LOW, 61.0, None),
            advice=advise(
                AdviceKind.WATCH_ANTIBODY,
                19,
                "last level in target, but too old to decide",
                "antibody positive",
                recheck="before the next infusion",
            ),
        ),
        "watch_antibody": change(
            trough=trough(6.1),
            trough_status=TroughStatus.WITHIN,
            antibody=antibody(AntibodyStatus.LOW, 61.0, None),
            advice=advise(
                AdviceKind.WATCH_ANTIBODY,
                19,
                "level in or above target",
                "antibody positive",
                recheck="in two infusions",
            ),
        ),
        "consider_deescalation": change(
            trough=trough(19.0),
            trough_status=TroughStatus.ABOVE,
            advice=advise(
                AdviceKind.CONSIDER_DEESCALATION,
                20,
                "two troughs above 15 µg/mL",
                "remission documented for at least 6 months",
            ),
        ),
        "keep_regimen": change(
            trough=trough(7.2),
            trough_status=TroughStatus.WITHIN,
            advice=advise(AdviceKind.KEEP_REGIMEN, 21, "level within target"),
        ),
        "keep_regimen-unused": change(
            trough=trough(6.5),
            trough_status=TroughStatus.WITHIN,
            antibody=antibody(AntibodyStatus.UNKNOWN, None),
            advice=advise(AdviceKind.KEEP_REGIMEN, 21, "level within target"),
            newer_levels=(
                trough(
                    1.0,
                    LESS,
                    Qualification.AFTER_DELAYED_INFUSION,
                    reasons=("the sample came more than 7 days after the infusion was due",),
                ),
            ),
            newer_antibody=replace(antibody(AntibodyStatus.HIGH, 250.0, None), same_sample=False),
            unused_results=UNUSED,
            issues=UNUSED,
        ),
        "keep_regimen-unread": change(
            trough=trough(7.2),
            trough_status=TroughStatus.WITHIN,
            advice=advise(AdviceKind.KEEP_REGIMEN, 21, "level within target"),
            unread_parts=("allergies",),
            issues=(
                DataIssue(
                    "allergies-unreadable",
                    "allergies",
                    IssueLevel.LIMITING,
                    "The part of the chart with allergies could not be read.",
                ),
            ),
        ),
        "cannot_advise": change(diagnoses=(), advice=advise(AdviceKind.CANNOT_ADVISE, 3, "no diagnosis is coded")),
        "cannot_advise-stop": _stopped(),
        "cannot_advise-nothing-known": change(
            given=None,
            ordered=None,
            patient=PatientFacts("p1", None, None, None),
            trough=TroughJudgement(None, Qualification.NONE),
            trough_status=TroughStatus.UNDETERMINED,
            antibody=AntibodyJudgement(AntibodyStatus.UNKNOWN),
            disease=DiseaseJudgement(DiseaseStatus.UNKNOWN),
            phase=Phase.UNKNOWN,
            predictors=(),
            risk=RiskEstimate("song-2024", "low trough", None, None, ()),
            options=(),
            diagnoses=(),
            issues=(DataIssue("no-dose", "infusion", IssueLevel.BLOCKING, "No infusion with a date could be read."),),
            advice=advise(AdviceKind.CANNOT_ADVISE, 3, "regimen not computable"),
        ),
    }
)

DRAFT: Mapping[str, object] = MappingProxyType(
    {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Infliximab"},
        "subject": {"reference": "Patient/p1"},
        "dosageInstruction": [
            {
                "text": "200 mg IV every 8 weeks",
                "timing": {"repeat": {"frequency": 1, "period": 8, "periodUnit": "wk"}},
                "route": {"text": "intravenous"},
                "doseAndRate": [{"doseQuantity": {"value": 200, "unit": "mg"}}],
            }
        ],
    }
)


def hook_for(name: str) -> str:
    """Keeping the regimen is said on opening the chart only, if all of the chart was read."""
    return "patient-view" if name == "keep_regimen" else "order-sign"


def draft_for(assessment: Assessment) -> Mapping[str, object] | None:
    """The order under review; without a structured interval where the assessment says so."""
    if assessment.ordered is None:
        return None
    if not assessment.ordered.interval_inferred:
        return DRAFT
    return MappingProxyType({key: value for key, value in DRAFT.items() if key != "dosageInstruction"})
