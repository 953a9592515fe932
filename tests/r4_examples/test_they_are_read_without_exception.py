"""HL7's own examples of R4 (npm package hl7.fhir.r4.examples, CC0): `make examples` fetches them and reads them all.

None is about infliximab. They show shapes that nobody here thought of, and none of them may cost a neighbour.
"""

import hashlib
import json
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.read import READERS
from tests.fhir_mappings.charts import infusion, level, read

PACKAGE = Path(__file__).parents[2] / "build" / "r4" / "hl7.fhir.r4.examples-4.0.1.tgz"
SHA256 = "dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682"
LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
TYPES = sorted({*READERS, "Patient", "Medication", "Specimen"})
BUNDLES = "Bundle"


@lru_cache
def examples() -> dict[str, list[Any]]:
    """Every example by its type; those of a Bundle under "Bundle"."""
    assert hashlib.sha256(PACKAGE.read_bytes()).hexdigest() == SHA256
    found: defaultdict[str, list[Any]] = defaultdict(list)
    with tarfile.open(PACKAGE) as package:
        for member in package:
            kind = Path(member.name).name.partition("-")[0]
            file = package.extractfile(member) if kind in {*TYPES, BUNDLES} else None
            if file is not None:
                found[kind] += [json.load(file)]
    found[BUNDLES] = [r for bundle in found[BUNDLES] for r in resources_of(bundle) if r["resourceType"] in TYPES]
    return found


def resources_of(bundle: Any) -> Iterator[Any]:
    for entry in bundle.get("entry", ()):
        if resource := entry.get("resource"):
            yield resource


@pytest.mark.parametrize("kind", [*TYPES, BUNDLES])
def test_every_example_is_read_and_costs_no_neighbour(kind: str) -> None:
    found = examples()[kind]
    assert found
    for example in found:
        record = read(example, level(id="neighbour"), infusion(id="neighbour"), since=LONG_AGO)
        assert "Observation/neighbour" in [one.evidence for one in record.levels]
        assert "MedicationAdministration/neighbour" in [one.evidence for one in record.infusions]
        assert "resource-unreadable" not in [one.code for one in record.issues], example["id"]


def test_all_of_them_together_are_one_chart() -> None:
    everything = [example for found in examples().values() for example in found]
    record = read(*everything, level(id="neighbour"), since=LONG_AGO)
    assert "Observation/neighbour" in [one.evidence for one in record.levels]
    assert record.measurements
