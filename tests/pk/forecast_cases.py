"""Forecast cases as a caller writes them, good and bad, and the schemas they are held to. No child is real."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from cds_service.clinical.pk.published import model_names

Json = dict[str, Any]
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
CASE_SCHEMA, FORECAST_SCHEMA = (
    json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8")) for name in ("forecast-case", "forecast")
)
CASES, FORECASTS = Draft202012Validator(CASE_SCHEMA), Draft202012Validator(FORECAST_SCHEMA)

# The example of the project's contract.
CONTRACT: Json = {
    "schema": "infliximab-cds/forecast-case/1",
    "models": ["wojciechowski-2017"],
    "interoccasion_variability": False,
    "covariates": [
        {
            "time_days": 0,
            "weight_kg": 64.201,
            "albumin_g_per_dl": 4.4435,
            "antibody_positive": False,
            "immunomodulator": False,
        }
    ],
    "infusions": [{"time_days": 0, "duration_hours": 2, "dose_mg": 321.0}],
    "levels": [{"time_days": 98, "value_ug_per_ml": 2.412}, {"time_days": 154, "below_ug_per_ml": 0.4}],
    "predict_at_days": [98, 154, 322],
    "target_ug_per_ml": {"low": 5, "high": 10},
    "regimens": [
        {"interval_weeks": 8, "dose_mg": 321.0, "duration_hours": 2},
        {"interval_weeks": 4, "dose_mg": 321.0, "duration_hours": 2},
    ],
}
LEAST: Json = {
    "schema": "infliximab-cds/forecast-case/1",
    "covariates": [{"time_days": 0, "weight_kg": 30}],
    "infusions": [],
}
NO_MODEL = {**CONTRACT, "covariates": [{"time_days": 0, "weight_kg": 5}]}


def changed(**keys: Any) -> Json:
    """The contract's case with other keys."""
    return {**CONTRACT, **keys}


def row(**keys: Any) -> Json:
    return changed(covariates=[{"time_days": 0, "weight_kg": 30, **keys}])


def given_as(**keys: Any) -> Json:
    return changed(infusions=[{"time_days": 0, "dose_mg": 321, **keys}])


def level(**keys: Any) -> Json:
    return changed(levels=[{"time_days": 98, **keys}])


def regimen(**keys: Any) -> Json:
    return changed(regimens=[{"interval_weeks": 8, "dose_mg": 321, **keys}])


def without(case: Json, key: str) -> Json:
    return {name: value for name, value in case.items() if name != key}


GOOD = {
    "the contract's": CONTRACT,
    "the least": LEAST,
    "no regimens and no target": without(changed(regimens=[]), "target_ug_per_ml"),
    "nothing known but weight": row(),
    "all unknown, said so": row(
        albumin_g_per_dl=None, antibody_positive=None, immunomodulator=None, male=None, age_years=None
    ),
    "all known": row(albumin_g_per_dl=3.8, antibody_positive=True, male=True, age_years=0, crohns=False),
    "an infusion of unsaid length": changed(infusions=[{"time_days": 0, "dose_mg": 321}]),
    "several rows in any order": changed(covariates=[{"time_days": day, "weight_kg": 30} for day in (50, -10, 0)]),
    "a level of 0": level(value_ug_per_ml=0),
    "a level above": level(above_ug_per_ml=34, value_ug_per_ml=None, below_ug_per_ml=None),
    "no upper end": changed(target_ug_per_ml={"low": 5}),
    "no upper end, said so": changed(target_ug_per_ml={"low": 5, "high": None}),
    "a stated start": changed(regimens_start_at_days=154),
    "a start at the last infusion": changed(regimens_start_at_days=0),
    "starts left open": changed(regimens_start_at_days=None, occasions_at_days=None),
    "stated occasions": changed(occasions_at_days=[100, 0, 50], interoccasion_variability=True),
    "every model": changed(models=list(model_names())),
    "one model twice": changed(models=["dubinsky-2017", "dubinsky-2017"]),
    "outside every model": NO_MODEL,
}
BAD = {  # the key that is named, and the case
    "no schema": ("schema", without(CONTRACT, "schema")),
    "another schema": ("schema", changed(schema="infliximab-cds/forecast-case/2")),
    "an unknown key": ("wieght", changed(wieght=30)),
    "no covariates": ("covariates", without(CONTRACT, "covariates")),
    "empty covariates": ("covariates", changed(covariates=[])),
    "too many rows": ("covariates", changed(covariates=CONTRACT["covariates"] * 301)),
    "no weight": ("covariates.0.weight_kg", changed(covariates=[{"time_days": 0}])),
    "no day": ("covariates.0.time_days", changed(covariates=[{"weight_kg": 30}])),
    "weight 0": ("covariates.0.weight_kg", row(weight_kg=0)),
    "weight as text": ("covariates.0.weight_kg", row(weight_kg="30")),
    "weight as truth": ("covariates.0.weight_kg", row(weight_kg=True)),
    "weight in g": ("covariates.0.weight_kg", row(weight_kg=30_000)),
    "albumin 0": ("covariates.0.albumin_g_per_dl", row(albumin_g_per_dl=0)),
    "antibody as number": ("covariates.0.antibody_positive", row(antibody_positive=1)),
    "immunomodulator as text": ("covariates.0.immunomodulator", row(immunomodulator="no")),
    "a negative age": ("covariates.0.age_years", row(age_years=-1)),
    "Crohn's disease unknown": ("covariates.0.crohns", row(crohns=None)),
    "an unknown covariate": ("covariates.0.height_cm", row(height_cm=140)),
    "no infusions": ("infusions", without(CONTRACT, "infusions")),
    "infusions as an object": ("infusions", changed(infusions={})),
    "dose 0": ("infusions.0.dose_mg", given_as(dose_mg=0)),
    "dose in micrograms": ("infusions.0.dose_mg", given_as(dose_mg=321_000)),
    "duration 0": ("infusions.0.duration_hours", given_as(duration_hours=0)),
    "duration in minutes": ("infusions.0.duration_hours", given_as(duration_hours=180)),
    "a day beyond a life": ("infusions.0.time_days", given_as(time_days=1e6)),
    "no value": ("levels.0", level()),
    "a value and a limit": ("levels.0", level(value_ug_per_ml=1, below_ug_per_ml=2)),
    "both limits": ("levels.0", level(above_ug_per_ml=1, below_ug_per_ml=2)),
    "a negative level": ("levels.0.value_ug_per_ml", level(value_ug_per_ml=-1)),
    "below 0": ("levels.0.below_ug_per_ml", level(below_ug_per_ml=0)),
    "above 0": ("levels.0.above_ug_per_ml", level(above_ug_per_ml=0)),
    "a level as text": ("levels.0.value_ug_per_ml", level(value_ug_per_ml="<0.4")),
    "a day as a date": ("predict_at_days.0", changed(predict_at_days=["2026-11-22"])),
    "no target": ("target_ug_per_ml", without(CONTRACT, "target_ug_per_ml")),
    "an empty target": ("target_ug_per_ml", changed(target_ug_per_ml=None)),
    "a target without a low end": ("target_ug_per_ml.low", changed(target_ug_per_ml={"high": 10})),
    "an unknown end of the target": ("target_ug_per_ml.middle", changed(target_ug_per_ml={"low": 5, "middle": 7})),
    "interval 0": ("regimens.0.interval_weeks", regimen(interval_weeks=0)),
    "interval in days": ("regimens.0.interval_weeks", regimen(interval_weeks=560)),
    "a regimen without a dose": ("regimens.0.dose_mg", changed(regimens=[{"interval_weeks": 8}])),
    "no model": ("models", changed(models=[])),
    "an unknown model": ("models", changed(models=["xiong-2021"])),
    "a model as a number": ("models.0", changed(models=[1])),
    "variability as text": ("interoccasion_variability", changed(interoccasion_variability="yes")),
    "a start as text": ("regimens_start_at_days", changed(regimens_start_at_days="98")),
    "occasions as one day": ("occasions_at_days", changed(occasions_at_days=98)),
    "a list": ("the case", []),
    "nothing": ("the case", None),
}
ACROSS_FIELDS = {  # what a schema cannot say
    "a level before the first infusion": ("levels", changed(levels=[{"time_days": 0, "value_ug_per_ml": 1}])),
    "a level without an infusion": ("levels", changed(infusions=[])),
    "a target upside down": ("target_ug_per_ml", changed(target_ug_per_ml={"low": 10, "high": 5})),
    "an infusion longer than its interval": ("regimens.0", regimen(interval_weeks=0.5, duration_hours=100)),
    "a start before the last infusion": ("regimens_start_at_days", changed(regimens_start_at_days=-1)),
    "a start inside an infusion": ("infusions", changed(regimens_start_at_days=0.05)),
    "two infusions that begin together": (
        "infusions",
        changed(infusions=CONTRACT["infusions"] * 2, regimens_start_at_days=0),
    ),
    "more occasions than can be drawn": (
        "levels",
        changed(
            models=["fasanmade-2011-combined"],
            interoccasion_variability=True,
            infusions=[{"time_days": day, "dose_mg": 150} for day in range(0, 700, 28)],
            levels=[{"time_days": day, "value_ug_per_ml": 5} for day in range(28, 728, 28)],
        ),
    ),
}
