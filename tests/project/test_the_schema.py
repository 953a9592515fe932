"""The assessment has the published form: docs/schemas/assessment.schema.json. All children here are synthetic."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from cds_service import patients
from cds_service.clinical.assessment import (
    AdviceKind,
    AntibodyStatus,
    DiseaseStatus,
    Hindrance,
    OrderChange,
    Phase,
    PredictorState,
    Qualification,
    TroughStatus,
)
from cds_service.clinical.explain import explain, not_applicable
from cds_service.clinical.policy import Policy
from cds_service.clinical.record import IssueLevel
from cds_service.clinical.site_model import Calibration
from cds_service.hooks.evaluate import evaluate
from cds_service.hooks.request import read_hook_request
from cds_service.site.risk_model_file import load_risk_model
from cds_service.site.settings import Settings
from cds_service.site.site import Site, open_site
from tests.clinical.charts import (
    ACTIVE,
    CROHNS,
    VISIT,
    ago,
    antibody,
    chart,
    day,
    diagnosed,
    infusions,
    judge,
    level,
    measured,
    order,
)
from tests.clinical.test_rows_of_the_precedence_table import FOUR_WEEKLY

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
SCHEMA: Json = json.loads((ROOT / "docs" / "schemas" / "assessment.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def policy(own_model: str) -> Policy:
    return Policy(risk_model=load_risk_model(ROOT / "docs" / "risk-models" / f"{own_model}.toml"))


BASELINE = (measured("ses_cd", 9, ago(weeks=63)), measured("total_protein", 62, ago(weeks=63)))
DOCUMENTS: dict[str, Json] = {
    "low trough": explain(judge(chart(level(1.7)))),
    "patient-view": explain(judge(chart(level(1.7)), None)),
    "below the assay's limit": explain(judge(chart(level("<0.4"), antibodies=(antibody(">200"),), markers=ACTIVE))),
    "drawn early": explain(judge(chart(level(2.0, ago(weeks=3))))),
    "newer level without a date": explain(judge(chart(level(1.7), level(3.0, drawn=None)))),
    "known to the day only": explain(judge(chart(level(1.7, day())))),
    "no level": explain(judge(chart(antibodies=()))),
    "nothing on record": explain(judge(chart(given=(), antibodies=(), markers=(), weights=()))),
    "stop condition": explain(judge(chart(level(1.7), diagnoses=(CROHNS, diagnosed("stop.abscess"))))),
    "adult": explain(judge(chart(level(1.7), born=date(2000, 1, 1)))),
    "after a gap": explain(judge(chart(given=infusions((62, 60, 56, 48, 40, 32, 24))))),
    "predictors before treatment": explain(judge(chart(level(1.7), markers=BASELINE))),
    "risk on a baseline": explain(judge(chart(level(1.7), markers=BASELINE), policy=policy("baseline"))),
    "risk by a recalibrated model": explain(judge(chart(level(1.7), markers=BASELINE), policy=policy("recalibrated"))),
    "risk model that says nothing": explain(judge(chart(level(1.7)), policy=policy("recalibrated"))),
    "models that disagree": explain(judge(chart(level(2.5)))),
    "nothing likely to suffice": explain(judge(chart(level("<0.4")))),
    "dose chosen": explain(judge(chart(level(2.0), given=infusions(FOUR_WEEKLY)), order(4))),
    "draft forecast": explain(judge(chart(level(1.7)), order(5))),
    "target without an upper end": explain(judge(chart(level(1.7)), policy=Policy(target_profile="low-trigger-6"))),
    "levels that no model explains": explain(judge(chart(level(40, ago(weeks=8, hours=1)), level("<0.4")))),
    "forecast off": explain(judge(chart(level(1.7)), policy=Policy(forecast=False))),
    "no infliximab order": not_applicable("synthetic", VISIT, "no infliximab order in the request", Policy()),
}


@pytest.fixture(scope="module")
def site() -> Site:
    return open_site(Settings())


def resolved(schema: Json) -> Json:
    """The definition that is meant, where the schema names one or null."""
    schema = next((one for one in schema.get("anyOf", []) if "$ref" in one), schema)
    return SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def undescribed(schema: Json, value: Any, where: str = "") -> Iterator[str]:
    """Every key that the value has and the schema does not describe."""
    schema = resolved(schema)
    for item in value if isinstance(value, list) else ():
        yield from undescribed(schema.get("items", {}), item, f"{where}[]")
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in schema.get("properties", {}):
            yield from undescribed(schema["properties"][key], inner, f"{where}.{key}")
        else:
            yield f"{where}.{key}"


def described(schema: Json, value: Any) -> Iterator[str]:
    """Every key that the schema describes and the value leaves out."""
    schema = resolved(schema)
    if isinstance(value, list):
        for item in value:
            yield from described(schema.get("items", {}), item)
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            yield from described(inner, value[key]) if key in value else (key,)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_assessment_has_the_published_form_and_every_key(name: str) -> None:
    document = json.loads(json.dumps(DOCUMENTS[name], allow_nan=False))
    VALIDATOR.validate(document)
    assert list(described(SCHEMA, document)) == []


FORECAST = SCHEMA["properties"]["forecast"]
FORESEEN = [name for name, document in DOCUMENTS.items() if document["forecast"]]


@pytest.mark.parametrize("name", FORESEEN)
def test_a_forecast_has_no_key_that_the_schema_does_not_describe(name: str) -> None:
    assert list(undescribed(FORECAST, DOCUMENTS[name]["forecast"])) == []


def test_an_undescribed_key_is_found_however_deep() -> None:
    forecast = json.loads(json.dumps(DOCUMENTS["draft forecast"]["forecast"]))
    forecast["draft"]["second_trough"]["mode"] = forecast["models"][0]["eta"] = 1
    assert list(undescribed(FORECAST, forecast)) == [".models[].eta", ".draft.second_trough.mode"]


def test_the_documents_hold_every_ending_of_a_forecast() -> None:
    assert {DOCUMENTS[name]["forecast"]["sufficient"] for name in FORESEEN} == {True, False, None}
    assert {bool(DOCUMENTS[name]["forecast"]["draft"]) for name in FORESEEN} == {True, False}
    without = {
        issue["code"] for document in DOCUMENTS.values() if not document["forecast"] for issue in document["issues"]
    }
    assert "level-not-explained" in without


@pytest.mark.parametrize("name", FORESEEN)
def test_a_forecast_begins_with_the_unchanged_regimen_and_goes_from_least_to_most_drug(name: str) -> None:
    first, *others = DOCUMENTS[name]["forecast"]["options"]
    assert [first["current"], *(option["current"] for option in others)] == [True, *(False for _ in others)]
    yearly = [option["mg_per_kg_per_year"] for option in others]
    assert yearly == sorted(yearly)
    assert sum(model["weight"] for model in DOCUMENTS[name]["forecast"]["models"]) == pytest.approx(1, abs=0.002)
    assert all(len(o["second_trough_median_by_model"]) == len(DOCUMENTS[name]["forecast"]["models"]) for o in others)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("models", []),
        ("options", []),
        ("assumed", ["hair_colour"]),
        ("sufficient", "yes"),
        ("draft", {}),
        ("issues", [{"code": "no level"}]),
    ],
)
def test_a_forecast_that_breaks_the_schema_is_refused(place: str, wrong: object) -> None:
    document = DOCUMENTS["low trough"]
    with pytest.raises(ValidationError):
        VALIDATOR.validate({**document, "forecast": {**document["forecast"], place: wrong}})


def test_a_chance_outside_0_to_1_is_refused() -> None:
    document = json.loads(json.dumps(DOCUMENTS["low trough"]))
    document["forecast"]["options"][0]["probability_at_least_low"] = 1.2
    with pytest.raises(ValidationError, match=r"1\.2"):
        VALIDATOR.validate(document)


@pytest.mark.parametrize("name", patients.names())
@pytest.mark.parametrize("hook", ["order-sign", "patient-view"])
def test_every_bundled_child_is_explained_in_the_published_form(name: str, hook: str, site: Site) -> None:
    request = read_hook_request(patients.hook_request(patients.load(name), hook, VISIT), hook)
    evaluation = evaluate(request, site, VISIT, site.reading_deadline())
    assert evaluation.assessments
    for assessment in evaluation.assessments:
        VALIDATOR.validate(json.loads(json.dumps(explain(assessment), allow_nan=False)))


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_an_assessment_without_a_required_key_is_refused(key: str) -> None:
    document = {name: value for name, value in DOCUMENTS["low trough"].items() if name != key}
    with pytest.raises(ValidationError, match=key):
        VALIDATOR.validate(document)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("trough_status", TroughStatus),
        ("phase", Phase),
        ("trough.qualification", Qualification),
        ("antibody.status", AntibodyStatus),
        ("disease.status", DiseaseStatus),
        ("regimen.ordered.change", OrderChange),
        ("advice[].kind", AdviceKind),
        ("predictors[].state", PredictorState),
        ("issues[].level", IssueLevel),
        ("risk.calibration", Calibration),
        ("risk.probability_hindered_by[].why", Hindrance),
    ],
)
def test_the_schema_lists_every_word_the_code_knows(path: str, values: type) -> None:
    place = SCHEMA
    for part in path.split("."):
        place = place["properties"][part.removesuffix("[]")]
        place = resolved(place["items"]) if part.endswith("[]") else place
    assert set(place["enum"]) == set(values)  # type: ignore[call-overload]


def test_a_time_without_an_offset_is_refused() -> None:
    naive = {**DOCUMENTS["low trough"], "as_of": datetime(2026, 11, 23).isoformat()}  # noqa: DTZ001 - the fault itself
    with pytest.raises(ValidationError):
        VALIDATOR.validate(naive)
