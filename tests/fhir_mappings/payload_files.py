"""The authored payloads: a Bundle as an EHR sends it, and beside it the record that is expected of it.

Every Bundle is synthetic and says so in its meta; `shape` in the TOML file names the public source of its shape.
"""

import csv
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from cds_service.clinical.courses import merge_infusions
from cds_service.clinical.record import DataIssue, Moment, Reading, TreatmentRecord
from fhir_mappings.rows import columns_of
from fhir_mappings.tables import load_tables
from tests.fhir_mappings.charts import read

FOLDER = Path(__file__).with_name("payloads")
FACTS = (
    "infusions",
    "levels",
    "antibodies",
    "measurements",
    "findings",
    "medications",
    "diagnoses",
    "suspected",
    "procedures",
    "reactions",
    "level_ordered",
)
TOLD = {"says", "ehr", "shape", "issues", "options", "tables", "counted", *FACTS}


@dataclass(frozen=True)
class Payload:
    """One Bundle and what is said about it."""

    path: Path
    told: Mapping[str, Any]

    @property
    def says(self) -> str:
        """The sentence that is its name."""
        return f"{self.told['ehr']}: {self.told['says']}"

    @property
    def bundle(self) -> dict[str, Any]:
        """The Bundle as sent."""
        found: dict[str, Any] = json.loads(self.path.with_suffix(".json").read_text("utf-8"))
        return found

    @property
    def resources(self) -> list[dict[str, Any]]:
        """What its entries hold."""
        return [entry["resource"] for entry in self.bundle["entry"]]

    def options(self, folder: Path) -> dict[str, Any]:
        """How the site reads it; the site's own rows are written into the folder."""
        for file, rows in self.told.get("tables", {}).items():
            columns = columns_of(file).split(",")
            with (folder / file).open("w", encoding="utf-8", newline="") as table:
                csv.writer(table).writerows([columns, *rows])
        tables = {"tables": load_tables(folder)} if "tables" in self.told else {}
        return {**self.told.get("options", {}), **tables}


def payloads() -> Iterator[Payload]:
    """All of them, by EHR and sentence."""
    for path in sorted(FOLDER.glob("*/*.toml")):
        yield Payload(path, tomllib.loads(path.read_text("utf-8")))


def read_payload(payload: Payload, folder: Path) -> dict[str, Any]:
    """The record of a payload as its TOML file would tell it."""
    record = read(*payload.resources, **payload.options(folder))
    counted = [_counted(*merged) for merged in merge_infusions(record.infusions)] if "counted" in payload.told else None
    return told(record) | ({} if counted is None else {"counted": counted})


def told(record: TreatmentRecord) -> dict[str, Any]:
    """Every fact that a record holds, and its issues, in the words of a TOML file; nothing is left out."""
    facts = {name: [_fact(fact) for fact in getattr(record, name)] for name in FACTS}
    return {name: found for name, found in facts.items() if found} | {"issues": sorted(map(_issue, record.issues))}


def _counted(infusion: Any, evidence: tuple[str, ...]) -> dict[str, Any]:
    return {**_fact(infusion), "evidence": list(evidence)}


def _fact(fact: Any) -> dict[str, Any]:
    defaults = {field.name: None if field.default is MISSING else field.default for field in fields(fact)}
    values = {name: getattr(fact, name) for name in defaults}
    return {name: _plain(value) for name, value in values.items() if value != defaults[name]}


def _plain(value: Any) -> Any:
    if isinstance(value, Moment):
        return value.day.isoformat() if value.day_only else value.at.isoformat()
    if isinstance(value, Reading):
        return f"{value.comparator or ''}{value.value:.12g}"
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Enum | datetime) else value


def _issue(found: DataIssue) -> str:
    place = f" ({found.evidence})" if found.evidence else ""
    return f"{found.level} {found.code}: {found.about}{place}"
