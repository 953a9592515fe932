"""What the safety page promises, each promise with the tests that hold it."""

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from string import ascii_uppercase

from generator.layout import Json, data, table

TESTS = Path(__file__).parents[2] / "tests"
RULES = "safety/test_what_it_never_does.py"
SOURCE = "safety.toml"
KNOWN_TO_FAIL = " **(known to fail)**"


@cache
def functions(file: str) -> Mapping[str, bool]:
    """The tests of one file below tests/, each with whether it is marked as known to fail."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {node.name: any("xfail" in ast.unparse(mark) for mark in node.decorator_list) for node in found}


def _link(test: str, source: str) -> str:
    """A test by its name, linked to its file. Raises KeyError for one that does not exist."""
    file, _, name = test.partition("::")
    if not (TESTS / file).is_file() or name not in functions(file):
        raise KeyError(f"{source}: tests/{test} does not exist")
    words = name.removeprefix("test_").replace("_", " ")
    return f"[{words}](../tests/{file}){KNOWN_TO_FAIL if functions(file)[name] else ''}"


def links(tests: Iterable[str], source: str = SOURCE) -> str:
    """Tests by their names, linked to their files; `source` is where they are listed."""
    return "<br>".join(_link(test, source) for test in dict.fromkeys(tests))


def rules() -> str:
    """The 27 rules of what is never done, each with the letters of the generated charts that hold it."""
    given = data(SOURCE)
    letters = dict(zip(ascii_uppercase, given["generated_charts"].values(), strict=False))
    rows = [
        (
            number,
            f"**{row['never']}**<br>{row['why']}",
            row["instead"],
            links((*_own(int(number)), *row["tests"])),
            ", ".join(letter for letter, held in letters.items() if int(number) in held),
        )
        for number, row in given["rule"].items()
    ]
    return table(("#", "It never does this", "Instead", "Tests", "Charts"), rows)


def _own(number: int) -> list[str]:
    """The tests that carry the number of a rule in their names."""
    return [f"{RULES}::{name}" for name in functions(RULES) if name.startswith(f"test_rule_{number:02}_")]


def generated_charts() -> str:
    """The tests over generated charts, by letter, and which rules each holds."""
    given: Json = data(SOURCE)["generated_charts"]
    rows = [
        (letter, _link(test, SOURCE), ", ".join(map(str, held)))
        for letter, (test, held) in zip(ascii_uppercase, given.items(), strict=False)
    ]
    return table(("", "Over generated charts", "Rules"), rows)


def laws() -> str:
    """The ten laws of the project in plain words."""
    return table(("#", "Law", "Tests"), [(n, r["says"], links(r["tests"])) for n, r in data(SOURCE)["law"].items()])


def hazards() -> str:
    """The hazard log."""
    rows = [
        (number, row["hazard"], row["cause"], row["control"], row["left"], links(row["tests"]))
        for number, row in data(SOURCE)["hazard"].items()
    ]
    return table(("Id", "Hazard", "Cause", "Control", "What is left", "Tests"), rows)
