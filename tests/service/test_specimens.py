"""When the sample of a level was taken: its Specimen is read where the result only refers to it."""

from typing import Any

import pytest

from cds_service.chart.request import Limits
from cds_service.errors import ForeignPatient
from fhir_mappings.read import read_record
from tests.fhir_mappings.charts import AS_OF, SINCE

LEVEL, CRP = "39803-2", "1988-5"


def result(name: str, code: str, specimen: Any, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": "2026-11-20T15:00:00Z",
        "valueQuantity": {"value": 1.7, "unit": "ug/mL"},
        "specimen": specimen,
        **more,
    }


def tube(name: str, **more: Any) -> dict[str, Any]:
    collected = {"collectedDateTime": "2026-11-20T08:00:00Z"}
    subject = {"reference": "Patient/p1"}
    return {"resourceType": "Specimen", "id": name, "subject": subject, "collection": collected, **more}


def drawn(chart: Any) -> list[str]:
    record = read_record(chart, since=SINCE, until=AS_OF)
    return [one.drawn.at.isoformat() for one in record.levels if one.drawn]


def test_a_level_is_dated_by_the_specimen_that_it_refers_to_read_once(ehr: Any, read_chart: Any) -> None:
    ehr.holds(tube("t"), *(result(f"l{n}", LEVEL, {"reference": "Specimen/t"}) for n in range(3)))
    chart = read_chart(None, ehr)
    assert list(chart.referenced) == ["Specimen/t"]
    assert ehr.asked().count("Specimen/t") == 1
    assert drawn(chart) == ["2026-11-20T08:00:00+00:00"] * 3


def test_the_specimen_of_another_test_is_not_read(ehr: Any, read_chart: Any) -> None:
    ehr.holds(tube("t"), result("c", CRP, {"reference": "Specimen/t"}), result("o", 7, {"reference": "Specimen/t"}))  # type: ignore[arg-type]
    assert read_chart(None, ehr).referenced == {}
    assert "Specimen/t" not in ehr.asked()


def test_a_panel_is_timed_by_what_its_components_are(ehr: Any, read_chart: Any) -> None:
    parts = [{"code": {"text": "Infliximab antibodies"}, "valueQuantity": {"value": 20, "unit": "U/mL"}}]
    ehr.holds(tube("t"), result("p", "0-0", {"reference": "Specimen/t"}, component=parts))
    assert list(read_chart(None, ehr).referenced) == ["Specimen/t"]


@pytest.mark.parametrize(
    "specimen",
    [
        {"reference": "#s"},
        {"reference": "https://other.example/fhir/Specimen/t"},
        {"reference": "Medication/t"},
        {},
        "x",
    ],
)
def test_what_is_contained_or_elsewhere_or_no_reference_is_not_read(ehr: Any, read_chart: Any, specimen: Any) -> None:
    ehr.holds(tube("t"), result("l", LEVEL, specimen))
    assert read_chart(None, ehr).referenced == {}
    assert not [path for path in ehr.asked() if path.startswith("Specimen/")]


def test_a_specimen_that_came_along_is_not_read_again(
    ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    full_prefetch["levels"] = synthetic.searchset(result("l", LEVEL, {"reference": "Specimen/t"}))
    full_prefetch["levels"]["entry"].append({"resource": tube("t"), "search": {"mode": "include"}})
    assert drawn(read_chart(full_prefetch, ehr)) == ["2026-11-20T08:00:00+00:00"]
    assert ehr.asked() == []


def test_a_specimen_that_cannot_be_read_leaves_the_time_of_the_result(ehr: Any, read_chart: Any) -> None:
    ehr.holds(result("l", LEVEL, {"reference": "Specimen/gone"}))
    assert drawn(read_chart(None, ehr)) == ["2026-11-20T15:00:00+00:00"]


def test_a_specimen_that_names_no_patient_is_not_used(ehr: Any, read_chart: Any) -> None:
    ehr.holds(tube("t", subject=None), result("l", LEVEL, {"reference": "Specimen/t"}))
    chart = read_chart(None, ehr)
    assert (chart.referenced, drawn(chart)) == ({}, ["2026-11-20T15:00:00+00:00"])


def test_a_specimen_of_another_child_stops_everything(ehr: Any, read_chart: Any) -> None:
    ehr.holds(tube("t", subject={"reference": "Patient/p2"}), result("l", LEVEL, {"reference": "Specimen/t"}))
    with pytest.raises(ForeignPatient, match="a Specimen belongs to another patient"):
        read_chart(None, ehr)


def test_no_more_specimens_are_read_than_the_limit(ehr: Any, read_chart: Any) -> None:
    ehr.holds(*(result(f"l{n}", LEVEL, {"reference": f"Specimen/t{n}"}) for n in range(9)))
    read_chart(None, ehr, limits=Limits(max_references=3))
    assert sum(path.startswith("Specimen/") for path in ehr.asked()) == 3
