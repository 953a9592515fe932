"""The configuration file: every fault is told with file, line and key."""

import re
import tomllib
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from cds_service.clinical.policy import Policy
from cds_service.errors import ConfigurationError
from cds_service.site.settings import PolicySection, Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / "docker" / "infliximab-cds.toml"


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings(None) == Settings()
    assert Settings().policy.policy() == Policy()


def test_the_policy_section_has_every_choice_of_the_medicine_and_no_other() -> None:
    chosen = [name.replace("risk_model_file", "risk_model") for name in PolicySection.model_fields]
    assert chosen == [field.name for field in fields(Policy)]


def test_the_example_loads_and_shows_the_defaults() -> None:
    assert load_settings(EXAMPLE) == Settings()


def test_the_example_names_every_setting() -> None:
    shown = tomllib.loads(EXAMPLE.read_text("utf-8"))
    for name, section in Settings.model_fields.items():
        known = section.annotation
        assert list(shown[name]) == list(getattr(known, "model_fields", {})), name
    choices = {key: value for key, value in asdict(Policy()).items() if key != "risk_model"}
    lists = {
        "intervals_weeks": [8, 6, 4],
        "forecast_intervals_weeks": [8, 7, 6, 5, 4],
        "higher_doses_mg_per_kg": [7.5, 10],
    }
    assert shown["policy"] == {**choices, **lists, "risk_model_file": ""}


def test_every_setting_of_the_example_but_the_obvious_is_explained() -> None:
    uncommented = [
        line.split("=")[0].strip()
        for line in EXAMPLE.read_text("utf-8").splitlines()
        if re.match(r"\w+ *=", line) and "#" not in line
    ]
    assert set(uncommented) <= {
        "port", "name", "adult_from_years", "allow_pregnancy", "calprotectin_window_days", "crp_window_days",
        "endoscopy_window_days", "measure_after_weeks_quiet", "measure_after_weeks_otherwise",
        "minimum_interval_weeks", "maximum_mg_per_kg", "maximum_mg_per_kg_heart_failure", "steroid_window_days",
    }  # fmt: skip


def test_a_changed_setting_arrives(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(
        '[fhir]\nallowed_servers = ["https://fhir.example/r4/"]\ndeadline_seconds = 3\n'
        '[site]\ntime_zone = "Europe/Berlin"\n[policy]\nintervals_weeks = [8, 7, 6, 5, 4]\n'
    )
    settings = load_settings(file)
    assert settings.fhir.allowed_servers == ("https://fhir.example/r4",)
    assert settings.policy.policy().intervals_weeks == (8, 7, 6, 5, 4)
    assert settings.policy.policy().stale_after_weeks == Policy().stale_after_weeks


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("[server]\nprot = 1", 2, "server.prot: no such setting, did you mean port?"),
        ("[server]\nxyzzy = 1", 2, "server.xyzzy: no such setting; known here: host, port,"),
        ("[servre]\nport = 1", 1, "servre: no such setting, did you mean server?"),
        ("port = 1", 1, "port: no such setting"),
        ("[server]\n\n# port\nport = '8000'", 4, "server.port: input should be a valid integer"),
        ("[server]\nport = 70000", 2, "server.port: input should be less than or equal to 65535"),
        ("[server]\nport = true", 2, "server.port: input should be a valid integer"),
        ('[server]\nhost = "localhost:8000"', 2, "server.host: a name or an address without a port expected"),
        ("[server]\nport = 8100\n[operations]\nport = 8100", 4, "operations.port: another port than 8100 of [server]"),
        ("server = 1", 1, "server: a table expected"),
        ("[fhir]\ndeadline_seconds = 0.4", 2, "fhir.deadline_seconds: input should be greater than or equal to 0.5"),
        ("[fhir]\ndeadline_seconds = nan", 2, "fhir.deadline_seconds: input should be a finite number"),
        ('[fhir]\nallowed_servers = "https://x.example"', 2, "fhir.allowed_servers: a list expected"),
        ('[fhir]\nallowed_servers = ["ftp://x"]', 2, "fhir.allowed_servers: an http or https URL"),
        ('[site]\ntime_zone = "Mars/Base"', 2, "site.time_zone: an IANA time zone such as"),
        ('[site]\ntables_folder = "/no/such/folder"', 2, "site.tables_folder: a folder with"),
        ('[policy]\nrisk_model_file = "none.toml"', 2, "policy.risk_model_file: a file with the site's own risk model"),
        ('policy = { risk_model_file = "none.toml" }', 1, "policy.risk_model_file: a file with the site's own"),
        ("[site]\n\n[server]\n[policy]\nintervals_weeks = [4, 6]", 4, "policy: intervals_weeks from long"),
        ("[site]\n\npolicy = { nmae = 1 }\n", 3, "site.policy: no such setting"),
        ("\npolicy = { nmae = 1 }\n", 2, "policy.nmae: no such setting, did you mean name?"),
        ('[policy]\ntarget_profile = "high"', 2, "policy.target_profile: one of paed-default,"),
        ('[policy]\ntarget_profile = "induction"', 2, "policy.target_profile: one of paed-default,"),
        ("[site]\n[policy]\nintervals_weeks = [4, 6]", 2, "policy: intervals_weeks from long to short"),
        ("[policy]\nintervals_weeks = [8, 3]", 1, "policy: intervals_weeks from long to short, none below"),
        ("[policy]\nintervals_weeks = []", 2, "policy.intervals_weeks: at least 1 entry expected"),
        ("[policy]\ndeep_fraction = 0.9", 1, "policy: deep_fraction below near_target_fraction"),
    ],
)
def test_a_wrong_setting_is_told_with_line_and_key(text: str, line: int, told: str, tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as wrong:
        load_settings(file)
    assert wrong.value.diagnostics[0].startswith(f"{file}:{line}: {told}")


def test_relative_paths_count_from_the_folder_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    (site / "tables").mkdir(parents=True)
    elsewhere.mkdir()
    (site / "own.toml").write_text("")
    (site / "site.toml").write_text('[site]\ntables_folder = "tables"\n[policy]\nrisk_model_file = "own.toml"\n')
    monkeypatch.chdir(elsewhere)
    settings = load_settings(Path("..", "site", "site.toml"))
    assert Path(settings.site.tables_folder).samefile(site / "tables")
    assert Path(settings.policy.risk_model_file).samefile(site / "own.toml")


@pytest.mark.parametrize("key", ["tables_folder", "risk_model_file"])
def test_an_absolute_path_stays_as_it_is(key: str, tmp_path: Path) -> None:
    known = {"tables_folder": tmp_path / "tables", "risk_model_file": tmp_path / "own.toml"}
    known["tables_folder"].mkdir()
    known["risk_model_file"].write_text("")
    file = tmp_path / "site.toml"
    section = "site" if key == "tables_folder" else "policy"
    file.write_text(f'[{section}]\n{key} = "{known[key]}"\n')
    assert getattr(getattr(load_settings(file), section), key) == str(known[key])


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[server]\nport = -1\nthreads = 0\n[fhir]\nx = 1\n")
    with pytest.raises(ConfigurationError) as wrong:
        load_settings(file)
    assert len(wrong.value.diagnostics) == 3


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[server]\nport = = 1\n")
    with pytest.raises(ConfigurationError, match=r"site\.toml: TOML expected: .*line 2"):
        load_settings(file)


def test_a_list_that_stands_twice_is_told_with_the_line_to_delete(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text('[callers]\nallowed = []\n[[callers.allowed]]\nname = "EHR"\n')
    with pytest.raises(ConfigurationError, match=r"stands beside a line `allowed = \[\]` above it: delete that line"):
        load_settings(file)


def test_a_mark_of_the_byte_order_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[server]\nport = 8100\n", encoding="utf-8-sig")
    assert load_settings(file).server.port == 8100


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_settings(tmp_path / "absent.toml")
