"""docs/safety.md promises nothing that no test holds, and hides no gap."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.clinical.charts import chart, judge, level
from tests.safety.cards import detail

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "safety.md").read_text("utf-8")
TOLD = tomllib.loads((ROOT / "docs" / "generator" / "safety.toml").read_text("utf-8"))
RULES = "safety/test_what_it_never_does.py"
LAWS = "safety/test_laws_of_never.py"
NAMED = sorted({test for table in ("rule", "law", "hazard") for row in TOLD[table].values() for test in row["tests"]})


def functions(file: str) -> list[str]:
    return re.findall(r"^def (test_\w+)\(", (ROOT / "tests" / file).read_text("utf-8"), re.MULTILINE)


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading, by their first cell."""
    table = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in table.splitlines() if line.startswith("| ")][2:]
    return {row[0]: row[1:] for row in cells}


def test_all_27_rules_ten_laws_and_the_hazards_from_h1_on_are_listed() -> None:
    assert [row for row in rows("What it never does") if row.isdigit()] == [str(number) for number in range(1, 28)]
    assert list(rows("The ten laws")) == [str(number) for number in range(1, 11)]
    hazards = list(rows("Hazard log"))
    assert hazards == [f"H{number}" for number in range(1, len(hazards) + 1)]
    assert len(hazards) >= 12


@pytest.mark.parametrize("number", range(1, 28))
def test_every_rule_has_a_test_named_after_it(number: int) -> None:
    own = [name for name in functions(RULES) if name.startswith(f"test_rule_{number:02}_never_")]
    assert own
    told = rows("What it never does")[str(number)][2]
    assert [name for name in own if name.removeprefix("test_").replace("_", " ") not in told] == []


def test_every_test_of_a_rule_and_every_law_stands_in_the_table() -> None:
    assert [name for name in functions(RULES) if not re.match(r"test_rule_(0[1-9]|1\d|2[0-7])_never_", name)] == []
    of_charts = {test.split("::")[1] for test in TOLD["generated_charts"] if test.startswith(LAWS)}
    assert of_charts | {"test_the_generated_charts_reach_the_advice_that_the_laws_are_about"} == set(functions(LAWS))


@pytest.mark.parametrize("test", [*NAMED, *TOLD["generated_charts"]])
def test_every_test_that_is_named_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in functions(file)


def test_a_test_that_does_not_pass_yet_is_told_as_such_and_no_other() -> None:
    source = (ROOT / "tests" / RULES).read_text("utf-8")
    failing = re.findall(r"^@pytest\.mark\.xfail\([^\n]*\)\n(?:@[^\n]*\n)*def (test_\w+)", source, re.MULTILINE)
    told = re.findall(r"\[([^\]]*)\]\([^)]*\) \*\*\(known to fail\)\*\*", PAGE)
    assert {name.removeprefix("test_").replace("_", " ") for name in failing} == set(told)


def test_a_hazard_without_a_test_shows_a_dash() -> None:
    for number, row in TOLD["hazard"].items():
        assert (rows("Hazard log")[number][-1] == "–") == (not row["tests"])


def test_every_part_of_the_card_that_is_said_to_disclose_something_is_there() -> None:
    told = PAGE.split("## What a clinician can review")[1].split("\n## ")[0]
    parts = set(re.findall(r"\*\*([^*]+)\*\*", told))
    card = detail(judge(chart(level(None), level(1.7))))
    assert parts >= {"Why", "Notes and doubts", "Before treatment", "Sources", "Limits", "Versions"}
    assert [part for part in parts if f"**{part}**" not in card] == []


def test_the_page_says_that_it_is_no_medical_device_and_who_is_responsible() -> None:
    assert "Not a medical device. For research and education. The deployer is responsible" in PAGE
    assert "not legal advice" in PAGE or "Nothing on this page is legal advice" in PAGE
