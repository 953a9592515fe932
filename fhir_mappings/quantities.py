"""Values as laboratories send them: number, comparator and unit, or words; converted by exact factors or not at all.

Source: FHIR R4 Observation.value[x], Quantity; units in `tables/units.csv` (a whitelist: anything else is refused).
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from cds_service.clinical.record import Comparator, Reading
from fhir_mappings.codings import CodedText, read_coded
from fhir_mappings.doubts import Doubt, quote
from fhir_mappings.shape import Misshapen, bounded, number, struct, structs, text
from fhir_mappings.vocabulary import Concept, Tables, spelling

LONGEST_TEXT = 64
NUMBER = re.compile(r"(<=|>=|<|>|≤|≥)?\s*(\d{1,12}(?:[.,]\d{1,8})?)(?:\s*([A-Za-zµμ\[{].*))?", re.ASCII)
THOUSAND = re.compile(r"[1-9]\d{0,2},\d{3}", re.ASCII)  # 1,234 may be more than a thousand, or little more than one
TITRE = re.compile(r"(<=|>=|<|>|≤|≥)?\s*1\s*:\s*(\d{1,8})", re.ASCII)
TITRE_UNIT = "titre"  # as antibody_units.csv spells it
ORDINALS = frozenset(
    {"http://hl7.org/fhir/StructureDefinition/ordinalValue", "http://hl7.org/fhir/StructureDefinition/itemWeight"}
)
COMPARATORS = frozenset(comparator.value for comparator in Comparator)
SIGNS = {"≤": "<=", "≥": ">="}


class Amount(NamedTuple):
    """A number as sent. `code` is its UCUM code, `unit` the unit in words; `more` tells of text that was not read."""

    number: Decimal
    comparator: Comparator | None = None
    code: str | None = None
    unit: str | None = None
    more: bool = False

    @property
    def written(self) -> str:
        """The value in a sentence of ours."""
        sign = self.comparator.value if self.comparator else ""
        return quote(f"{sign}{self.number:f} {self.unit or self.code or ''}")


Value: TypeAlias = Amount | CodedText | Doubt | None


def read_value(observation: Mapping[str, Any], tables: Tables) -> Value:
    """The value of an Observation: a number, words, why it cannot be used, or None where there is none."""
    members = [member for member in observation if member.startswith("value") and observation[member] is not None]
    if len(members) > 1:
        return Doubt("several-values", "holds several values and was not used")
    if not members:
        return None
    form = members[0]
    if form == "valueQuantity":
        return read_amount(struct(observation, form), tables)
    if form in ("valueInteger", "valueDecimal"):
        found = number(observation, form)
        return None if found is None else Amount(found)
    if form == "valueString":
        return _from_text(text(observation, form))
    if form == "valueCodeableConcept":
        return read_coded(struct(observation, form), tables)
    if form == "valueCoding":
        return read_coded({"coding": [struct(observation, form)]}, tables)
    if form == "valueRatio" and (dilution := _dilution(struct(observation, form))) is not None:
        return dilution
    return Doubt("value-form", f"came as {quote(form)}, which is not read here")


def read_points(result: Mapping[str, Any], tables: Tables) -> Value:
    """The value of a score: as any other, or the points that stand beside a coded answer.

    Source: the extensions ordinalValue (FHIR R4) and itemWeight (its name since R5) on a Coding.
    """
    codings = [struct(result, "valueCoding"), *structs(struct(result, "valueCodeableConcept"), "coding")]
    extensions = [extension for coding in codings for extension in structs(coding, "extension")]
    told = (number(extension, "valueDecimal") for extension in extensions if text(extension, "url") in ORDINALS)
    points = {found for found in told if found is not None}
    value = read_value(result, tables)
    if not isinstance(value, CodedText) or not points:
        return value
    if len(points) > 1:
        return Doubt("several-values", "holds an answer with different points and was not used")
    return Amount(points.pop())


def read_amount(quantity: Mapping[str, Any], tables: Tables) -> Amount | Doubt:
    """A Quantity as sent. A code counts as UCUM only where its system says so or says nothing."""
    found = number(quantity, "value")
    if found is None:
        return Doubt("value-missing", "has a quantity without a number")
    sign = text(quantity, "comparator")
    if sign is not None and sign not in COMPARATORS:
        return Doubt("comparator-unknown", f"has the unknown comparator {quote(sign)} and was not used")
    system = text(quantity, "system")
    is_ucum = system is None or tables.systems.get(system) == "ucum"
    code, unit = text(quantity, "code"), text(quantity, "unit")
    return Amount(found, Comparator(sign) if sign else None, code if is_ucum else None, unit or code)


def _dilution(ratio: Mapping[str, Any]) -> Amount | None:
    """A titre as a Ratio of bare numbers, 1 to the dilution; None for any other Ratio."""
    parts = [struct(ratio, member) for member in ("numerator", "denominator")]
    if any(part.get(member) is not None for part in parts for member in ("unit", "code", "comparator")):
        return None
    one, dilution = (number(part, "value") for part in parts)
    return None if one != 1 or dilution is None else Amount(dilution, unit=TITRE_UNIT)


def _from_text(written: str | None) -> Value:
    """A number in words: "< 2.5", "1,7 mcg/mL", the titre "1:40"; laboratories add remarks on further lines."""
    if written is None:
        return None
    line, _, rest = written.partition("\n")
    line = line.strip()
    if len(line) > LONGEST_TEXT:
        return CodedText(text=line)
    found, titre = NUMBER.fullmatch(line), TITRE.fullmatch(line)
    if found is not None:
        sign, digits, unit = found[1], found[2], found[3]
    elif titre is not None:
        sign, digits, unit = titre[1], titre[2], TITRE_UNIT
    else:
        return CodedText(text=line)
    if THOUSAND.fullmatch(digits):
        return Doubt("number-ambiguous", f"came as {quote(line)}, with a comma that may part thousands or decimals")
    sign = SIGNS.get(sign, sign)
    amount = bounded(digits.replace(",", "."), "valueString")
    return Amount(amount, Comparator(sign) if sign else None, unit=unit, more=bool(rest.strip()))


def to_unit(amount: Amount, concept: Concept, tables: Tables) -> Reading | Doubt:
    """The amount, with its comparator, in the concept's own unit, or why not."""
    found = in_unit(amount, concept, tables)
    return found if isinstance(found, Doubt) else Reading(found, amount.comparator)


def in_unit(amount: Amount, concept: Concept, tables: Tables) -> float | Doubt:
    """The number in the concept's own unit, or why not. Factors are exact: 6.2 g/dL is 62 g/L."""
    factor = factor_to(concept.name, amount, tables)
    if isinstance(factor, Doubt):
        return factor
    if factor is None:
        if not concept.unit_optional:
            says = f"has no unit ({amount.written}; expected {concept.unit}) and was not used"
            return Doubt("unit-missing", says)
        factor = Decimal(1)
    return float(amount.number * factor)


def factor_to(concept: str, amount: Amount, tables: Tables) -> Decimal | Doubt | None:
    """The exact factor to the unit of a concept (or dose, volume, duration), None where no unit was sent."""
    main = amount.code or amount.unit
    if main is None:
        return None
    key = (concept, spelling(main))
    if key not in tables.units:
        return Doubt("unit-unknown", f"is in a unit that is not read here ({amount.written}) and was not used")
    factor = tables.units[key]
    if factor is None:
        says = f"came in {quote(main)}, in which some laboratories send another test: needs review, not used"
        return Doubt("unit-needs-review", says)
    shown = spelling(amount.unit) if amount.unit else None
    if shown in tables.unit_spellings and tables.units.get((concept, shown)) != factor:
        says = f"has two units that contradict each other ({quote(main)}, {quote(amount.unit or '')})"
        return Doubt("unit-contradictory", f"{says} and was not used")
    return factor


def converted(quantity: Mapping[str, Any], kind: str, tables: Tables) -> Decimal | None:
    """A plain amount in mg, mg/kg, mL, min, mg/h or mL/h, by its kind in `units.csv`; None for anything else."""
    try:
        amount = read_amount(quantity, tables)
    except Misshapen:
        return None
    if isinstance(amount, Doubt) or amount.comparator is not None:
        return None
    factor = factor_to(kind, amount, tables)
    return amount.number * factor if isinstance(factor, Decimal) else None
