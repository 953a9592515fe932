"""Tables and words, as the pages show them."""

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fhir_mappings.rows import Row, read_rows

NOTHING = "–"
TO_FILL = "(for the site to fill)"
SYSTEMS = {
    "atc": "ATC",
    "cpt": "CPT",
    "hcpcs": "HCPCS",
    "icd10cm": "ICD-10-CM",
    "icd10pcs": "ICD-10-PCS",
    "loinc": "LOINC",
    "ndc": "NDC",
    "rxnorm": "RxNorm",
    "snomed": "SNOMED CT",
    "unii": "UNII",
}

Json = dict[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped, an empty cell shows a dash."""
    lines = [[cell.replace("|", "\\|") or NOTHING for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(head), ["---"] * len(head), *lines])


def words(cell: str) -> str:
    """The phrases of a cell that are separated by bars."""
    return ", ".join(cell.split("|")) if cell else ""


def data(name: str) -> Json:
    """A file of words beside this module."""
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


def same_keys(name: str, told: Iterable[str], known: Iterable[str]) -> None:
    """Raise KeyError where a file of words tells of something unknown or leaves something out."""
    if different := set(told) ^ set(known):
        raise KeyError(f"{name}: {', '.join(sorted(different))}")


def codes(name: str, key: Callable[[Row], str], use: str = "read") -> Mapping[str, str]:
    """The codes of a table by a key of its rows: `*` for a prefix, `†` for one not checked against a release."""
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in read_rows(name):
        if row.cells.get("use", "read") == use:
            found[key(row)][SYSTEMS[row["system"]]].append(_code(row))
    told = {of: "; ".join(f"{system} {', '.join(held)}" for system, held in by.items()) for of, by in found.items()}
    return defaultdict(str, told)


def _code(row: Row) -> str:
    star = "\\*" if row.cells.get("match") == "prefix" else ""
    mark = "" if row["verified"] == "yes" else " †"
    return f"{row['code']}{star}{mark}" if row["code"] else TO_FILL
