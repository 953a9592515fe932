"""The same amount in another unit, by the exact factors of our tables: whatever is advised must be the same."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache

from fhir_mappings.rows import read_rows
from tests.fuzz.service import Json

GIVEN: tuple[str, ...] = ("dose", "volume", "duration", "mass_rate", "volume_rate")  # what units.csv has for infusions


def equivalents(holder: Json, member: str, field: str) -> Iterator[Json]:
    """Number and unit of the Quantity under `member` in other units, as far as the number stays exact.

    A result says what it measures by the name of its bundled row, an infusion (by `field`, its path) by its unit.
    """
    quantity = holder[member]
    factors = _factors_for(holder, member, field)
    amount = Decimal(str(quantity["value"])) * factors.get(quantity["unit"], 0)
    for unit, factor in factors.items() if amount else ():
        number = float(amount / factor)
        if unit != quantity["unit"] and Decimal(str(number)) * factor == amount:
            yield {"value": number, "unit": unit}


def _factors_for(holder: Json, member: str, field: str) -> Mapping[str, Decimal]:
    tables, unit = _factors(), holder[member]["unit"]
    if member == "valueQuantity":
        row = holder["id"].replace("-", "_")
        named = [name for name in tables if f"_{name.partition(' in ')[0]}_" in row]
    else:
        named = list(GIVEN) if field.startswith("MedicationAdministration") else []
    return next((tables[name] for name in named if unit in tables[name]), {})


@cache
def _factors() -> Mapping[str, Mapping[str, Decimal]]:
    by_concept: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in read_rows("units.csv"):
        if row["use"] == "read":
            by_concept[row["concept"]][row["unit"]] = Decimal(row["factor"])
    for row in read_rows("antibody_units.csv"):
        by_concept[f"infliximab_antibody in {row['written']}"][row["unit"]] = Decimal(1)
    return by_concept
