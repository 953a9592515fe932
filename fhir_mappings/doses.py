"""Milligrams from what was written: directly, from millilitres of a bag and its strength, or from rate and duration.

Source: FHIR R4 dosage.dose and rate[x], Medication.ingredient.strength; Oracle Health documents dose in mL times
strength.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from cds_service.clinical.record import IssueLevel
from fhir_mappings.doubts import Doubt, quote
from fhir_mappings.drugs import Drug, Ingredient, infliximab_in
from fhir_mappings.quantities import converted
from fhir_mappings.shape import struct, text
from fhir_mappings.vocabulary import Tables

LARGEST_DOSE_MG = 10_000  # far above any child's; a typing error, not a dose


def read_given_dose(
    dosage: Mapping[str, Any], drug: Drug, lasted: timedelta | None, tables: Tables
) -> tuple[float | None, Doubt | None]:
    """The mg of an administration that `lasted` so long, and what must be said about them. Raises Misshapen.

    A dose as written goes before one computed from rate and duration.
    """
    found: float | Doubt
    if struct(dosage, "dose") or lasted is None or (per_hour := _mg_per_hour(dosage, drug, tables)) is None:
        found, note = read_dose(struct(dosage, "dose"), drug, tables), None
    else:
        # The seconds are multiplied first: a third of an hour has no end of digits.
        found = _plausible(per_hour * Decimal(lasted.total_seconds()) / 3600)
        note = Doubt(
            "dose-from-rate", "states no dose; its milligrams were computed from rate and duration", IssueLevel.NOTE
        )
    return (None, found) if isinstance(found, Doubt) else (found, note)


def read_dose(quantity: Mapping[str, Any], drug: Drug, tables: Tables) -> float | Doubt:
    """A dose in mg, or why it could not be read."""
    if not quantity:
        return Doubt("dose-missing", "states no dose")
    found = converted(quantity, "dose", tables)
    if found is None:
        volume, strength = converted(quantity, "volume", tables), _mg_per_ml(drug, tables)
        found = None if volume is None or strength is None else volume * strength
    if found is None:
        return Doubt("dose-not-readable", f"states a dose that gives no milligrams ({written(quantity)})")
    return _plausible(found)


def _plausible(mg: Decimal) -> float | Doubt:
    if not 0 < mg < LARGEST_DOSE_MG:
        return Doubt("dose-implausible", f"states a dose of {mg:f} mg, which is not plausible")
    return float(mg)


def _mg_per_hour(dosage: Mapping[str, Any], drug: Drug, tables: Tables) -> Decimal | None:
    mass, volume = _rate(dosage, tables)
    if mass is not None or volume is None:
        return mass
    strength = _mg_per_ml(drug, tables)
    return None if strength is None else volume * strength


def _rate(dosage: Mapping[str, Any], tables: Tables) -> tuple[Decimal | None, Decimal | None]:
    """Milligrams and millilitres an hour, whichever of them the rate is in."""
    quantity, ratio = struct(dosage, "rateQuantity"), struct(dosage, "rateRatio")
    if quantity:
        return converted(quantity, "mass_rate", tables), converted(quantity, "volume_rate", tables)
    minutes = converted(struct(ratio, "denominator"), "duration", tables)
    amounts = (converted(struct(ratio, "numerator"), kind, tables) for kind in ("dose", "volume"))
    mass, volume = (amount * 60 / minutes if amount is not None and minutes else None for amount in amounts)
    return mass, volume


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


def written(quantity: Mapping[str, Any]) -> str:
    """A quantity in a sentence of ours. Raises Misshapen."""
    value = quantity.get("value")
    shown = value if isinstance(value, int | float | Decimal) else "no number"
    return quote(f"{shown} {text(quantity, 'unit') or text(quantity, 'code') or 'without unit'}")
