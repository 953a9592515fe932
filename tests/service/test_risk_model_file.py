"""The site's own risk model as a file: read at the start, refused whole with file, line and key. All synthetic."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cds_service import patients
from cds_service.app import create_app
from cds_service.cli import main
from cds_service.clinical.knowledge import risk_model
from cds_service.clinical.site_model import BaselineModel, Cohort, Measures, RecalibratedModel
from cds_service.errors import ConfigurationError
from cds_service.site.risk_model_file import _Coefficients, _Range, _Reference, load_risk_model
from cds_service.site.settings import load_settings
from cds_service.site.site import open_site

EXAMPLES = Path(__file__).parents[2] / "docs" / "risk-models"
BASELINE, RECALIBRATED = ((EXAMPLES / f"{name}.toml").read_text("utf-8") for name in ("baseline", "recalibrated"))
AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)


def faults(text: str, folder: Path) -> tuple[str, ...]:
    file = folder / "own.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as wrong:
        load_risk_model(file)
    return tuple(line.removeprefix(f"{file}:") for line in wrong.value.diagnostics)


def line_of(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))


def test_the_example_of_a_baseline_is_read() -> None:
    assert load_risk_model(EXAMPLES / "baseline.toml") == BaselineModel(
        Cohort("low trough before infusion 4", 5.0, 40, 12, (date(2022, 1, 1), date(2025, 6, 30))),
        0.30,
        (("hormone_exposure", False), ("perianal_lesions", False), ("ses_cd", 4.0), ("total_protein", 66.0)),
    )


def test_the_example_of_a_recalibrated_model_is_read() -> None:
    model = load_risk_model(EXAMPLES / "recalibrated.toml")
    assert isinstance(model, RecalibratedModel)
    assert model.cohort == Cohort("low trough before infusion 4", 5.0, 84, 39, (date(2021, 1, 1), date(2026, 6, 30)))
    assert [name for name, _ in model.coefficients] == [row.name for row in risk_model().predictors]
    assert (model.intercept, dict(model.coefficients)["total_protein"]) == (2.12832, -0.0528266)
    assert model.covariance[3] == (-0.00514365, -0.00319489, 0.000529412, 0.00185151, -0.000244091)
    assert dict(model.ranges) == {"ses_cd": (0, 23), "total_protein": (50, 85)}
    assert model.measures == Measures(0.78, 0.0, 0.69, 0.21)


@pytest.mark.parametrize("text", [BASELINE, RECALIBRATED])
def test_an_example_says_that_it_is_synthetic(text: str) -> None:
    assert text.startswith("# Synthetic example")


def test_the_form_knows_every_published_predictor_and_no_other() -> None:
    names = [row.name for row in risk_model().predictors]
    assert list(_Reference.model_fields) == list(_Coefficients.model_fields) == names
    assert list(_Range.model_fields) == [row.name for row in risk_model().predictors if row.plausible]


def test_the_measures_may_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(RECALIBRATED.partition("[measures]")[0], "utf-8")
    model = load_risk_model(file)
    assert isinstance(model, RecalibratedModel)
    assert model.measures == Measures()


def test_the_order_of_the_coefficients_is_that_of_the_covariance_whatever_their_order_in_the_file(
    tmp_path: Path,
) -> None:
    moved = re.sub(r"(hormone_exposure = -1.*\n)(perianal_lesions = 0\.8.*\n)", r"\2\1", RECALIBRATED)
    assert moved != RECALIBRATED
    file = tmp_path / "own.toml"
    file.write_text(moved, "utf-8")
    assert load_risk_model(file) == load_risk_model(EXAMPLES / "recalibrated.toml")


SMALLER = """
schema = "infliximab-cds/risk-model/1"
kind = "recalibrated"
date = 2026-09-01
software = "synthetic 1"
outcome = "low trough"
low_trough_below_ug_per_ml = 3
children = 50
events = 20
period = [2021-01-01, 2026-06-30]
intercept = -1
[coefficients]
perianal_lesions = 1
[covariance]
intercept = [1, 0]
perianal_lesions = [0, 1]
"""


def test_a_model_may_use_fewer_predictors_and_needs_no_range_without_numbers(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(SMALLER, "utf-8")
    model = load_risk_model(file)
    assert isinstance(model, RecalibratedModel)
    assert (model.coefficients, model.ranges) == ((("perianal_lesions", 1.0),), ())


@pytest.mark.parametrize(
    ("right", "wrong", "key", "told"),
    [
        (
            'schema = "infliximab-cds/risk-model/1"',
            'schema = "2"',
            "schema",
            "input should be 'infliximab-cds/risk-mod",
        ),
        ('schema = "infliximab-cds/risk-model/1"\n', "", "schema", "field required"),
        ('kind = "baseline"', 'kind = "guess"', "kind", "input should be 'baseline' or 'recalibrated'"),
        ('kind = "baseline"', "kind = 1", "kind", "input should be 'baseline' or 'recalibrated'"),
        ("outcome =", "outcom =", "outcom", "no such setting, did you mean outcome?"),
        ('outcome = "low trough before infusion 4"', 'outcome = ""', "outcome", "string should have at least 1"),
        ("_ug_per_ml = 5.0", "_ug_per_ml = 0", "low_trough_below_ug_per_ml", "input should be greater than 0"),
        ("children = 40 ", 'children = "40" ', "children", "input should be a valid integer"),
        ("children = 40 ", "children = 1 ", "children", "input should be greater than or equal to 2"),
        ("events = 12 ", "events = 0 ", "events", "input should be greater than or equal to 1"),
        ("events = 12 ", "events = 40 ", "events", "fewer than children expected"),
        ("[2022-01-01, 2025-06-30]", "[2025-06-30, 2022-01-01]", "period", "the lower end before the higher expected"),
        ("[2022-01-01, 2025-06-30]", '["2022", "2025"]', "period", "input should be a valid date"),
        ("[2022-01-01, 2025-06-30]", '"2022 to 2025"', "period", "a list expected"),
        ("probability = 0.30", "probability = 30", "probability", "input should be less than 1"),
        ("probability = 0.30", "probability = 0.0", "probability", "input should be greater than 0"),
        ("probability = 0.30", "probability = nan", "probability", "input should be a finite number"),
        ("probability = 0.30", "probability = 0.32", "probability", "events / children (0.300), to two decimals"),
        (
            "hormone_exposure = false",
            "hormone_exposure = 0",
            "reference.hormone_exposure",
            "input should be a valid bool",
        ),
        ("ses_cd = 4 ", "ses_cd = 12 ", "reference.ses_cd", "input should be less than or equal to 6"),
        ("ses_cd = 4 ", "ses_cd = true ", "reference.ses_cd", "input should be a valid number"),
        (
            "total_protein = 66 ",
            "total_protein = 6.6 ",
            "reference.total_protein",
            "input should be greater than or equal",
        ),
        (
            "total_protein =",
            "albumin =",
            "reference.albumin",
            "no such setting; known here: hormone_exposure, perianal",
        ),
    ],
)
def test_a_fault_of_a_baseline_is_told_with_line_and_key(
    right: str, wrong: str, key: str, told: str, tmp_path: Path
) -> None:
    assert right in BASELINE
    text = BASELINE.replace(right, wrong)
    line = line_of(text, key.rpartition(".")[2]) if wrong else 1
    assert any(fault.startswith(f"{line}: {key}: {told}") for fault in faults(text, tmp_path)), faults(text, tmp_path)


TERMS = "intercept, hormone_exposure, perianal_lesions, ses_cd, total_protein"


@pytest.mark.parametrize(
    ("right", "wrong", "line_starts", "told"),
    [
        ("date = 2026-09-01", "date = 2026-06-29", "date", "date: a day not before the end of the period expected"),
        ("date = 2026-09-01", 'date = "today"', "date", "date: input should be a valid date"),
        ("intercept = 2.12832", "intercept = inf", "intercept", "intercept: input should be a finite number"),
        ("intercept = 2.12832", "intercept = 212", "intercept", "intercept: input should be less than or equal to 100"),
        (
            "hormone_exposure = -1.03901",
            "steroid = -1.03901",
            "steroid",
            "coefficients.steroid: no such setting; known",
        ),
        ("ses_cd = 0.102994", 'ses_cd = "0.1"', "ses_cd", "coefficients.ses_cd: input should be a valid number"),
        (
            "ses_cd = 0.102994",
            "",
            "[covariance]",
            "covariance: one row for each of intercept, hormone_exposure, perianal",
        ),
        (
            "intercept = [6.",
            "intercpt = [6.",
            "[covariance]",
            f"covariance: one row for each of {TERMS}, in this order",
        ),
        (", -0.10156]\n", "]\n", "[covariance]", "covariance: 5 numbers in row intercept expected"),
        ("[6.73536,", "[-6.73536,", "[covariance]", "covariance: a positive definite matrix expected"),
        ("[0.0274052,", "[0.0274,", "[covariance]", "covariance: a symmetric matrix expected"),
        ("[6.73536,", '["6.7",', "intercept = [", "covariance.intercept: input should be a valid number"),
        ("ses_cd = [0, 23]\n", "", "[range]", "range: the lowest and highest of ses_cd, total_protein expected"),
        (
            "ses_cd = [0, 23]",
            "ses_cd = [23, 0]",
            "ses_cd = [23",
            "range.ses_cd: the lower end before the higher expected",
        ),
        ("[0, 23]", "[0, 23, 56]", "ses_cd = [0, 23", "range.ses_cd: at most 2 entries expected"),
        (
            "[50, 85]",
            "[5.0, 8.5]",
            "total_protein = [5",
            "range.total_protein: input should be greater than or equal to 30",
        ),
        ("[0, 23]", "[0, 57]", "ses_cd = [0, 5", "range.ses_cd: input should be less than or equal to 56"),
        (
            "auc_optimism_corrected = 0.69",
            "auc_optimism_corrected = 69",
            "auc",
            "measures.auc_optimism_corrected: input",
        ),
        ("brier_score", "brier", "brier", "measures.brier: no such setting, did you mean brier_score?"),
    ],
)
def test_a_fault_of_a_recalibrated_model_is_told_with_line_and_key(
    right: str, wrong: str, line_starts: str, told: str, tmp_path: Path
) -> None:
    assert right in RECALIBRATED
    text = RECALIBRATED.replace(right, wrong, 1)
    expected = f"{line_of(text, line_starts)}: {told}"
    assert any(fault.startswith(expected) for fault in faults(text, tmp_path)), faults(text, tmp_path)


def test_rows_of_the_covariance_in_another_order_are_refused(tmp_path: Path) -> None:
    head, rows = RECALIBRATED.split("intercept = [6", 1)
    first, second, rest = f"intercept = [6{rows}".split("\n", 2)
    assert "in this order, expected" in faults(f"{head}{second}\n{first}\n{rest}", tmp_path)[0]


def test_a_model_without_any_coefficient_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(SMALLER.replace("perianal_lesions = 1\n", ""), tmp_path)
    assert "coefficients: one or more of hormone_exposure, perianal_lesions, ses_cd, total_protein expected" in fault


def test_a_range_of_a_number_that_the_model_does_not_use_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(f"{SMALLER}[range]\nses_cd = [0, 23]\n", tmp_path)
    assert "range: the lowest and highest of nothing expected" in fault


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = BASELINE.replace("children = 40 ", "children = 0 ").replace("ses_cd = 4 ", "ses_cd = 12 ")
    assert [fault.split(": ")[1] for fault in faults(text, tmp_path)] == ["children", "reference.ses_cd"]


@pytest.mark.parametrize(
    ("text", "told"), [("kind = = 1", "TOML expected: .*line 1"), (None, "cannot be read: No such")]
)
def test_a_file_that_is_no_toml_or_not_there_is_told(text: str | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    if text is not None:
        file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=rf"own\.toml: .*{told}"):
        load_risk_model(file)


# ------------------------------------------------------------------------------------------------ where it is checked


def configured(folder: Path, model: str) -> Path:
    """A configuration with the model beside it."""
    (folder / "own.toml").write_text(model, "utf-8")
    file = folder / "site.toml"
    file.write_text('[policy]\nrisk_model_file = "own.toml"\n', "utf-8")
    return file


def request_of(name: str, folder: Path) -> Path:
    path = folder / "charts" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(patients.hook_request(patients.load(name), "order-sign", AS_OF)), "utf-8")
    return path


def test_the_site_judges_with_the_model_of_its_file(tmp_path: Path) -> None:
    site = open_site(load_settings(configured(tmp_path, BASELINE)))
    assert site.policy.risk_model == load_risk_model(EXAMPLES / "baseline.toml")


@pytest.mark.parametrize("command", ["serve", "evaluate", "burden"])
def test_a_wrong_model_stops_each_command_with_file_line_and_key(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path, BASELINE.replace("events = 12 ", "events = 41 "))
    chart = request_of("low-trough", tmp_path)
    operands = {"serve": [], "evaluate": [str(chart)], "burden": [str(chart.parent)]}
    assert main([command, *operands[command], "--config", str(config)]) == 2
    printed = capsys.readouterr()
    line = line_of(BASELINE, "events")
    assert f"own.toml:{line}: events: fewer than children expected" in printed.out + printed.err


def test_the_server_is_not_built_with_a_wrong_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="probability"):
        create_app(load_settings(configured(tmp_path, BASELINE.replace("0.30", "0.9"))))


def test_evaluate_explains_a_probability_only_with_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chart = str(request_of("low-trough", tmp_path))
    told = []
    for config in ([], ["--config", str(configured(tmp_path, BASELINE))]):
        assert main(["evaluate", chart, "--explain", "--as-of", AS_OF.isoformat(), *config]) == 0
        told.append(json.loads(capsys.readouterr().out)["risk"])
    without, with_model = told
    assert (without["probability"], without["calibration"]) == (None, "none")
    assert (with_model["probability"], with_model["calibration"]) == (0.691, "baseline")
