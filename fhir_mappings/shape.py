"""Plain access to parsed JSON that may be anything: a wrong type names its field and what was expected.

Question: is this member there, and is it what FHIR says it is? Absent and null read alike; nothing is coerced.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

EMPTY: Mapping[str, Any] = {}
OBJECTS = (dict, Mapping)  # what JSON gives stands first: it is found ten times faster
NUMBERS = (float, int, Decimal)
MOST_DIGITS = 20
LARGEST_EXPONENT = 12


class Misshapen(Exception):
    """A member of a resource has another type than FHIR gives it; caught once per resource, never shown as such."""

    def __init__(self, member: str, expected: str) -> None:
        super().__init__(f"{member} is not {expected}")


def text(source: Mapping[str, Any], member: str) -> str | None:
    """A string without surrounding blanks, None where absent or empty."""
    value = source.get(member)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Misshapen(member, "a text")
    return value.strip() or None


def truth(source: Mapping[str, Any], member: str) -> bool:
    """A boolean, False where absent."""
    value = source.get(member)
    if value is not None and not isinstance(value, bool):
        raise Misshapen(member, "true or false")
    return bool(value)


def struct(source: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    """An object, empty where absent."""
    value = source.get(member)
    if value is None:
        return EMPTY
    if not isinstance(value, OBJECTS):
        raise Misshapen(member, "an object")
    return value


def structs(source: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    """A list of objects, empty where absent."""
    value = source.get(member)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Misshapen(member, "a list of objects")
    for item in value:
        if not isinstance(item, OBJECTS):
            raise Misshapen(member, "a list of objects")
    return value


def number(source: Mapping[str, Any], member: str) -> Decimal | None:
    """A JSON number of at least 0, exact; None where absent.

    At most 20 significant digits and a decimal exponent of at most 12 either way, so that arithmetic stays small.
    """
    value = source.get(member)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, NUMBERS):
        raise Misshapen(member, "a number")
    return bounded(value, member)


def bounded(value: float | Decimal | str, member: str) -> Decimal:
    """A number as an exact decimal within our bounds. Raises Misshapen for any other, also for one below 0."""
    if isinstance(value, int) and not 0 <= value < 10**MOST_DIGITS:
        raise Misshapen(member, "a number of reasonable size")
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite() or exact < 0:
        raise Misshapen(member, "a number of at least 0")
    if exact == 0:
        return Decimal(0)
    # A float never has more than 17 digits, and counting them takes longer than all the rest.
    digits = 17 if isinstance(value, float) else len(exact.as_tuple().digits)
    if digits > MOST_DIGITS or abs(exact.adjusted()) > LARGEST_EXPONENT:
        raise Misshapen(member, "a number of reasonable size")
    return exact
