"""Which results are worth reading the sample of: levels and antibodies, also as components (synthetic)."""

from typing import Any

import pytest

from fhir_mappings.recognition import is_monitoring
from fhir_mappings.tables import load_tables
from tests.fhir_mappings.charts import LOINC, antibody, coded, level, quantity

PANEL = level({}, code={"text": "Infliximab monitoring"}, component=[{"code": {"text": "Infliximab antibodies"}}])


@pytest.mark.parametrize(
    ("result", "monitors"),
    [
        (level(), True),
        (antibody(), True),
        (PANEL, True),
        (level(code=coded(LOINC, "29463-7"), valueQuantity=quantity(38, "kg")), False),
        (level(code={"text": "Sodium"}), False),
        (level(code="39803-2"), False),
        (level(component=7), False),
    ],
    ids=["a level", "an antibody", "a panel by its component", "a weight", "another test", "no code", "no components"],
)
def test_a_level_or_an_antibody_is_monitoring_and_a_malformed_result_is_not(
    result: dict[str, Any], monitors: bool
) -> None:
    assert is_monitoring(result, load_tables()) is monitors
