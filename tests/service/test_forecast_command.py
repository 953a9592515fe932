"""`infliximab-cds forecast`: one JSON document out, whatever comes in. All children are synthetic."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli import main
from tests.pk.forecast_cases import ACROSS_FIELDS, BAD, CONTRACT, FORECASTS, changed

WIDE = {"weight_kg": 30, "albumin_g_per_dl": 3.8, "antibody_positive": False, "immunomodulator": False}


def run(*arguments: str, given: str = "") -> tuple[int, Any, str]:
    """The command as a process of its own: exit code, the one document, and what stands on standard error."""
    command = [sys.executable, "-m", "cds_service.cli", "forecast", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout), done.stderr


def told(case: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    """The same in this process."""
    path = folder / "case.json"
    path.write_text(case if isinstance(case, str) else json.dumps(case))
    code = main(["forecast", str(path)])
    printed = capsys.readouterr()
    return code, json.loads(printed.out), printed.err


def test_a_file_in_gives_the_forecast_out(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(CONTRACT))
    code, document, notices = run(str(path))
    assert (code, notices) == (0, "")
    FORECASTS.validate(document)


def test_standard_input_is_read_for_a_dash() -> None:
    code, document, notices = run("-", given=json.dumps(CONTRACT))
    assert (code, notices) == (0, "")
    FORECASTS.validate(document)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "body: JSON expected, line 1"),
        ("{", "body: JSON expected, line 1"),
        ('{"schema": NaN}', "schema: a finite number"),
        ('{"schema": 1, "schema": 2}', "schema"),
        ("[]", "the case: Input should be a valid dictionary"),
        (json.dumps(changed(wieght=1)), "wieght: no such field"),
        (json.dumps(changed(infusions=[{"time_days": 0}])), "infusions.0.dose_mg: Field required"),
    ],
)
def test_what_cannot_be_read_is_an_outcome_and_exit_2(given: str, said: str) -> None:
    code, document, notices = run("-", given=given)
    assert (code, document["resourceType"], notices) == (2, "OperationOutcome", "")
    assert said in document["issue"][0]["diagnostics"]


def test_an_absent_file_is_an_outcome_and_exit_2(tmp_path: Path) -> None:
    code, document, _ = run(str(tmp_path / "absent.json"))
    assert (code, document["resourceType"]) == (2, "OperationOutcome")
    assert "absent.json" in document["issue"][0]["diagnostics"]


def test_a_file_of_more_than_two_megabytes_is_an_outcome_and_exit_2() -> None:
    code, document, _ = run("-", given=json.dumps(CONTRACT) + " " * 2_000_001)
    assert (code, document["resourceType"]) == (2, "OperationOutcome")
    assert "2000000 bytes" in document["issue"][0]["diagnostics"]


@pytest.mark.parametrize("name", [*BAD, *ACROSS_FIELDS])
def test_every_bad_case_is_an_outcome_that_names_the_key(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, case = {**BAD, **ACROSS_FIELDS}[name]
    code, document, notices = told(case, tmp_path, capsys)
    assert (code, document["resourceType"], notices) == (2, "OperationOutcome", "")
    assert any(key in issue["diagnostics"] for issue in document["issue"])


# --- what is answered ------------------------------------------------------------------------------------------------


def answered(case: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    code, document, _ = told(case, folder, capsys)
    assert code == 0, document
    return document


def issues(document: Any) -> set[tuple[str, str]]:
    return {(issue["code"], issue["about"]) for issue in document["issues"]}


def test_nonmems_subject_9_is_found_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Source: repository wojjy001/infliximab-bayes, folder NONMEM_Check (see tests/pk)."""
    case = changed(
        infusions=[
            {"time_days": day, "duration_hours": 2, "dose_mg": 321.0} for day in (0, 14, *range(42, 547, 56))
        ],
        levels=[
            {"time_days": day, "value_ug_per_ml": value}
            for day, value in ((98, 2.412), (322, 2.2618), (546, 2.1828))
        ],
        regimens=[],
    )  # fmt: skip
    (fit,) = answered(case, tmp_path, capsys)["fits"]
    assert fit["eta"] == pytest.approx({"CL": 0.14374, "V1": -0.01494, "Q": 0.13584, "V2": -0.26469}, abs=2e-5)
    assert fit["foce_objective"] == pytest.approx(3.4336, abs=5e-5)
    assert [row["individual_ug_per_ml"] for row in fit["predicted"]] == pytest.approx([2.354, 1.9001, 1.8778], rel=5e-5)
    assert fit["posterior_covariance"]["order"] == ["CL", "V1", "Q", "V2"]
    assert fit["parameters"].keys() == {"CL_L_per_day", "V1_L", "Q_L_per_day", "V2_L"}


def test_with_variability_between_occasions_each_occasion_has_its_effect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = changed(
        models=["fasanmade-2011-combined"],
        interoccasion_variability=True,
        infusions=[{"time_days": day, "dose_mg": 321.0} for day in (0, 14, 42, 98)],
        levels=[{"time_days": day, "value_ug_per_ml": 3.0} for day in (98, 154)],
    )
    (fit,) = answered(case, tmp_path, capsys)["fits"]
    assert list(fit["eta"]) == ["CL", "V1", "V2", "CL@1", "CL@2"]


def test_occasions_can_be_stated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = changed(
        models=["fasanmade-2011-reach"],
        interoccasion_variability=True,
        occasions_at_days=[60, 30],
        levels=[{"time_days": day, "value_ug_per_ml": 3.0} for day in (20, 50, 80)],
    )
    (fit,) = answered(case, tmp_path, capsys)["fits"]
    assert list(fit["eta"])[3:] == ["CL@1", "CL@2", "CL@3"]


def test_the_default_is_three_models_whose_weights_sum_to_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = {key: value for key, value in CONTRACT.items() if key != "models"}
    document = answered(case, tmp_path, capsys)
    assert [fit["model"] for fit in document["fits"]] == [
        "fasanmade-2011-combined",
        "fasanmade-2011-reach",
        "wojciechowski-2017",
    ]
    assert sum(fit["weight"] for fit in document["fits"]) == pytest.approx(1)
    assert len(document["regimens"][0]["second_trough_median_by_model"]) == 3


def test_one_compartment_has_two_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = changed(
        models=["passot-2016-paediatric"],
        covariates=[{"time_days": 0, "weight_kg": 30, "male": True, "age_years": 12}],
    )
    (fit,) = answered(case, tmp_path, capsys)["fits"]
    assert fit["parameters"].keys() == {"CL_L_per_day", "V1_L"}


@pytest.mark.parametrize(("age", "volume"), [(14.9, 5.2), (15.0, 7.73)])
def test_the_age_of_15_is_no_longer_under_15(
    age: float, volume: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Passot 2016: V of 5.2 L at 67 kg, e^0.399 with Crohn's disease, e^-0.396 under 15 years."""
    case = changed(
        models=["passot-2016-paediatric"],
        covariates=[{"time_days": 0, "weight_kg": 67, "male": False, "age_years": age}],
        levels=[],
    )
    (fit,) = answered(case, tmp_path, capsys)["fits"]
    assert fit["parameters"]["V1_L"] == pytest.approx(volume, rel=5e-3)


def test_what_is_assumed_is_told_once_and_only_where_a_model_asks_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = [{"time_days": 0, "weight_kg": 30}, {"time_days": 50, "weight_kg": 31}]
    of_one = answered(changed(covariates=unknown), tmp_path, capsys)
    of_all = answered(changed(covariates=unknown, models=["fasanmade-2011-combined"]), tmp_path, capsys)
    assert {about for code, about in issues(of_one) if code == "assumed"} == {"albumin_g_per_dl", "antibody_positive"}
    assert len([issue for issue in of_all["issues"] if issue["code"] == "assumed"]) == 3


def test_what_is_assumed_widens_the_ranges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def range_of(*unknown: str) -> float:
        known = {key: value for key, value in WIDE.items() if key not in unknown}
        case = changed(models=["fasanmade-2011-combined"], covariates=[{"time_days": 0, **known}], levels=[])
        trough = answered(case, tmp_path, capsys)["regimens"][0]["second_trough"]
        return float(trough["p95"] / trough["p05"])

    assert range_of() < range_of("antibody_positive") < range_of("antibody_positive", "immunomodulator")


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"covariates": [{"time_days": 0, **WIDE, "weight_kg": 9}]}, "weight_kg 9 lies outside 15 to 100"),
        ({"covariates": [{"time_days": 0, **WIDE, "albumin_g_per_dl": 38}]}, "albumin_g_per_dl 38 lies outside"),
        ({"models": ["passot-2016-paediatric"]}, "the model needs male"),
        ({"levels": [{"time_days": 98, "value_ug_per_ml": 0}]}, "no child of this model fits the levels"),
    ],
)
def test_a_model_that_refuses_says_why_and_the_command_still_succeeds(
    keys: Any, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = answered(changed(**keys), tmp_path, capsys)
    (fit,) = document["fits"]
    assert (fit["converged"], fit["weight"], fit["eta"], fit["predicted"]) == (False, 0.0, None, [])
    assert reason in fit["reason"]
    assert document["regimens"] == []
    assert ("model-refused", fit["model"]) in issues(document)


def test_levels_that_no_model_explains_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = changed(levels=[{"time_days": 98, "value_ug_per_ml": 300}])
    assert ("level-not-explained", "levels") in issues(answered(case, tmp_path, capsys))


def test_ranges_from_few_draws_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = range(28, 28 * 20, 28)
    case = changed(
        models=["fasanmade-2011-reach"],
        interoccasion_variability=True,
        infusions=[{"time_days": day, "dose_mg": 321} for day in (0, *days)],
        levels=[{"time_days": day, "value_ug_per_ml": 12 if day % 56 else 4} for day in days],
    )
    document = answered(case, tmp_path, capsys)
    assert document["fits"][0]["effective_draws"] < 400
    assert ("few-draws", "regimens") in issues(document)


# --- when the regimens begin -----------------------------------------------------------------------------------------


def next_trough(folder: Path, capsys: pytest.CaptureFixture[str], **keys: Any) -> float:
    weekly = [{"interval_weeks": 8, "dose_mg": 100}]
    document = answered(
        changed(**{"regimens": weekly, "covariates": [{"time_days": -99, **WIDE}], **keys}), folder, capsys
    )
    return float(document["regimens"][0]["next_trough"]["median"])


@pytest.mark.parametrize("origin", [0, -112, 300])
def test_the_origin_of_days_is_the_callers(origin: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With -112 the regimens begin at day 0, which is a day like any other."""
    moved = next_trough(
        tmp_path,
        capsys,
        infusions=[{"time_days": origin + day, "dose_mg": 321} for day in (0, 56)],
        levels=[{"time_days": origin + 112, "value_ug_per_ml": 2}],
        covariates=[{"time_days": origin, **WIDE}],
        regimens_start_at_days=origin + 112,
    )
    assert moved == pytest.approx(
        next_trough(
            tmp_path,
            capsys,
            infusions=[{"time_days": day, "dose_mg": 321} for day in (1000, 1056)],
            levels=[{"time_days": 1112, "value_ug_per_ml": 2}],
        ),
        rel=1e-3,
    )


def test_they_begin_at_a_level_that_follows_the_last_infusion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    levels = [{"time_days": 56, "value_ug_per_ml": 2}]
    assert next_trough(tmp_path, capsys, levels=levels) == next_trough(
        tmp_path, capsys, levels=levels, regimens_start_at_days=56
    )


def test_else_the_last_infusion_begins_the_new_interval_with_its_own_dose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = [{"time_days": 0, "dose_mg": 321}]
    by_itself = next_trough(tmp_path, capsys, infusions=old, levels=[])
    assert by_itself == next_trough(tmp_path, capsys, infusions=old, levels=[], regimens_start_at_days=0)
    instead = next_trough(tmp_path, capsys, infusions=[], levels=[], regimens_start_at_days=0)
    assert by_itself == pytest.approx(3.21 * instead, rel=0.01)  # 321 mg against the 100 mg of the regimen


def test_without_any_infusion_they_begin_with_the_first_covariates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert next_trough(tmp_path, capsys, infusions=[], levels=[]) > 0
