"""What the service must never do: one rule, one test (docs/safety.md lists the rules).

All charts are drawn and synthetic. A rule that the product breaks is marked as failing with the place; the mark is
strict, so that it has to be taken away with the repair.
"""

import copy
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cards.wording import load_wording
from cards.write import write_cards
from cds_service import patients
from cds_service.app import create_app
from cds_service.clinical.assessment import Assessment
from cds_service.clinical.explain import explain
from cds_service.clinical.knowledge import stops
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import (
    ConditionState,
    Diagnosis,
    InfusionOrder,
    Measurement,
    MedicationUse,
    Moment,
    Reaction,
    ReportedSign,
    Route,
    TreatmentRecord,
)
from cds_service.site.risk_model_file import load_risk_model
from cds_service.site.settings import Settings
from fhir_mappings.orders import read_orders
from fhir_mappings.rows import read_rows
from fhir_mappings.searches import load_searches
from tests.clinical.charts import (
    ACTIVE,
    CROHNS,
    EIGHT_WEEKLY,
    QUIET,
    ago,
    antibody,
    chart,
    diagnosed,
    finding,
    infusion,
    infusions,
    judge,
    level,
    measured,
    order,
    reading,
)
from tests.clinical.test_rows_of_the_precedence_table import FOUR_WEEKLY, remission
from tests.fhir_mappings import charts as fhir
from tests.safety.cards import card_of, detail, kinds, offers_more, section

RISK_MODELS = Path(__file__).parents[2] / "docs" / "risk-models"
HEART_FAILURE = diagnosed("stop.heart_failure")
STOPS = [name for name, row in stops().items() if row.effect == "stop"]
OTHER_INDICATIONS = sorted(
    {row["concept"] for row in read_rows("conditions.csv") if row["concept"].startswith("other_indication.")}
)
REQUIRED = [search.name for search in load_searches() if search.required]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1.7, antibody(12, assay="prometheus-hmsa")),
        (4.5, antibody(9.2, assay="prometheus-hmsa")),
        ("<0.8", antibody(4, assay="prometheus-hmsa")),
        ("<1.0", antibody(60)),
        (1.7, antibody(300, "ng/mL", "leuven-dt-elisa")),
    ],
)
@pytest.mark.parametrize("draft", [order(), order(weeks=None), order(weeks=10), None])
def test_rule_01_never_shortens_with_a_high_antibody(value: Any, found: Any, draft: InfusionOrder | None) -> None:
    assessment = judge(chart(level(value), antibodies=[found]), draft)
    assert (assessment.antibody.status.value, kinds(assessment)) == ("high", ["review_antibody"])
    assert offers_more(assessment) == []
    assert "do not intensify" in card_of(assessment).summary
    assert "another drug" in detail(assessment) or "another anti-TNF drug" in detail(assessment)


@pytest.mark.parametrize("antibodies", [[], [antibody("<20", drawn=ago(weeks=8))], [antibody(None, pending=True)]])
def test_rule_02_never_takes_a_missing_antibody_for_a_negative_one(antibodies: list[Any]) -> None:
    assessment = judge(chart(level(1.7, assay="mayo-ecl"), antibodies=antibodies))
    assert assessment.antibody.status.value in ("unknown", "pending")
    assert kinds(assessment) == ["order_antibody"]
    assert offers_more(assessment) == []


@pytest.mark.parametrize("assay", ["theradiag", "quantum-blue"])
def test_rule_03_never_takes_the_negative_of_a_blind_assay_for_proof(assay: str) -> None:
    blind = antibody(None, None, assay, reported=ReportedSign.NEGATIVE)
    assessment = judge(chart(level(1.7), antibodies=[blind]))
    assert (assessment.antibody.status.value, kinds(assessment)) == ("uninformative", ["order_antibody"])
    assert offers_more(assessment) == []
    assert "cannot see antibody while drug is present" in detail(assessment)


@pytest.mark.parametrize(
    ("value", "drawn", "given", "called"),
    [
        (1.7, ago(hours=1), [*EIGHT_WEEKLY[:-1], 2 / 168], "during-or-after-infusion"),  # while it runs
        (1.7, ago(hours=1), [*EIGHT_WEEKLY[:-1], 20 / 168], "during-or-after-infusion"),  # the day after
        (1.7, ago(weeks=8, days=-10), EIGHT_WEEKLY, "too-early"),  # ten days after the infusion
        (60.0, ago(weeks=8, days=-20), EIGHT_WEEKLY, "too-early"),  # high in mid-interval proves nothing
        (7.0, ago(days=20), EIGHT_WEEKLY, "too-early"),
    ],
)
def test_rule_04_never_takes_a_sample_of_mid_interval_for_a_trough(
    value: float, drawn: Moment, given: Sequence[float], called: str
) -> None:
    antibodies = [antibody("<20", drawn=drawn)]
    assessment = judge(chart(level(value, drawn), given=infusions(given), antibodies=antibodies))
    assert assessment.trough.qualification.value == called
    assert (assessment.trough_status.value, kinds(assessment)) == ("undetermined", ["measure_trough"])
    assert offers_more(assessment) == []


def test_rule_04_never_calls_an_early_sample_a_true_trough_even_where_it_is_low_enough_to_count() -> None:
    early = ago(days=20)
    assessment = judge(chart(level(1.7, early), antibodies=[antibody("<20", drawn=early)]))
    assert kinds(assessment) == ["shorten_interval"]
    assert card_of(assessment).summary.startswith("Early level 1.7")
    assert "Drawn early, but conclusive" in detail(assessment)
    assert "true trough" not in detail(assessment)


def test_rule_05_never_acts_on_a_level_after_a_delayed_or_missed_infusion() -> None:
    sampled_late, infused_late = (66, 64, 60, 52, 44, 36, 28, 20, 9.7), (64, 62, 58, 50, 42, 34, 26, 18, 8)
    for given in (sampled_late, infused_late):
        delayed = judge(chart(level(1.7), given=infusions(given)))
        assert kinds(delayed) == ["measure_trough"]
        assert delayed.advice[0].recheck == "before the following infusion, given on time"
        assert offers_more(delayed) == []
    missed = judge(chart(level(1.7), given=infusions((78, 76, 72, 64, 56, 48, 40, 32, 24, 16))))
    assert kinds(missed) == ["after_gap"]
    assert offers_more(missed) == []


@pytest.mark.parametrize(
    "record",
    [
        chart(level(1.7, ago(weeks=17)), antibodies=[antibody("<20", drawn=ago(weeks=17))]),  # too old
        chart(level(1.7), given=[*infusions(EIGHT_WEEKLY[:-1]), infusion(ago(weeks=8), 400)]),  # new dose
        chart(level(1.7), given=infusions((58, 56, 52, 44, 36, 28, 20, 4))),  # one infusion, then a long wait
        chart(level(1.7, ago(weeks=8, hours=1)), given=infusions((58, 56, 52, 44, 36, 28, 20, 12, 8, 4))),
    ],
)
def test_rule_06_never_acts_on_a_stale_level_or_one_from_before_a_change(record: TreatmentRecord) -> None:
    assessment = judge(record)
    assert assessment.trough.qualification.value in ("stale", "before-steady-state", "after-delayed-infusion")
    assert assessment.leading_rule == 8
    assert offers_more(assessment) == []


@pytest.mark.parametrize("given", [(2,), (6, 4), (10, 8, 4), (100, 98, 94, 86, 78, 70, 62, 6, 4)])
def test_rule_07_never_applies_maintenance_targets_in_induction(given: tuple[float, ...]) -> None:
    assessment = judge(chart(level(1.7), given=infusions(given)))
    assert assessment.trough.qualification.value == "induction"
    assert assessment.trough_status.value == "undetermined"
    assert set(kinds(assessment)) <= {"measure_trough"}
    assert offers_more(assessment) == []


TOTAL_PROTEIN, CRP = fhir.coded(fhir.LOINC, "2885-2"), fhir.coded(fhir.LOINC, "1988-5")


@pytest.mark.parametrize(
    ("code", "concept", "told"),
    [(TOTAL_PROTEIN, "total_protein", {"g/L": 62, "g/dL": 6.2}), (CRP, "crp", {"mg/L": 12, "mg/dL": 1.2})],
)
def test_rule_08_never_mixes_units_nor_takes_a_value_without_one(
    code: Any, concept: str, told: dict[str, float]
) -> None:
    def result(value: Any) -> Any:
        return fhir.observation(code, {"valueQuantity": value})

    read = {unit: fhir.read(result(fhir.quantity(value, unit))) for unit, value in told.items()}
    assert len({record.measured(concept)[0].reading.value for record in read.values()}) == 1
    for refused in (fhir.read(result({"value": 62})), fhir.read(result(fhir.quantity(62, "mmol/L")))):
        assert refused.measured(concept) == ()
        assert [issue.about for issue in refused.issues] == [concept]


def test_rule_08_never_grades_an_antibody_in_the_unit_of_another_assay() -> None:
    assessment = judge(chart(level(1.7), antibodies=[antibody(5, "ng/mL", "prometheus-hmsa")]))
    assert kinds(assessment) == ["order_antibody"]
    assert "antibody-unit" in {issue.code for issue in assessment.issues}


def test_rule_08_never_judges_a_level_without_a_unit_and_says_so() -> None:
    record = fhir.read(fhir.level({"valueQuantity": {"value": 1.7}}))
    assert [found.reading for found in record.levels] == [None]
    assert "infliximab_level" in {issue.about for issue in record.issues}
    assert "has no value or unit that can be used" in detail(judge(chart(level(None))))


@pytest.mark.parametrize(
    ("value", "status"), [("<0.4", "below"), ("<1.0", "below"), (">34", "above"), ("<7", None), (">3", None)]
)
def test_rule_09_never_turns_a_bound_into_a_number(value: str, status: str | None) -> None:
    assessment = judge(chart(level(value)))
    assert assessment.trough_status.value == (status or "undetermined")
    assert explain(assessment)["level"]["comparator"] == value[0]
    (card,) = write_cards(assessment, hook="patient-view")
    bare = re.compile(rf"(?<![<>\d.]){re.escape(f'{reading(value).value:g}')} µg/mL")
    assert not bare.search(card.summary + str(card.detail).split("2. **Antibody**")[0])


def test_rule_10_never_goes_below_the_shortest_interval_or_above_the_highest_dose() -> None:
    at_four = judge(chart(level(1.7), given=infusions(FOUR_WEEKLY)), order(weeks=4))
    assert (kinds(at_four), at_four.advice[0].interval_weeks) == (["review_dose"], None)
    at_both = judge(chart(level(1.7), given=infusions(FOUR_WEEKLY, 400)), order(weeks=4, mg=400))
    assert kinds(at_both) == ["at_limit"]
    assert "at their limits, review" in card_of(at_both).summary
    assert offers_more(at_four) == ["review_dose"]
    assert offers_more(at_both) == []
    assert min(option.interval_weeks for option in judge(chart(level(1.7))).options) >= 4


def test_rule_10_never_restores_a_dose_above_the_highest() -> None:
    assessment = judge(chart(level(1.7), given=infusions(mg=600)), order(mg=400))
    assert max([entry.dose_mg_per_kg or 0 for entry in assessment.advice]) <= Policy().maximum_mg_per_kg


@pytest.mark.parametrize(("value", "mg"), [(4.5, 400), (1.7, 300)])
def test_rule_10_never_names_a_shorter_interval_as_another_way_at_the_shortest(value: float, mg: float) -> None:
    assessment = judge(chart(level(value), given=infusions(FOUR_WEEKLY, 400)), order(weeks=4, mg=mg))
    assert "a shorter interval" not in detail(assessment).split("Off-label")[0]


@pytest.mark.parametrize("concept", [*OTHER_INDICATIONS, "ulcerative_colitis"])
def test_rule_11_never_speaks_about_another_disease(concept: str) -> None:
    assessment = judge(chart(level(1.7), diagnoses=[diagnosed(concept)]))
    assert not assessment.applies
    assert write_cards(assessment, hook="order-sign") == ()


@pytest.mark.parametrize("diagnoses", [[], [diagnosed("ibd_unclassified")], [CROHNS, diagnosed("ulcerative_colitis")]])
def test_rule_11_never_advises_without_crohns_disease_coded_alone(diagnoses: list[Diagnosis]) -> None:
    assessment = judge(chart(level(1.7), diagnoses=diagnoses))
    assert kinds(assessment) == ["cannot_advise"]
    assert offers_more(assessment) == []


def test_rule_12_never_speaks_about_adults_nor_advises_under_six_without_consent() -> None:
    assert write_cards(judge(chart(level(1.7), born=date(2008, 11, 23))), hook="order-sign") == ()
    small = chart(level(1.7), born=date(2021, 1, 1))
    assert kinds(judge(small)) == ["cannot_advise"]
    allowed = judge(small, policy=Policy(allow_under_six=True))
    assert "Under 6 years infliximab itself is off-label" in section(allowed, "Notes and doubts")


@pytest.mark.parametrize("drug", ["Adalimumab 40 mg", "Humira", "Ustekinumab", "Golimumab", "Certolizumab pegol"])
def test_rule_13_never_speaks_about_another_drug(drug: str) -> None:
    draft = {"resourceType": "MedicationRequest", "id": "d", "medicationCodeableConcept": {"text": drug}}
    assert read_orders({"resourceType": "Bundle", "entry": [{"resource": draft}]}) == ()


def test_rule_13_never_speaks_about_subcutaneous_infliximab() -> None:
    switched = chart(level(1.7), given=[*infusions(), infusion(ago(weeks=2), 120, route=Route.SUBCUTANEOUS)])
    for assessment in (judge(chart(level(1.7)), order(route=Route.SUBCUTANEOUS)), judge(switched, None)):
        assert not assessment.applies
        assert write_cards(assessment, hook="order-sign") == ()


@pytest.mark.parametrize(
    "found",
    [
        {"reactions": (Reaction(severe=True, evidence="AllergyIntolerance/1", recorded=ago(weeks=150)),)},
        {"diagnoses": [CROHNS, diagnosed("stop.severe_infusion_reaction", state=ConditionState.INACTIVE)]},
    ],
)
def test_rule_14_never_intensifies_after_a_severe_reaction_however_old(found: dict[str, Any]) -> None:
    assessment = judge(chart(level("<0.4"), **found))
    assert kinds(assessment) == ["cannot_advise"]
    assert card_of(assessment).indicator.value == "warning"
    assert card_of(assessment).summary.startswith("Do not intensify infliximab: previous severe reaction")
    assert offers_more(assessment) == []


@pytest.mark.parametrize("name", STOPS)
@pytest.mark.parametrize("recorded", [ago(days=3), ago(days=89), None])
def test_rule_15_never_intensifies_during_an_infection_or_with_another_stop_condition(
    name: str, recorded: Moment | None
) -> None:
    assessment = judge(chart(level("<0.4"), diagnoses=[CROHNS, diagnosed(f"stop.{name}", recorded=recorded)]))
    assert (kinds(assessment), assessment.advice[0].severity.value) == (["cannot_advise"], "warning")
    assert offers_more(assessment) == []


@pytest.mark.parametrize("result", [concept for row in stops().values() for concept in row.results])
@pytest.mark.parametrize("draft", [order(), order(weeks=None), order(mg=400), None])
def test_rule_15_never_intensifies_with_a_positive_result_that_nobody_coded(
    result: str, draft: InfusionOrder | None
) -> None:
    assessment = judge(chart(level("<0.4"), findings=(finding(result, ago(days=30)),)), draft)
    assert (kinds(assessment), assessment.advice[0].severity.value) == (["cannot_advise"], "warning")
    assert card_of(assessment).summary.endswith(" positive on record")
    assert offers_more(assessment) == []


@pytest.mark.parametrize("draft", [order(), order(weeks=4), order(mg=400), None])
def test_rule_16_never_intensifies_with_an_abscess_even_if_the_draft_does(draft: InfusionOrder | None) -> None:
    perianal = [CROHNS, diagnosed("perianal_fistula", recorded=ago(days=9)), diagnosed("stop.abscess")]
    assessment = judge(chart(level(1.7), diagnoses=perianal), draft)
    assert kinds(assessment) == ["cannot_advise"]
    assert card_of(assessment).summary == "Do not intensify infliximab: abscess on record"
    assert "resolve or exclude the condition, then judge the level again" in detail(assessment)
    assert offers_more(assessment) == []


def test_rule_17_never_offers_more_than_5_mg_per_kg_in_heart_failure() -> None:
    failing = [CROHNS, HEART_FAILURE]
    at_four = judge(chart(level(1.7), given=infusions(FOUR_WEEKLY), diagnoses=failing), order(weeks=4))
    assert kinds(at_four) == ["at_limit"]
    at_eight = judge(chart(level(1.7), diagnoses=failing))
    assert all((option.dose_mg_per_kg or 0) <= 5 for option in at_eight.options)
    assert "the dose is not to exceed 5 mg/kg" in section(at_eight, "Notes and doubts")


def test_rule_17_never_restores_a_higher_dose_in_heart_failure() -> None:
    record = chart(level(1.7), given=infusions(mg=320), diagnoses=[CROHNS, HEART_FAILURE])
    assert max([entry.dose_mg_per_kg or 0 for entry in judge(record, order(mg=200)).advice]) <= 5


def _high_twice(markers: Any, **more: Any) -> Assessment:
    given = infusions((94, 92, *range(88, 7, -8)))
    return judge(chart(level(17), level(18, ago(weeks=8, hours=1)), given=given, markers=markers, **more))


def test_rule_18_never_asks_for_less_drug_on_a_high_level_alone() -> None:
    fistula = [CROHNS, diagnosed("perianal_fistula", recorded=ago(weeks=200))]
    active: list[Measurement] = sorted([*remission(), *ACTIVE], key=lambda m: m.at.at)  # type: ignore[list-item, attr-defined]
    assert kinds(_high_twice(remission())) == ["consider_deescalation"]
    for assessment in (
        _high_twice(()),
        _high_twice(QUIET),
        _high_twice(active),
        _high_twice(remission(), diagnoses=fistula),
        judge(chart(level(30), markers=remission())),  # type: ignore[arg-type]
    ):
        assert "consider_deescalation" not in kinds(assessment)


@pytest.mark.parametrize("value", [5.0, 7.0, 10.0, 22.0])
@pytest.mark.parametrize("weeks", [6, 8, 12])
def test_rule_19_never_intensifies_where_the_level_is_adequate_and_the_disease_active(value: float, weeks: int) -> None:
    given = infusions((30 + 6 * weeks, 28 + 6 * weeks, 24 + 6 * weeks, *(weeks * n for n in range(6, 0, -1))))
    assessment = judge(chart(level(value), given=given, markers=ACTIVE), order(weeks=weeks))
    assert kinds(assessment) == ["review_mechanism"]
    assert "exclude infection, abscess and stricture first" in detail(assessment)
    assert offers_more(assessment) == []


def test_rule_20_never_takes_symptoms_for_inflammation() -> None:
    symptoms = [measured("pcdai", 60, ago(days=2))]
    assessment = judge(chart(level(4.5), markers=symptoms))
    assert (assessment.disease.status.value, kinds(assessment)) == ("unknown", ["near_target"])
    assert "symptoms only" in detail(assessment)
    assert "CRP 1 mg/L on 23 Nov 2026, normal" in detail(judge(chart(level(4.5))))


BASELINE = [
    measured("ses_cd", 9, ago(weeks=64)),
    measured("total_protein", 58, ago(weeks=63)),
]


def test_rule_21_never_shows_the_published_odds_as_a_probability_or_without_their_limits() -> None:
    assessment = judge(chart(level(1.7), markers=BASELINE))
    told = section(assessment, "Before treatment")
    assert re.search(
        r"Relative odds of a low trough [\d.]+ \(95% interval [\d.]+ to [\d.]+\) against a child with", told
    )
    for caveat in ("46 children of one centre", "not validated", "Not a probability", "inferred"):
        assert caveat in told
    assert re.findall(r"\d+ ?%", told) == ["95%"]
    assert (explain(assessment)["risk"]["probability"], explain(assessment)["risk"]["calibration"]) == (None, "none")


@pytest.mark.parametrize(
    ("file", "calibration", "label"),
    [
        ("baseline.toml", "baseline", "Uncalibrated, the published odds on this hospital's own baseline: 12 of 40"),
        ("recalibrated.toml", "recalibrated", "Recalibrated in this hospital: 39 of 84 children"),
    ],
)
def test_rule_21_never_shows_a_probability_without_its_interval_and_what_it_rests_on(
    file: str, calibration: str, label: str
) -> None:
    own = Policy(risk_model=load_risk_model(RISK_MODELS / file))
    told = section(judge(chart(level(1.7), markers=BASELINE), policy=own), "Before treatment")
    assert re.search(r"Probability of a low trough \d+% \(95% interval \d+% to \d+%\)", told)
    assert label in told
    assert explain(judge(chart(level(1.7), markers=BASELINE), policy=own))["risk"]["calibration"] == calibration
    unknown = section(judge(chart(level(1.7)), policy=own), "Before treatment")
    assert "Probability of a low trough not given: SES-CD not known; total protein not known" in unknown
    assert set(re.findall(r"\d+ ?%", unknown)) <= {"95%"}


def test_rule_22_never_makes_the_steroid_odds_ratio_advice_to_give_steroids() -> None:
    given = MedicationUse("systemic_steroid", ago(weeks=66), "MedicationRequest/steroid", ago(weeks=60))
    for record in (chart(level(1.7)), chart(level(1.7), medications=(given,))):
        assert "not advice to give steroids" in section(judge(record), "Before treatment")
    told = [
        sentence
        for row in load_wording().kinds.values()
        for sentence in (row.heading, row.summary, row.consider, *row.alternatives)
    ]
    assert [
        sentence for sentence in told if re.search("steroid|cortico|predniso|budesonid", sentence, re.IGNORECASE)
    ] == []


def test_rule_23_never_feeds_present_values_into_coefficients_of_before_treatment() -> None:
    present = [measured("ses_cd", 30, ago(weeks=2)), measured("total_protein", 45, ago(weeks=2))]
    before, after = judge(chart(level(1.7), markers=BASELINE)), judge(chart(level(1.7), markers=[*BASELINE, *present]))
    assert before.risk == after.risk
    alone = judge(chart(level(1.7), markers=present))
    assert {p.name: p.state.value for p in alone.predictors}["total_protein"] == "missing"


@pytest.mark.parametrize(
    ("record", "draft"),
    [
        (chart(level(1.7)), order()),
        (chart(level("<0.4")), order()),
        (chart(level(1.7), given=infusions(FOUR_WEEKLY)), order(weeks=4)),
        (chart(level(1.7)), order(mg=150)),
    ],
)
def test_rule_24_never_calls_intensification_label_dosing(record: TreatmentRecord, draft: InfusionOrder) -> None:
    told = detail(judge(record, draft))
    assert "Off-label: a shorter interval or a higher dose of infliximab is not in the licence for children" in told
    assert "no higher dose or shorter interval is listed for children" in told


def _call(request: Any) -> Any:
    return create_app(Settings()).test_client().post(f"/cds-services/infliximab-{request['hook']}", json=request)


NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_rule_25_never_acts_by_itself_nor_hides_the_alternatives() -> None:
    request = patients.hook_request(patients.load("low-trough"), "order-sign", NOW)
    sent = copy.deepcopy(request["context"]["draftOrders"]["entry"][0]["resource"])
    answer = _call(request).get_json()
    assert answer.keys() == {"cards"}  # no systemActions
    (card,) = answer["cards"]
    (suggestion,) = card["suggestions"]
    (action,) = suggestion["actions"]
    assert (action["type"], action["resource"]["id"], action["resource"]["status"]) == ("update", sent["id"], "draft")
    assert action["resource"]["dosageInstruction"][0]["doseAndRate"] == sent["dosageInstruction"][0]["doseAndRate"]
    assert "isRecommended" not in suggestion
    assert len(re.findall(r"^   - ", card["detail"], re.MULTILINE)) >= 2


@pytest.mark.parametrize("missing", REQUIRED)
@pytest.mark.parametrize("hook", ["order-select", "order-sign", "patient-view"])
def test_rule_26_never_answers_a_failure_with_silence(missing: str, hook: str) -> None:
    request = patients.hook_request(patients.load("low-trough"), hook, NOW)
    del request["prefetch"][missing]
    response = _call(request)
    assert response.status_code == 412
    assert response.get_json()["resourceType"] == "OperationOutcome"
    assert missing in response.get_json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "record",
    [
        chart(level(None)),
        chart(level(1.7, None, drawn=None)),
        chart(level(1.7), given=[]),
        chart(level(1.7), diagnoses=[]),
        chart(level(1.7), born=None),
        chart(level(1.7), antibodies=[]),
        chart(level(1.7), weights=[], given=infusions(mg=None)),
    ],
)
def test_rule_26_never_lets_an_incomplete_chart_look_all_clear(record: TreatmentRecord) -> None:
    card = card_of(judge(record))
    assert card.summary
    assert "keep" not in card.summary


def test_rule_27_never_ignores_the_other_causes_of_a_low_level() -> None:
    grown = [measured("weight", 40, ago(weeks=w)) for w in range(80, 7, -8)] + [measured("weight", 43, ago(days=2))]
    told = detail(judge(chart(level(1.7), weights=grown)))
    for fact in (
        "200 mg (5 mg/kg at 40 kg)",
        "last 28 Sep 2026",
        "Weight 43 kg on 21 Nov 2026",
        "This order: 200 mg (4.7 mg/kg)",
        "one low trough can also come from a missed or partial dose, protein loss or the assay",
    ):
        assert fact.lower() in told.lower()
    outgrown = [*grown[:-1], measured("weight", 46, ago(days=2))]
    assert kinds(judge(chart(level(1.7), weights=outgrown))) == ["restore_dose"]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"markers": [*QUIET, measured("albumin", 27, ago(days=1))]}, "protein loss lowers the trough"),
        ({"given": [*infusions()[:-1], infusion(ago(weeks=8), 90, complete=False)]}, "stopped or not completed"),
    ],
)
def test_rule_27_never_leaves_a_likely_other_cause_unsaid(found: dict[str, Any], told: str) -> None:
    assert told in section(judge(chart(level(1.7), **found)), "Notes and doubts")
    assert told not in detail(judge(chart(level(1.7))))
