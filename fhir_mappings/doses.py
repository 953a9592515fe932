"""Milligrams from what was written: directly, or from millilitres of a bag and the strength of its ingredient.

Source: FHIR R4 dosage.dose, Medication.ingredient.strength; Oracle Health documents dose in mL times strength.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fhir_mappings.doubts import Doubt, quote
from fhir_mappings.drugs import Drug, Ingredient, infliximab_in
from fhir_mappings.quantities import converted
from fhir_mappings.shape import struct, text
from fhir_mappings.vocabulary import Tables

LARGEST_DOSE_MG = 10_000  # far above any child's; a typing error, not a dose


def read_dose(quantity: Mapping[str, Any], drug: Drug, tables: Tables) -> float | Doubt:
    """A dose in mg, or why it could not be read."""
    if not quantity:
        return Doubt("dose-missing", "states no dose")
    found = converted(quantity, "dose", tables)
    if found is None:
        volume, strength = converted(quantity, "volume", tables), _mg_per_ml(drug, tables)
        found = None if volume is None or strength is None else volume * strength
    if found is None:
        return Doubt("dose-not-readable", f"states a dose that gives no milligrams ({_written(quantity)})")
    if not 0 < found < LARGEST_DOSE_MG:
        return Doubt("dose-implausible", f"states a dose of {found:f} mg, which is not plausible")
    return float(found)


def _mg_per_ml(drug: Drug, tables: Tables) -> Decimal | None:
    parts = [part for part in drug.ingredients if infliximab_in(part.names)]
    if not parts and len(drug.ingredients) == 1:
        parts = list(drug.ingredients)  # the drug is known from its own name
    strengths = [strength for part in parts if (strength := _strength(part, tables))]
    return strengths[0] if len(strengths) == 1 else None


def _strength(part: Ingredient, tables: Tables) -> Decimal | None:
    mass = converted(struct(part.strength, "numerator"), "dose", tables)
    volume = converted(struct(part.strength, "denominator"), "volume", tables)
    return mass / volume if mass and volume else None


def _written(quantity: Mapping[str, Any]) -> str:
    value = quantity.get("value")
    shown = value if isinstance(value, int | float | Decimal) else "no number"
    return quote(f"{shown} {text(quantity, 'unit') or text(quantity, 'code') or 'without unit'}")
