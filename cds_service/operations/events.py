"""The closed list of events and fields, and what of a value may pass.

Question: may this stand in the log? Source: events.toml; OWASP ASVS 5.0 V14.2.1, V16.2.5, V16.4.1.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

MOST = 64  # characters of a name, and of words unless the list says otherwise
MOST_ROWS = 20  # of a list

_NAME = re.compile(r"[A-Za-z0-9_.:<>-]{1,64}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what kind of value it holds and, for a choice, which ones; `most` characters of words."""

    kind: str
    meaning: str
    values: frozenset[str] = frozenset()
    most: int = MOST

    def cleaned(self, value: object) -> object:
        """The value as it may stand in the log, None where it may not."""
        return _KINDS[self.kind](self, value)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its usual level and its fields."""

    level: str
    fields: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that may be logged."""

    fields: Mapping[str, Field]
    events: Mapping[str, Event]
    level_of_outcome: Mapping[str, str]


@cache
def listed() -> Listed:
    """The list as it stands in events.toml. Raises KeyError for a field or a kind that it does not define."""
    table = tomllib.loads(files(__package__).joinpath("events.toml").read_text("utf-8"))
    fields = {
        name: Field(**{**row, "values": frozenset(row.get("values", ()))}) for name, row in table["field"].items()
    }
    events = {name: Event(row["level"], tuple(row["fields"]), row["meaning"]) for name, row in table["event"].items()}
    unknown = {name for event in events.values() for name in event.fields} - fields.keys()
    unknown |= {field.kind for field in fields.values()} - _KINDS.keys()
    if unknown:
        raise KeyError(f"events.toml: not defined: {', '.join(sorted(unknown))}")
    return Listed(MappingProxyType(fields), MappingProxyType(events), MappingProxyType(table["level_of_outcome"]))


def _count(_: Field, value: object) -> object:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else None


def _number(_: Field, value: object) -> object:
    return round(value, 3) if isinstance(value, int | float) and math.isfinite(value) else None


def _flag(_: Field, value: object) -> object:
    return value if isinstance(value, bool) else None


def _choice(field: Field, value: object) -> object:
    return str(value) if isinstance(value, str) and value in field.values else None


def _name(_: Field, value: object) -> object:
    return str(value) if isinstance(value, str) and _NAME.fullmatch(value) else None


def _uuid(_: Field, value: object) -> object:
    return value if isinstance(value, str) and _UUID.fullmatch(value) else None


def _words(field: Field, value: object) -> object:
    # Line ends, escape sequences and signs that turn the direction of writing are none of them printable.
    if not isinstance(value, str):
        return None
    return "".join(sign if sign.isprintable() else "?" for sign in value[: field.most])


def _rows_of(one: Callable[[Field, object], object]) -> Callable[[Field, object], object]:
    def clean(field: Field, value: object) -> object:
        if not isinstance(value, list | tuple):
            return None
        rows = [one(field, row) for row in value[-MOST_ROWS:]]
        return None if None in rows else rows

    return clean


_KINDS: Mapping[str, Callable[[Field, object], object]] = {
    "count": _count,
    "counts": _rows_of(_count),
    "number": _number,
    "flag": _flag,
    "choice": _choice,
    "name": _name,
    "names": _rows_of(_name),
    "uuid": _uuid,
    "words": _words,
}
