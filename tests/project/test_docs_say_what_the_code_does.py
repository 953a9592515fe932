"""The pages and the code tell one story: what is generated is up to date, and nothing is left out."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from flask import Flask

from cds_service import __version__, patients
from cds_service.app import create_app
from cds_service.clinical.advice import TABLE
from cds_service.clinical.assessment import AdviceKind, AntibodyStatus, DiseaseStatus, Qualification, TroughStatus
from cds_service.clinical.explain import explain
from cds_service.clinical.knowledge import assays, stops, target_profiles
from cds_service.clinical.policy import Policy
from cds_service.demo import BUNDLED
from cds_service.errors import CdsError
from cds_service.site.risk_model_file import load_risk_model
from cds_service.site.services import load_services
from cds_service.site.settings import Settings, load_settings
from fhir_mappings.rows import read_rows
from fhir_mappings.searches import load_searches, prefetch_templates
from tests.clinical.charts import CROHNS, ago, chart, diagnosed, judge, level, measured

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "tests" / "hapi" / "README.md"])
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
KINDS = tomllib.loads((DOCS / "generator" / "cards.toml").read_text("utf-8"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def everything() -> str:
    return "\n".join(path.read_text("utf-8") for path in PAGES)


def without_code(path: Path) -> str:
    return re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """What a code host makes of the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", without_code(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def told(*arguments: str) -> str:
    """What the command line says of itself."""
    run = subprocess.run(
        [sys.executable, "-m", "cds_service.cli", *arguments], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def commands() -> list[str]:
    return re.findall(r"^    (\w+) {2,}", told("--help"), re.MULTILINE)


def test_running_the_generator_changes_nothing() -> None:
    run = subprocess.run([sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_generator_notices_a_page_that_is_out_of_date(tmp_path: Path) -> None:
    for source in (DOCS / "generate.py", *(DOCS / "generator").iterdir()):
        if source.is_file():
            copy = tmp_path / source.relative_to(DOCS)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(source.read_bytes())
    (tmp_path / "old.md").write_text("<!-- generated: targets -->\nold\n<!-- end -->\n", "utf-8")
    run = subprocess.run(
        [sys.executable, tmp_path / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, "old.md would change\n")


@pytest.mark.parametrize("section", Settings.model_fields)
def test_every_setting_is_told_with_its_section(section: str) -> None:
    told_here = page("settings.md").split(f"## [{section}]\n")[1].split("\n## ")[0]
    model = getattr(Settings(), section)
    assert [key for key in type(model).model_fields if f"| `{key}` |" not in told_here] == []


def test_the_annotated_configuration_lists_every_setting_with_its_default() -> None:
    path = ROOT / "docker" / "infliximab-cds.toml"
    listed = tomllib.loads(path.read_text("utf-8"))
    assert {name: set(rows) for name, rows in listed.items()} == {
        name: set(type(getattr(Settings(), name)).model_fields) for name in Settings.model_fields
    }
    assert load_settings(path) == Settings()


@pytest.mark.parametrize(
    "table", ["concepts.csv", "conditions.csv", "manifestations.csv", "names.csv", "procedures.csv"]
)
def test_every_concept_is_told(table: str) -> None:
    assert [row["concept"] for row in read_rows(table) if f"`{row['concept']}`" not in page("concepts.md")] == []


def test_every_verified_code_is_told() -> None:
    tables = ("laboratory.csv", "drugs.csv", "conditions.csv", "manifestations.csv", "procedures.csv")
    rows = [row for table in tables for row in read_rows(table)]
    ignored = [row["code"] for row in rows if row.cells.get("use") == "ignore"]
    missing = [row["code"] for row in rows if row["code"] not in ignored and row["code"] not in page("concepts.md")]
    assert missing == []


def test_every_assay_stop_and_target_is_told() -> None:
    assert [key for key in assays() if f"`{key}`" not in page("concepts.md")] == []
    assert [stop.label for stop in stops().values() if f"| {stop.label} |" not in page("how-it-decides.md")] == []
    assert [name for name in target_profiles() if f"`{name}`" not in page("how-it-decides.md")] == []


@pytest.mark.parametrize("kind", AdviceKind)
def test_every_kind_of_advice_is_told(kind: AdviceKind) -> None:
    assert f"\n## {kind}: " in page("cards.md")
    assert f"`{kind}`" in page("how-it-decides.md")


@pytest.mark.parametrize("name", patients.names())
def test_the_rows_told_for_a_kind_are_those_that_give_it(name: str) -> None:
    expect = patients.load(name).expect
    if expect.kind is not None:
        assert expect.rule in KINDS[expect.kind]["rows"]
        assert not expect.button or KINDS[expect.kind]["button"].startswith("Yes")
        indicator = KINDS[expect.kind]["indicator"].replace("As for `shorten_interval`", "`info` or `warning`")
        assert expect.severity is None or f"`{expect.severity}`" in indicator


def test_every_row_is_told_twice_by_its_title_and_in_clinical_words() -> None:
    text = page("how-it-decides.md")
    assert [row.number for row in TABLE if f"| {row.number} | {row.title} |" not in text] == []
    words = text.split("In clinical words:")[1].split("Then:")[0]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", words, re.MULTILINE)] == list(range(1, 22))


@pytest.mark.parametrize("value", [*Qualification, *AntibodyStatus, *DiseaseStatus, *TroughStatus])
def test_every_word_of_the_judgement_is_explained(value: str) -> None:
    assert f"`{value}`" in page("how-it-decides.md")


@pytest.mark.parametrize(("kind", "score"), [("baseline", 5), ("recalibrated", 12)])
def test_the_worked_numbers_of_a_risk_model_are_those_of_the_code(kind: str, score: float) -> None:
    markers = [measured("ses_cd", score, ago(weeks=63)), measured("total_protein", 62, ago(weeks=63))]
    perianal = diagnosed("perianal_disease", recorded=ago(weeks=66))
    own = Policy(risk_model=load_risk_model(DOCS / "risk-models" / f"{kind}.toml"))
    told = explain(judge(chart(level(1.7), diagnoses=[CROHNS, perianal], markers=markers), policy=own))["risk"]
    worked = page("risk-model.md").split(f"## Kind `{kind}`")[1].split("**Worked.**")[1].split("```")[1]
    low, high = told["probability_ci95"]
    assert f"p = {told['probability']:.3f}" in worked
    assert f"{low:.3f} to {high:.3f}" in worked


def test_every_key_of_a_risk_model_is_told() -> None:
    text = page("risk-model.md")
    for kind in ("baseline", "recalibrated"):
        keys = tomllib.loads((DOCS / "risk-models" / f"{kind}.toml").read_text("utf-8"))
        names = [f"`[{key}]`" if isinstance(value, dict) else f"`{key}`" for key, value in keys.items()]
        assert [name for name in names if name not in text] == []


def test_prefetch_and_addresses_are_those_of_discovery() -> None:
    text = page("install-and-configure.md")
    assert [
        key for key, query in prefetch_templates(load_searches()).items() if f"\n{key}\n{query}\n" not in text
    ] == []
    assert [service.id for service in load_services() if f"`/cds-services/{service.id}`" not in text] == []


def test_every_status_of_an_error_is_told() -> None:
    family: list[type[CdsError]] = [CdsError, *CdsError.__subclasses__()]
    statuses = {error.status for error in family}
    assert [
        status
        for status in statuses
        if not re.search(rf"^\| .*\b{status}\b.* \|", page("install-and-configure.md"), re.MULTILINE)
    ] == []


def test_every_command_and_option_is_told() -> None:
    assert commands() == ["demo", "serve", "evaluate", "forecast", "burden", "keys", "check"]
    text = everything()
    for command in commands():
        assert f"infliximab-cds {command}" in text or f"`{command}`" in text
        options = set(re.findall(r"--[a-z-]+", told(command, "--help"))) - {"--help"}
        assert [
            option for option in options if option not in text and f"{option.lstrip('-').upper()}=" not in text
        ] == []


def test_no_command_is_told_that_does_not_exist() -> None:
    named = set(re.findall(r"infliximab-cds ([a-z]+)\b", "\n".join(re.findall(r"`[^`\n]+`", everything()))))
    assert named <= set(commands())


def test_every_make_command_that_is_told_exists_and_the_other_way_round() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", MAKEFILE, re.MULTILINE)) | {"check"}
    named = set(re.findall(r"make ([a-z]+)", "\n".join(re.findall(r"`[^`\n]+`|```.*?```", everything(), re.DOTALL))))
    assert named <= targets | {"clean", "help"}
    assert targets - {"help", "clean"} <= named


def test_every_address_of_the_demo_is_told() -> None:
    app: Flask = create_app(Settings())
    app.register_blueprint(BUNDLED)
    names = {"<name>": "NAME", "<hook>": "HOOK", "<service_id>": "infliximab-order-sign"}
    rules = [re.sub("<.*?>", lambda found: names[found[0]], rule.rule) for rule in app.url_map.iter_rules()]
    assert [rule for rule in rules if f"{rule}`" not in page("try-a-case.md")] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(without_code(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_names_the_machine_on_which_it_was_written(path: Path) -> None:
    assert not re.search(r"(?<![\w.])/(work|root|tmp|home)/", path.read_text("utf-8"))
    assert str(ROOT) not in path.read_text("utf-8")


def test_the_readme_begins_with_the_two_commands_and_the_picture() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    first_block = readme.split("```")[1]
    assert "make demo" in first_block
    assert "make test" in first_block
    assert readme.index("docs/images/card.png") < readme.index("##")


def test_the_changelog_tells_of_this_version() -> None:
    assert f"\n## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_decision_is_in_the_index_with_date_status_and_its_three_parts() -> None:
    index = page("adr/README.md")
    for path in sorted((DOCS / "adr").glob("0*.md")):
        text = path.read_text("utf-8")
        assert f"({path.name})" in index
        assert re.search(r"^Date: \d{4}-\d\d-\d\d · Status: \w+", text, re.MULTILINE)
        assert [part for part in ("Context", "Decision", "Consequences") if f"\n## {part}\n" not in text] == []
