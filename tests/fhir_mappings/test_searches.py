"""One table of searches for prefetch and for FHIR requests, in the subset that EHRs share."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import ConfigurationError
from fhir_mappings import searches as module
from fhir_mappings.searches import CODES_PER_REQUEST, fhir_query, load_searches, prefetch_templates
from fhir_mappings.tables import load_tables

SINCE = datetime(2023, 11, 23, 9, tzinfo=UTC)
# Search parameters that both Epic (capability statement of February 2023) and Oracle Health (documentation of May
# 2024) name for each resource; MedicationAdministration has neither code nor medication in either.
# Of Procedure only Epic names _count.
SHARED = {
    "Observation": {"patient", "category", "code", "date", "_count"},
    "MedicationAdministration": {"patient", "effective-time", "status", "_count"},
    "MedicationRequest": {"patient", "status", "intent", "_count"},
    "Condition": {"patient", "clinical-status", "category", "_count"},
    "Procedure": {"patient", "date", "_count"},
    "AllergyIntolerance": {"patient", "_count"},
    "ServiceRequest": {"patient", "status", "_count"},
    "MedicationDispense": {"patient", "_count"},  # Oracle Health has none
    "QuestionnaireResponse": {"patient", "_count"},  # of which Oracle Health names no _count
}


def by_name() -> dict[str, module.Search]:
    return {search.name: search for search in load_searches()}


def test_the_parts_of_the_chart_have_their_names() -> None:
    required = {name: search.required for name, search in by_name().items()}
    assert required == {
        "patient": True,
        "laboratory": True,
        "levels": False,
        "weight": True,
        "scores": False,
        "forms": False,
        "infusions": True,
        "prescriptions": True,
        "dispenses": False,
        "conditions": True,
        "procedures": False,
        "allergies": False,
        "test_orders": False,
    }


def test_prefetch_templates_use_only_the_patient_token() -> None:
    assert prefetch_templates(load_searches()) == {
        "patient": "Patient/{{context.patientId}}",
        "laboratory": "Observation?patient={{context.patientId}}&category=laboratory",
        "levels": "Observation?patient={{context.patientId}}&code=http://loinc.org|39803-2,http://loinc.org|86896-8",
        "weight": "Observation?patient={{context.patientId}}&code=http://loinc.org|29463-7,http://loinc.org|3141-9",
        "scores": "Observation?patient={{context.patientId}}",
        "forms": "QuestionnaireResponse?patient={{context.patientId}}",
        "infusions": "MedicationAdministration?patient={{context.patientId}}",
        "prescriptions": "MedicationRequest?patient={{context.patientId}}",
        "dispenses": "MedicationDispense?patient={{context.patientId}}",
        "conditions": "Condition?patient={{context.patientId}}",
        "procedures": "Procedure?patient={{context.patientId}}",
        "allergies": "AllergyIntolerance?patient={{context.patientId}}",
        "test_orders": "ServiceRequest?patient={{context.patientId}}&status=active",
    }


@pytest.mark.parametrize("search", [search for search in load_searches() if search.name != "patient"])
def test_a_request_names_only_parameters_that_ehrs_share(search: module.Search) -> None:
    path, parameters = fhir_query(search, "p1", SINCE, 200)
    assert path == search.resource_type
    assert {name for name, _ in parameters} <= SHARED[path]
    assert dict(parameters)["patient"] == "p1"
    assert dict(parameters)["_count"] == "200"


def test_the_look_back_is_asked_for_with_a_day_to_spare() -> None:
    _, laboratory = fhir_query(by_name()["laboratory"], "p1", SINCE, 200)
    _, infusions = fhir_query(by_name()["infusions"], "p1", SINCE.astimezone(timezone(timedelta(hours=12))), 200)
    assert ("date", "ge2023-11-22") in laboratory
    assert ("effective-time", "ge2023-11-22T00:00:00Z") in infusions  # Oracle Health wants a time
    _, procedures = fhir_query(by_name()["procedures"], "p1", SINCE, 200)
    assert ("date", "ge2023-11-22T00:00:00Z") in procedures


def test_infliximab_levels_are_asked_for_without_a_date_so_that_an_undated_one_is_not_missed() -> None:
    _, parameters = fhir_query(by_name()["levels"], "p1", SINCE, 200)
    assert {name for name, _ in parameters} == {"patient", "code", "_count"}


def test_a_patient_id_cannot_leave_its_place_in_the_path() -> None:
    assert fhir_query(by_name()["patient"], "../Patient?x#1", SINCE, 200) == ("Patient/..%2FPatient%3Fx%231", ())


def mapped(folder: Path, *rows: str) -> Any:
    head = "concept,system,code,use,verified,source"
    (folder / "laboratory.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return load_tables(folder)


ANTIBODY = "infliximab_antibody,loinc,00000-0,read,yes,site"
SCORED = ("ses_cd", "pcdai", "wpcdai", "perianal_item")
SCORES = [f"{score},loinc,0000{n}-0,read,yes,site" for n, score in enumerate(SCORED, 1)]


def test_searching_by_code_needs_the_antibody_to_have_one() -> None:
    with pytest.raises(ConfigurationError, match="'laboratory' needs a code for infliximab_antibody"):
        load_searches(("laboratory",))


def test_a_site_that_mapped_its_codes_asks_for_them_only(tmp_path: Path) -> None:
    found = load_searches(("laboratory", "scores"), tables=mapped(tmp_path, ANTIBODY, *SCORES))
    parameters = {search.name: dict(search.parameters) for search in found}
    assert "category" not in parameters["laboratory"]
    assert {"http://loinc.org|39803-2", "http://loinc.org|00000-0", "http://loinc.org|76485-2"} <= set(
        parameters["laboratory"]["code"].split(",")
    )
    assert parameters["scores"]["code"].split(",") == [f"http://loinc.org|0000{n}-0" for n in (1, 2, 3, 4)]


def test_scores_alone_are_asked_for_by_those_codes_that_the_site_has(tmp_path: Path) -> None:
    found = load_searches(("scores",), tables=mapped(tmp_path, SCORES[0]))
    parameters = {search.name: dict(search.parameters) for search in found}
    assert parameters["scores"] == {"code": "http://loinc.org|00001-0"}
    assert parameters["laboratory"] == {"category": "laboratory"}


def test_scores_of_which_none_has_a_code_cannot_be_asked_for_by_code() -> None:
    with pytest.raises(ConfigurationError, match="'scores' needs a code for ses_cd, pcdai, wpcdai, perianal_item"):
        load_searches(("scores",))


def test_what_is_only_minor_is_never_required() -> None:
    assert {search.name for search in load_searches() if search.minor} == {"forms", "dispenses"}
    assert not any(search.required for search in load_searches() if search.minor)


def test_many_codes_are_asked_for_in_several_requests(tmp_path: Path) -> None:
    many = [f"crp,loinc,{n}-x,read,yes,site" for n in range(2 * CODES_PER_REQUEST)]
    found = load_searches(("laboratory",), tables=mapped(tmp_path, ANTIBODY, *many))
    chunks = {search.name: search for search in found if search.name.startswith("laboratory")}
    assert list(chunks) == ["laboratory", "laboratory_2", "laboratory_3"]
    sizes = [dict(search.parameters)["code"].count(",") + 1 for search in chunks.values()]
    assert max(sizes) == CODES_PER_REQUEST
    assert all(search.required and search.date_parameter == "date" for search in chunks.values())


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"name": "x", "title": "x", "resource": "X"}, "row 1: required is a bool, got None"),
        ({"name": "x", "title": 7, "resource": "X", "required": True}, "row 1: title is a str, got 7"),
        ({"name": "x", "title": "x", "resource": "X", "required": True, "sort": "date"}, "row 1: unknown sort"),
        ({"name": "x", "title": "x", "resource": "X", "required": True, "codes": "x"}, "row 1: codes is a list"),
    ],
)
def test_a_row_that_is_wrong_is_named(row: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        module.read_search(1, row, load_tables())
