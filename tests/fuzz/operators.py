"""What a mutant has changed: the operators, where each fits, and the law that the answer must keep."""

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from fhir_mappings.searches import load_searches
from tests.fuzz.equivalents import equivalents
from tests.fuzz.service import Json

Chance = random.Random


class Law(Enum):
    """What must be true of the answer to a mutant, besides its form."""

    ANSWERED = "an answer as documented"
    INERT = "nothing of it becomes markup, a link or a trick with direction"
    SAME = "the very same cards"
    REFUSED = "400"
    ANOTHER_PATIENT = "412, because of another patient"


@dataclass(frozen=True, slots=True)
class Place:
    """One member or item of a request. `field` is its path, without positions and below its resource."""

    field: str
    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        """Let something else stand there."""
        self.holder[self.key] = copy.deepcopy(value)


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to change a request; `fits` says where, `change` does it."""

    name: str
    law: Law
    fits: Callable[[Place], bool]
    change: Callable[[Chance, Place], None]


ODD: tuple[Any, ...] = (
    "", " ", 0, -1, 1.5, True, [], {}, [[]], [None], {"reference": "Patient/p2"}, {"resourceType": "Patient"},
    [{"resource": {}}], {"coding": 7},
)  # fmt: skip
HUGE: tuple[Any, ...] = (
    10**19, 10**20, -(10**19), 1e12, 1e13, 1e-12, "9" * 5_000, "x" * 65_536, "x" * 65_537, "1:99999999999999999999",
    ["x"] * 1_000, [0] * 50_000,
)  # fmt: skip
DATES: tuple[str, ...] = (
    "2026-13-45", "2026-02-30", "0001-01-01", "9999-12-31T23:59:59+14:00", "2026-11-20T24:00:00Z", "2026", "2026-11",
    "2026-11-20T10:00:00", "26-11-2026", "yesterday", "1582-10-10", "2026-11-20T10:00:00.123456789-23:59",
)  # fmt: skip
TEXTS: tuple[str, ...] = (
    "<script>alert(1)</script>", '<img src=x onerror="alert(1)">', "[press](javascript:alert(1))",
    "![x](https://evil.example/p)", "<https://evil.example>", "https://evil.example/x", "| a | b |\n|---|---|",
    "# heading", "**bold** `code` ~~gone~~", "&lt;b&gt;", "\u202egnp.exe", "zero\u200bwidth\ufeff",
    "null\u0000\u001b[31m", "a\u0301" * 50, "𝕀𝕟𝕗𝕝𝕚𝕩", "\ud800", "İnfliximab ſ", "１．７", "x" * 300,
)  # fmt: skip
OTHER_STATUSES: tuple[str, ...] = (
    "entered-in-error", "cancelled", "preliminary", "amended", "unknown", "active", "completed", "stopped", "draft",
    "on-hold", "not-done", "resolved", "refuted", "inactive", "provisional", "order", "plan", "option", "FINAL", "",
)  # fmt: skip
FOREIGN: tuple[str, ...] = (
    "Patient/another", "Patient/another/_history/2", "https://fhir.example/r4/Patient/another",
)  # fmt: skip
UNRELATED: Mapping[str, Json] = {
    "Observation": {"status": "final", "code": {"text": "Heart rate"}, "valueQuantity": {"value": 88, "unit": "/min"}},
    "Condition": {"code": {"text": "Ingrown toenail"}},
    "MedicationRequest": {"status": "active", "intent": "order", "medicationCodeableConcept": {"text": "Vitamin D3"}},
    "MedicationAdministration": {"status": "completed", "medicationCodeableConcept": {"text": "Paracetamol"}},
    "MedicationDispense": {"status": "completed", "medicationCodeableConcept": {"text": "ibuprofen"}},
    "Procedure": {"status": "completed", "code": {"text": "Eye test"}},
    "QuestionnaireResponse": {"status": "completed", "questionnaire": "https://forms.example/meals", "item": []},
    "AllergyIntolerance": {"code": {"text": "Grass pollen"}},
    "ServiceRequest": {"status": "active", "intent": "order", "code": {"text": "Chest radiograph"}},
}


def drop(_chance: Chance, place: Place) -> None:
    """The member or item gone."""
    del place.holder[place.key]


def make_null(_chance: Chance, place: Place) -> None:
    """Null in its place."""
    place.put(None)


def swap_type(chance: Chance, place: Place) -> None:
    """A value of another type, or an empty one."""
    place.put(chance.choice([odd for odd in ODD if odd != place.value]))


def swap_unit(chance: Chance, place: Place) -> None:
    """The same amount in another unit, by the exact factors of our tables."""
    quantity = place.value
    quantity.update(chance.choice(list(_equivalents(place))))
    quantity.pop("system", None)
    quantity.pop("code", None)


def lose_unit(chance: Chance, place: Place) -> None:
    """The same number in another unit, or in none."""
    place.value["unit"] = place.value["code"] = chance.choice(["mg", "kg", "g/L", "%", "", "{furlong}"])


def make_not_a_number(chance: Chance, place: Place) -> None:
    """What JSON has no word for."""
    place.put(chance.choice([float("nan"), float("inf"), float("-inf")]))


def shift_date(chance: Chance, place: Place) -> None:
    """Days, weeks or years away, or no date at all."""
    days = chance.choice([-36_500, -1_100, -365, -57, -56, -14, -1, 1, 3, 28, 400, None])
    place.put(chance.choice(DATES) if days is None else _shifted(place.value, days))


def make_foreign(chance: Chance, place: Place) -> None:
    """Another patient's."""
    if place.key == "id":
        place.put("another")
    else:
        place.put({"reference": chance.choice(FOREIGN)})


def flip_status(chance: Chance, place: Place) -> None:
    """Another status."""
    place.put(chance.choice([status for status in OTHER_STATUSES if status != place.value]))


def duplicate(chance: Chance, place: Place) -> None:
    """An entry of a searchset once more, anywhere."""
    entries = place.value["entry"]
    entries.insert(chance.randrange(len(entries) + 1), chance.choice(entries))


def reorder(chance: Chance, place: Place) -> None:
    """The entries of a searchset and the members of its resources in another order."""
    entries = [{**entry, "resource": _shuffled(chance, entry["resource"])} for entry in place.value["entry"]]
    place.value["entry"] = chance.sample(entries, len(entries))


def add_unrelated(chance: Chance, place: Place) -> None:
    """A row about something else among those of a searchset."""
    kind = {search.name: search.resource_type for search in load_searches()}[place.key]
    reference = {"reference": f"Patient/{place.holder['patient']['id']}"}
    whose = {"patient": reference} if kind == "AllergyIntolerance" else {"subject": reference}
    row = {"resource": {"resourceType": kind, "id": "unrelated", **whose, **UNRELATED[kind]}}
    entries = place.value.setdefault("entry", [])
    entries.insert(chance.randrange(len(entries) + 1), row)


def make_huge(chance: Chance, place: Place) -> None:
    """Far too much of it."""
    place.put(chance.choice(HUGE))


def make_odd_text(chance: Chance, place: Place) -> None:
    """Markup, links, invisible signs, whatever a text may hold; alone or behind what stood there."""
    text = chance.choice(TEXTS)
    place.put(text if chance.random() < 0.5 else f"{place.value} {text}")


def _anywhere(_place: Place) -> bool:
    return True


def _is_text(place: Place) -> bool:
    return isinstance(place.value, str)


def _is_number(place: Place) -> bool:
    return isinstance(place.value, int | float) and not isinstance(place.value, bool)


def _is_quantity(place: Place) -> bool:
    return isinstance(place.value, dict) and {"value", "unit"} <= place.value.keys()


def _is_convertible(place: Place) -> bool:
    return _is_quantity(place) and any(_equivalents(place))


def _equivalents(place: Place) -> Iterator[Json]:
    return equivalents(place.holder, place.key, place.field)


def _is_date(place: Place) -> bool:
    try:
        return isinstance(place.value, str) and bool(datetime.fromisoformat(place.value))
    except ValueError:
        return False


def _is_owner(place: Place) -> bool:
    return place.field == "Patient.id" or (place.key in ("subject", "patient") and "reference" in place.value)


def _is_status(place: Place) -> bool:
    return place.key in ("status", "intent") or (place.key == "code" and "tatus.coding" in place.field)


def _is_searchset(place: Place) -> bool:
    return isinstance(place.value, dict) and place.value.get("type") == "searchset"


def _has_rows(place: Place) -> bool:
    return _is_searchset(place) and bool(place.value.get("entry"))


OPERATORS: tuple[Operator, ...] = (
    Operator("drop", Law.ANSWERED, _anywhere, drop),
    Operator("null", Law.ANSWERED, _anywhere, make_null),
    Operator("other type", Law.ANSWERED, _anywhere, swap_type),
    Operator("equivalent unit", Law.SAME, _is_convertible, swap_unit),
    Operator("other unit", Law.ANSWERED, _is_quantity, lose_unit),
    Operator("not a number", Law.REFUSED, _is_number, make_not_a_number),
    Operator("other date", Law.ANSWERED, _is_date, shift_date),
    Operator("another patient", Law.ANOTHER_PATIENT, _is_owner, make_foreign),
    Operator("other status", Law.ANSWERED, _is_status, flip_status),
    Operator("duplicate", Law.SAME, _has_rows, duplicate),
    Operator("other order", Law.SAME, _has_rows, reorder),
    Operator("unrelated row", Law.SAME, _is_searchset, add_unrelated),
    Operator("huge", Law.ANSWERED, _anywhere, make_huge),
    Operator("odd text", Law.INERT, _is_text, make_odd_text),
)
HARMLESS = tuple(operator for operator in OPERATORS if operator.law is Law.ANSWERED)  # any of them may be joined


def _shifted(date: str, days: int) -> str:
    try:
        shifted = datetime.fromisoformat(date) + timedelta(days=days)
    except OverflowError:
        return DATES[0]
    return shifted.isoformat()[: len(date)] if len(date) == len("2026-11-22") else shifted.isoformat()


def _shuffled(chance: Chance, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(chance, value[key]) for key in chance.sample(list(value), len(value))}
    return [_shuffled(chance, item) for item in value] if isinstance(value, list) else value
