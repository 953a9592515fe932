"""An allergy to infliximab: severe, milder, or recorded without a word of how severe it was."""

from typing import Any

import pytest

from tests.fhir_mappings.charts import ICD, RXNORM, SNOMED, allergy, coded, codes, read


def shown(*manifestation: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"reaction": [{"manifestation": list(manifestation)} | more]}


@pytest.mark.parametrize(
    ("more", "severe"),
    [
        ({}, None),
        ({"code": {"text": "Remicade"}}, None),
        ({"criticality": "unable-to-assess"}, None),
        (shown({"text": "urticaria"}), None),
        ({"reaction": [{"severity": "mild"}, {"manifestation": [{"text": "rash"}]}]}, None),
        ({"criticality": "low", "reaction": [{"manifestation": "rash"}]}, None),
        ({"reaction": [{"severity": "mild", "description": ["rash"]}]}, None),
        ({"criticality": "high", "reaction": [{"manifestation": "anaphylaxis"}]}, True),
        ({"criticality": "high"}, True),
        ({"criticality": "low", "reaction": [{"severity": "moderate"}, {"severity": "severe"}]}, True),
        ({"criticality": "low"}, False),
        ({"criticality": "low", "reaction": [{"manifestation": [{"text": "rash"}]}]}, False),
        ({"reaction": [{"severity": "mild"}, {"severity": "moderate"}]}, False),
        ({"code": {}, "reaction": [{"substance": coded(RXNORM, "191831"), "severity": "severe"}]}, True),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}, "criticality": "high"}, True),  # never lapses
    ],
)
def test_a_reaction_is_as_severe_as_the_chart_says(more: dict[str, Any], severe: bool | None) -> None:
    assert [one.severe for one in read(allergy(**more)).reactions] == [severe]


@pytest.mark.parametrize(
    "more",
    [
        shown(coded(SNOMED, "39579001")),
        shown(coded(SNOMED, "271807003", "Eruption of skin"), coded(SNOMED, "39579001", "Anaphylaxis")),
        shown(coded(SNOMED, "417516000")),
        shown(coded(ICD, "T78.2XXA")),
        shown(coded(ICD, "T80.59XA")),
        shown(coded(ICD, "T886XXA")),
        shown({"text": "Anaphylactic shock"}),
        shown({"text": "severe infusion reaction"}),
        shown({"text": "anaphylaxis, no admission"}),
        shown({"text": "anaphylaxis"}, severity="mild"),
        {"reaction": [{"description": "life-threatening, adrenaline given"}]},
        {"code": {"text": "Infliximab (anaphylaxis)"}},
    ],
)
def test_anaphylaxis_is_severe_though_nobody_graded_it(more: dict[str, Any]) -> None:
    assert [one.severe for one in read(allergy(**more)).reactions] == [True]


@pytest.mark.parametrize("words", ["no anaphylaxis", "rash without anaphylactic signs", "not life-threatening"])
def test_what_is_denied_does_not_make_a_reaction_severe(words: str) -> None:
    assert [one.severe for one in read(allergy(**shown({"text": words}))).reactions] == [None]


@pytest.mark.parametrize(
    "more",
    [
        {"code": {"text": "Penicillin"}},
        {"verificationStatus": {"coding": [{"code": "refuted"}]}},
        {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
    ],
)
def test_other_allergies_and_refuted_ones_are_no_reaction(more: dict[str, Any]) -> None:
    record = read(allergy(**more))
    assert (record.reactions, record.issues) == ((), ())


def test_a_reaction_dated_tomorrow_is_not_used() -> None:
    record = read(allergy(recordedDate="2026-11-24"))
    assert record.reactions == ()
    assert codes(record.issues) == ["in-the-future"]
