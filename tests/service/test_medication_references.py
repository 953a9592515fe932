"""Drugs that are only referenced are read once each, and their ingredients once more."""

from typing import Any

from cds_service.chart.request import Limits


def _given(number: int, reference: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration",
        "id": f"given-{number}",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": reference,
    }


def _drug(name: str, *ingredients: str) -> dict[str, Any]:
    rows = [{"itemReference": {"reference": f"Medication/{i}"}} for i in ingredients]
    return {"resourceType": "Medication", "id": name, "code": {"text": name}, "ingredient": rows}


def test_each_drug_is_read_once_and_its_ingredients_once_more(ehr: Any, read_chart: Any) -> None:
    ehr.holds(_drug("bag", "powder"), _drug("powder", "too-deep"), _drug("too-deep"))
    ehr.holds(*(_given(n, {"reference": "Medication/bag"}) for n in range(5)))
    chart = read_chart(None, ehr)
    assert sorted(chart.referenced) == ["Medication/bag", "Medication/powder"]
    assert [path for path in ehr.asked() if path.startswith("Medication/")] == ["Medication/bag", "Medication/powder"]


def test_versioned_and_absolute_references_to_this_server_are_one_drug(ehr: Any, read_chart: Any) -> None:
    ehr.holds(_drug("bag"), _given(1, {"reference": "Medication/bag/_history/3"}))
    ehr.holds(_given(2, {"reference": f"{ehr.base}/Medication/bag"}))
    assert sorted(read_chart(None, ehr).referenced) == ["Medication/bag"]
    assert ehr.asked().count("Medication/bag") == 1


def test_a_drug_on_another_server_is_not_read(ehr: Any, read_chart: Any) -> None:
    ehr.holds(_drug("bag"), _given(1, {"reference": "https://other.example/fhir/Medication/bag"}))
    assert read_chart(None, ehr).referenced == {}


def test_contained_drugs_and_odd_references_are_not_read(ehr: Any, read_chart: Any) -> None:
    ehr.holds(*(_given(n, r) for n, r in enumerate([{"reference": "#m"}, {"reference": 7}, {}, "x", None])))
    ehr.holds(_given(9, {"reference": "Medication/.."}), _given(10, {"reference": "Substance/x"}))
    read_chart(None, ehr)
    assert not [path for path in ehr.asked() if path.startswith(("Medication/", "Substance"))]


def test_a_contained_mixture_leads_to_its_ingredients(ehr: Any, read_chart: Any) -> None:
    ehr.holds(_drug("powder"), {**_given(1, {"reference": "#m"}), "contained": [_drug("m", "powder")]})
    assert sorted(read_chart(None, ehr).referenced) == ["Medication/powder"]


def test_drugs_that_came_along_are_not_read_again(
    ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    included = {"resource": _drug("bag"), "search": {"mode": "include"}}
    full_prefetch["infusions"] = synthetic.searchset(_given(1, {"reference": "Medication/bag"}))
    full_prefetch["infusions"]["entry"].append(included)
    assert sorted(read_chart(full_prefetch, ehr).referenced) == ["Medication/bag"]
    assert ehr.asked() == []


def test_a_drug_that_cannot_be_read_is_left_out(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.holds(*(_given(n, {"reference": f"Medication/{name}"}) for n, name in enumerate(["gone", "other", "odd"])))
    ehr.quirks["Medication/other"] = lambda _: synthetic.answer(_drug("not-the-one-asked-for"))
    ehr.quirks["Medication/odd"] = lambda _: synthetic.answer({"resourceType": "Patient", "id": "odd"})
    chart = read_chart(None, ehr)
    assert chart.referenced == {}
    assert len(chart.part("infusions").resources) == 3


def test_the_drug_of_a_draft_is_read_unless_the_draft_orders_hold_it(ehr: Any, read_chart: Any) -> None:
    ehr.holds(_drug("a"), _drug("b"))
    draft = {"resourceType": "MedicationRequest", "medicationReference": {"reference": "Medication/a"}}
    other = {"resourceType": "MedicationRequest", "medicationReference": {"reference": "Medication/b"}}
    chart = read_chart(None, ehr, drafts=(draft, other, _drug("b")))
    assert sorted(chart.referenced) == ["Medication/a", "Medication/b"]
    assert "Medication/b" not in ehr.asked()


def test_no_more_drugs_are_read_than_the_limit(ehr: Any, read_chart: Any) -> None:
    ehr.holds(*(_given(n, {"reference": f"Medication/m{n}"}) for n in range(9)))
    read_chart(None, ehr, limits=Limits(max_references=3))
    assert sum(path.startswith("Medication/") for path in ehr.asked()) == 3
