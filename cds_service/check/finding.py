"""One thing that the check found: in plain words, with what to do about it.

Question: what does an IT analyst have to know, and what next? Source: `wording.toml`, one row for each code.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from string import Formatter


class State(StrEnum):
    """What a finding means for going live."""

    RIGHT = "right"
    MISSING = "missing"  # has to be put right first
    NOTE = "note"  # worth knowing, stops nothing
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable, `says` is one sentence, `do` the next step, "" where there is none."""

    code: str
    state: State
    says: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """One row of wording.toml; names in braces are filled in."""

    state: State
    says: str
    do: str = ""

    @property
    def slots(self) -> set[str]:
        """The names in braces."""
        return {name for text in (self.says, self.do) for _, name, _, _ in Formatter().parse(text) if name}


@cache
def load_wording() -> Mapping[str, Wording]:
    """Every finding that can be made, by code. Raises ValueError or TypeError for a row of another form."""
    rows = tomllib.loads(files(__package__).joinpath("wording.toml").read_text("utf-8"))
    return {code: Wording(**row | {"state": State(row["state"])}) for code, row in rows.items()}


def find(code: str, **slots: object) -> Finding:
    """A finding with its sentence filled in. Raises KeyError for a code or a slot that the wording does not have."""
    wording = load_wording()[code]
    return Finding(code, wording.state, wording.says.format(**slots), wording.do.format(**slots))
