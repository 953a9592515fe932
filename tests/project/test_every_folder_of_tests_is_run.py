"""The Makefile names the folders of the quick tests: none may be forgotten."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
OF_THEIR_OWN = {"integration", "r4_examples"}  # run by commands of their own


def test_the_folders_that_make_test_runs_are_all_there_are() -> None:
    makefile = ROOT.joinpath("Makefile").read_text("utf-8")
    named = re.findall(r"^(?:MEDICINE|AROUND) := \$\(addprefix tests/,([a-z_ ]+)\)$", makefile, re.MULTILINE)
    run = [folder for row in named for folder in row.split()]
    assert len(run) == len(set(run))
    assert set(run) | OF_THEIR_OWN == {path.parent.name for path in ROOT.joinpath("tests").glob("*/test_*.py")}
