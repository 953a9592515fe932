"""The rules of what must never be done, as laws over generated synthetic charts.

Each law spoils whatever chart it is given in the way of its rule; nothing may then ask for more drug. The number of
charts is that of the laws of the advice (CHARTS).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from cards.card import Card
from cards.write import write_cards
from cds_service.clinical.assessment import Assessment
from cds_service.clinical.explain import explain
from cds_service.clinical.knowledge import stops
from cds_service.clinical.record import InfusionOrder, Reaction, ReportedSign, Route, TreatmentRecord
from tests.cards.assessments import DRAFT
from tests.clinical.charts import CROHNS, ago, antibody, diagnosed, finding, infusion, judge, measured, order
from tests.clinical.test_laws_of_the_advice import CHARTS, ORDERS, charts
from tests.safety.cards import offers_more

Spoil = Callable[[TreatmentRecord], TreatmentRecord]
generated = settings(max_examples=CHARTS, deadline=None)
OFF_LABEL = "Off-label: a shorter interval or a higher dose of infliximab is not in the licence for children"
ODDS_LIMITS = ("46 children of one centre", "not validated", "Not a probability", "not advice to give steroids")


def high_antibody(record: TreatmentRecord) -> TreatmentRecord:
    found = [antibody(60, assay="prometheus-hmsa", drawn=one.drawn) for one in record.levels]
    return replace(record, antibodies=(*record.antibodies, *found))


def blind_negative(record: TreatmentRecord) -> TreatmentRecord:
    """Every level a plain number, so that drug is measurable; every antibody negative by an assay blind to it."""
    levels = tuple(one for one in record.levels if one.reading and one.reading.low > 0)
    blind = antibody(None, None, "theradiag", reported=ReportedSign.NEGATIVE)
    return replace(record, levels=levels, antibodies=tuple(replace(blind, drawn=one.drawn) for one in levels))


def sampled_after_an_infusion(record: TreatmentRecord) -> TreatmentRecord:
    new = infusion(ago(hours=10))
    return replace(
        record,
        infusions=(*record.infusions, new),
        levels=tuple(replace(one, drawn=ago(hours=1)) for one in record.levels),
    )


def sampled_long_ago(record: TreatmentRecord) -> TreatmentRecord:
    old = ago(weeks=17)
    antibodies = tuple(replace(one, drawn=old) for one in record.antibodies)
    return replace(record, levels=tuple(replace(one, drawn=old) for one in record.levels), antibodies=antibodies)


def in_induction(record: TreatmentRecord) -> TreatmentRecord:
    return replace(record, infusions=tuple(infusion(ago(weeks=w)) for w in (8, 6, 2)))


def severe_reaction(record: TreatmentRecord) -> TreatmentRecord:
    return replace(record, reactions=(Reaction(severe=True, evidence="AllergyIntolerance/1"),))


SPOILED: Mapping[str, Spoil] = {
    "rule 1: antibody high": high_antibody,
    "rule 2: antibody missing": lambda record: replace(record, antibodies=()),
    "rule 3: antibody negative by a blind assay": blind_negative,
    "rule 4: sampled after an infusion": sampled_after_an_infusion,
    "rule 6: sampled long ago": sampled_long_ago,
    "rule 7: in induction": in_induction,
    "rule 14: severe reaction": severe_reaction,
}
RESULTS = st.sampled_from([concept for row in stops().values() for concept in row.results])
STOPS = st.sampled_from([f"stop.{name}" for name, row in stops().items() if row.effect == "stop"])


@given(charts(), ORDERS, STOPS, RESULTS)
@generated
def test_a_chart_spoiled_in_the_way_of_rules_1_to_7_or_14_to_16_never_asks_for_more_drug(
    record: TreatmentRecord, draft: InfusionOrder | None, stop: str, result: str
) -> None:
    stopped = {
        "rules 15 and 16: a stop condition": replace(record, diagnoses=(*record.diagnoses, diagnosed(stop))),
        "rule 15: a result that stops": replace(record, findings=(finding(result, ago(days=30)),)),
    }
    spoiled = {rule: spoil(record) for rule, spoil in SPOILED.items()} | stopped
    offered = {rule: offers_more(judge(chart, draft)) for rule, chart in spoiled.items()}
    assert {rule: entries for rule, entries in offered.items() if entries} == {}


NOT_OURS: Mapping[str, Spoil] = {
    "rule 11: another disease": lambda r: replace(r, diagnoses=(diagnosed("other_indication.psoriasis"),)),
    "rule 11: ulcerative colitis": lambda r: replace(r, diagnoses=(diagnosed("ulcerative_colitis"),)),
    "rule 12: adult": lambda r: replace(r, patient=replace(r.patient, birth_date=date(2008, 11, 23))),
}


@given(charts(), ORDERS)
@generated
def test_what_is_not_ours_by_rules_11_to_13_is_silent_whatever_else_stands_in_the_chart(
    record: TreatmentRecord, draft: InfusionOrder | None
) -> None:
    asked = draft or order()
    judged = {rule: judge(spoil(record), asked) for rule, spoil in NOT_OURS.items()}
    judged["rule 13: subcutaneous"] = judge(record, replace(asked, route=Route.SUBCUTANEOUS))
    assert [rule for rule, a in judged.items() if a.applies or write_cards(a, hook="patient-view")] == []


@given(charts(), ORDERS, st.sampled_from(["pcdai", "wpcdai"]), st.integers(0, 56), st.integers(30, 90))
@generated
def test_neither_symptoms_nor_present_values_count_where_rules_20_and_23_forbid_it(
    record: TreatmentRecord, draft: InfusionOrder | None, score: str, points: int, protein: int
) -> None:
    begun = replace(record, infusions=(infusion(ago(weeks=8)), *record.infusions))
    symptoms = replace(measured("pcdai", points, ago(days=1)), concept=score)
    present = (measured("ses_cd", points, ago(hours=1)), measured("total_protein", protein, ago(hours=1)))
    usual = judge(begun, draft)
    assert judge(replace(begun, measurements=(*begun.measurements, symptoms)), draft).advice == usual.advice
    assert judge(replace(begun, measurements=(*begun.measurements, *present)), draft).risk == usual.risk


def _keeps_the_bound(a: Assessment, card: Card) -> bool:
    found = a.trough.reading
    if found is None or found.comparator is None:
        return True
    told = explain(a)["level"]
    first_line = str(card.detail).partition("2. **Antibody**")[0]
    same = (told["value"], told["comparator"]) == (found.value, found.comparator)
    return same and f"{found.comparator}{found.value:g} µg/mL" in first_line


def _limits_the_odds(_: Assessment, card: Card) -> bool:
    told = str(card.detail).partition("**Before treatment**")[2].partition("\n\n**")[0]
    percentages = set(re.findall(r"[\d.]+ ?%", told))
    return percentages <= {"95%"} and (not percentages or all(limit in told for limit in ODDS_LIMITS))


def _names_other_ways(_: Assessment, card: Card) -> bool:
    return len(re.findall(r"^   - ", str(card.detail), re.MULTILINE)) >= 2 or not card.override_reasons


def _changes_the_draft_only(_: Assessment, card: Card) -> bool:
    actions = [action for suggestion in card.suggestions for action in suggestion.actions]
    return all(a.type == "update" and a.resource is not None and a.resource["id"] == DRAFT["id"] for a in actions)


OWED: Mapping[str, Callable[[Assessment, Card], bool]] = {
    "rule 9: a bound stays a bound": _keeps_the_bound,
    "rule 19: more drug only below target": lambda a, _: a.trough_status.value == "below" or not offers_more(a),
    "rules 21 and 22: the limits of the odds": _limits_the_odds,
    "rule 24: off-label": lambda _, card: OFF_LABEL in str(card.detail),
    "rule 25: other ways": _names_other_ways,
    "rule 25: a button changes the draft only": _changes_the_draft_only,
    "rule 26: a card is never empty": lambda _, card: bool(card.summary and card.detail),
}


@given(charts(), ORDERS)
@generated
def test_every_card_keeps_rules_9_19_21_22_24_and_25_and_silence_keeps_rule_26(
    record: TreatmentRecord, draft: InfusionOrder | None
) -> None:
    assessment = judge(record, draft)
    cards = write_cards(assessment, hook="order-sign", draft=DRAFT)
    assert [rule for card in cards for rule, holds in OWED.items() if not holds(assessment, card)] == []
    held_back = assessment.leading is not None and not assessment.leading.prompt
    adequate = assessment.leading_rule == 21 and assessment.trough_status.value in ("within", "above")
    assert cards or held_back or adequate or assessment.leading_rule in (1, 5)


def test_the_generated_charts_reach_the_advice_that_the_laws_are_about() -> None:
    """A law over charts that never ask for more drug would prove nothing."""
    reached: set[str] = set()

    @given(charts(), st.just(order()))
    @settings(max_examples=300, deadline=None, derandomize=True)
    def collect(record: TreatmentRecord, draft: InfusionOrder) -> None:
        reached.update(entry.kind.value for entry in judge(replace(record, diagnoses=(CROHNS,)), draft).advice)

    collect()
    assert {"shorten_interval", "review_dose", "review_antibody", "order_antibody", "measure_trough"} <= reached
