"""Cases and forecasts have the published forms, and the command reads what the schema allows. No child is real."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cds_service.clinical.pk.published import DEFAULT_MODELS, model_names
from cds_service.errors import BadHookRequest
from cds_service.forecast import CaseIn, CovariateIn, InfusionIn, LevelIn, RegimenIn, TargetIn, forecast, read_case
from tests.pk.forecast_cases import (
    ACROSS_FIELDS,
    BAD,
    CASE_SCHEMA,
    CASES,
    CONTRACT,
    FORECAST_SCHEMA,
    FORECASTS,
    GOOD,
    SCHEMAS,
    Json,
    changed,
)

UNITS = ("_days", "_hours", "_weeks", "_mg", "_kg", "_g_per_dl", "_ug_per_ml", "_years", "_L_per_day", "_L")
PURE_NUMBERS = ("probability_above_high", "map_objective", "foce_objective", "effective_draws")


@pytest.mark.parametrize("schema", [CASE_SCHEMA, FORECAST_SCHEMA], ids=["case", "forecast"])
def test_a_schema_is_a_schema(schema: Json) -> None:
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_case_fits_the_schema_is_read_and_its_forecast_fits_the_other_schema(name: str) -> None:
    CASES.validate(GOOD[name])
    document = json.loads(json.dumps(forecast(GOOD[name]), allow_nan=False))
    FORECASTS.validate(document)
    assert list(left_out(FORECAST_SCHEMA, document)) == []


def left_out(schema: Json, value: Any) -> Iterator[str]:
    """Every key that the schema requires or describes and the value leaves out, but those of a second compartment."""
    schema = resolved(schema)
    if isinstance(value, list):
        for item in value:
            yield from left_out(schema.get("items", {}), item)
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if key not in ("Q_L_per_day", "V2_L"):
                yield from left_out(inner, value[key]) if key in value else (key,)


def resolved(schema: Json) -> Json:
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    return {**FORECAST_SCHEMA["$defs"][reference], **schema} if reference else schema


@pytest.mark.parametrize("name", BAD)
def test_a_bad_case_is_refused_by_the_schema_and_by_the_command_which_names_the_key(name: str) -> None:
    key, case = BAD[name]
    assert not CASES.is_valid(case)
    with pytest.raises(BadHookRequest) as refused:
        read_case(case)
    assert any(line.startswith((f"{key}:", f"{key}.", f"the case: {key}")) for line in refused.value.diagnostics)


@pytest.mark.parametrize("name", ACROSS_FIELDS)
def test_what_a_schema_cannot_say_is_said_by_the_command(name: str) -> None:
    key, case = ACROSS_FIELDS[name]
    CASES.validate(case)
    with pytest.raises(BadHookRequest) as refused:
        forecast(case)
    assert any(line.startswith((f"{key}:", f"the case: {key}")) for line in refused.value.diagnostics)


def test_several_faults_are_named_at_once() -> None:
    with pytest.raises(BadHookRequest) as refused:
        read_case(changed(infusions=[{"time_days": "0"}], models=[1]))
    assert len(refused.value.diagnostics) == 3


def test_the_worked_example_says_what_its_page_says() -> None:
    """docs/forecast-a-case.md: unchanged about the same, at 6 weeks about twice, at 4 weeks four to five times."""
    case = json.loads((SCHEMAS.parent / "forecast-case.example.json").read_text("utf-8"))
    CASES.validate(case)
    document = forecast(case)
    FORECASTS.validate(document)
    same, at_six, at_four = (row["second_trough"]["median"] for row in document["regimens"])
    assert same == pytest.approx(1.7, abs=0.2)
    assert 1.8 < at_six / same < 2.2
    assert 4 < at_four / same < 5
    assert [issue["code"] for issue in document["issues"]] == ["parameters-unverified"]


NUMBERS = st.one_of(
    st.none(), st.booleans(), st.integers(-50_000, 50_000), st.floats(-1e5, 1e5), st.sampled_from([0, 0.01, 1e-9, "1"])
)
PLACES = [
    ("covariates", "time_days"),
    ("covariates", "weight_kg"),
    ("covariates", "albumin_g_per_dl"),
    ("covariates", "antibody_positive"),
    ("covariates", "age_years"),
    ("covariates", "crohns"),
    ("infusions", "time_days"),
    ("infusions", "duration_hours"),
    ("infusions", "dose_mg"),
    ("levels", "time_days"),
    ("levels", "value_ug_per_ml"),
    ("regimens", "interval_weeks"),
    ("regimens", "dose_mg"),
    ("regimens", "duration_hours"),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), NUMBERS)
def test_schema_and_command_agree_on_any_value(place: tuple[str, str], value: Any) -> None:
    rows, key = place
    case = changed(**{rows: [{**CONTRACT[rows][0], key: value}]})
    problems: list[str] = []
    try:
        read_case(case)
    except BadHookRequest as refused:
        problems = [
            line for line in refused.diagnostics if not line.startswith(("the case: levels", "regimens.0: dur"))
        ]
        if not problems:
            return  # a rule across fields, which the schema leaves to the command
    assert CASES.is_valid(case) is not bool(problems)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.01, 168), st.floats(1e-3, 10_000), st.floats(1, 40_000), st.floats(1e-3, 10_000), st.floats(15, 100),
    st.sampled_from(["value_ug_per_ml", "below_ug_per_ml", "above_ug_per_ml"]), st.sampled_from(model_names()),
)  # fmt: skip
def test_no_allowed_number_gives_anything_but_a_forecast_of_the_published_form(
    hours: float, mg: float, day: float, value: float, kg: float, kind: str, model: str
) -> None:
    case = changed(
        models=[model],
        covariates=[{"time_days": 0, "weight_kg": kg, "male": True, "age_years": 9}],
        infusions=[{"time_days": 0, "duration_hours": hours, "dose_mg": mg}],
        levels=[{"time_days": day, kind: value}],
        regimens_start_at_days=max(day, 7.0),
    )
    FORECASTS.validate(json.loads(json.dumps(forecast(case), allow_nan=False)))


@pytest.mark.parametrize(
    ("model", "definition"),
    [
        (CaseIn, CASE_SCHEMA),
        (CovariateIn, CASE_SCHEMA["$defs"]["covariates"]),
        (InfusionIn, CASE_SCHEMA["$defs"]["infusion"]),
        (LevelIn, CASE_SCHEMA["$defs"]["level"]),
        (RegimenIn, CASE_SCHEMA["$defs"]["regimen"]),
        (TargetIn, CASE_SCHEMA["properties"]["target_ug_per_ml"]),
    ],
)
def test_the_schema_has_the_keys_of_the_command_and_requires_the_same(model: type, definition: Json) -> None:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}  # type: ignore[attr-defined]
    assert set(definition["properties"]) == set(fields)
    assert set(definition["required"]) == {name for name, field in fields.items() if field.is_required()}


def test_the_schema_lists_the_models_and_their_default() -> None:
    models = CASE_SCHEMA["properties"]["models"]
    assert models["items"]["enum"] == list(model_names())
    assert models["description"].endswith(f"the default three: {', '.join(DEFAULT_MODELS)}")


@pytest.mark.parametrize("schema", [CASE_SCHEMA, FORECAST_SCHEMA], ids=["case", "forecast"])
def test_every_key_is_described_and_every_quantity_has_its_unit(schema: Json) -> None:
    assert [name for name, told in properties(schema) if not {"description", "const"} & told.keys()] == []
    numbers = [(name, told) for name, told in properties(schema) if "number" in told.get("type", ())]
    assert numbers
    for name, told in numbers:
        assert name in PURE_NUMBERS or name.endswith(UNITS) or "ug/mL" in told["description"], name


def properties(schema: Any) -> Iterator[tuple[str, Json]]:
    """Every key that a schema describes, at any depth."""
    if isinstance(schema, list):
        for part in schema:
            yield from properties(part)
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for key, part in schema.items():
            if key not in ("oneOf", "if", "then"):  # these only say which of the keys go together
                yield from properties(part)
