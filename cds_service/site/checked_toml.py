"""A TOML file checked against its form; an error names file, line, key and what is expected.

Question: does this file say what its form allows? Settings and risk models are read through here.
"""

import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from cds_service.errors import ConfigurationError

KEY_ITSELF = "[key]"  # where pydantic finds fault with the name of a row, it adds this to the place
FOLDER = "folder"  # in the context of a validator: where the file stands, from which its relative paths count

IN_OUR_WORDS = {  # for what pydantic says in words of Python
    "tuple_type": 'a list expected, such as ["…"], or [[…]] where each row is a table',
    "too_short": "at least {min_length} entry expected, got {actual_length}",
    "too_long": "at most {max_length} entries expected",
    "dict_type": "a table expected",
    "model_type": "a table expected",
}

_HEADER = re.compile(r"""\s*(\[\[?)([\w\s."'-]+)\]""")
_NAME = re.compile(r"""\s*([\w\s."'-]+?)\s*=""")

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Section(BaseModel):
    """A table of a file: nothing unknown in it, no type but the one expected."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Misplaced(ValueError):
    """A fault that a whole table shows, although it stands at one place inside it."""

    def __init__(self, expected: str, *place: str | int) -> None:
        super().__init__(expected)
        self.place = place


def each_once(names: tuple[str, ...], what: str = "name") -> tuple[str, ...]:
    """The same names. Raises ValueError where one stands twice."""
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise ValueError(f"each {what} once expected, {twice[0]} stands here twice")
    return names


Form = TypeVar("Form", bound=BaseModel)
Place = tuple[str | int, ...]  # names of tables and keys, and places in a list of tables


@dataclass(frozen=True, slots=True)
class TomlFile:
    """One file as it stands: its text, to find lines in, and what it says."""

    path: Path
    text: str
    content: dict[str, Any]


def open_toml(path: Path, what: str) -> TomlFile:
    """Raises ConfigurationError where `what` cannot be read or is no TOML."""
    try:
        text = path.read_text("utf-8-sig")  # some editors write a mark of the byte order first
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "UTF-8 expected"
        raise ConfigurationError(f"{path}: {what} cannot be read: {reason}") from error
    try:
        return TomlFile(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: {_no_toml(str(error))}") from error


def check(file: TomlFile, form: type[Form]) -> Form:
    """What the file says, in its form. Raises ConfigurationError with one line per fault."""
    try:
        return form.model_validate(file.content, context={FOLDER: file.path.parent})
    except ValidationError as error:
        raise ConfigurationError(*(_explain(file, form, dict(fault)) for fault in error.errors())) from error


def _no_toml(reason: str) -> str:
    """What the parser says; where one list is written in two ways, what to delete."""
    if twice := re.fullmatch(r"Cannot mutate immutable namespace \((.*?)\) \((.*)\)", reason):
        *table, key = re.findall(r"'([^']+)'", twice[1])
        written = f"[[{'.'.join((*table, key))}]]"
        return f"TOML expected: {written} stands beside a line `{key} = []` above it: delete that line ({twice[2]})"
    return f"TOML expected: {reason}"


def _explain(file: TomlFile, form: type[BaseModel], fault: dict[str, Any]) -> str:
    inside = getattr(fault.get("ctx", {}).get("error"), "place", ())
    place = tuple(part for part in (*fault["loc"], *inside) if part != KEY_ITSELF)
    keys = [part for part in place if isinstance(part, str)]
    where = f"{file.path}:{_line_of(file.text, place)}: {'.'.join(keys)}"
    if fault["type"] == "extra_forbidden":
        return f"{where}: no such setting{_nearest(form, keys)}"
    expected = IN_OUR_WORDS.get(fault["type"])
    if expected:
        return f"{where}: {expected.format(**fault.get('ctx', {}))}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}"


def _nearest(form: type[BaseModel], keys: list[str]) -> str:
    for key in keys[:-1]:
        field = form.model_fields.get(key)
        form = (_form_of(field.annotation) if field else None) or form
    known = [field.alias or name for name, field in form.model_fields.items()]
    near = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.5)
    return f", did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}"


def _form_of(annotation: Any) -> type[BaseModel] | None:
    """The form of a table, or of each table of a list or of named rows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((form for inner in get_args(annotation) if (form := _form_of(inner))), None)


def _line_of(text: str, place: Place) -> int:
    """The line on which a key stands, else that of the nearest table or row that holds it, else 1."""
    found, depth = 1, 0
    for number, stands in _places(text):
        if depth < len(stands) and stands == place[: len(stands)]:
            found, depth = number, len(stands)
    return found


def _places(text: str) -> Iterator[tuple[int, Place]]:
    """Line by line what stands there: a table, of a list of tables also which one, or a key in its table."""
    tables = Counter[tuple[str, ...]]()
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            dotted = _parts(header[2])
            table = (*dotted, tables[dotted]) if header[1] == "[[" else dotted
            tables[dotted] += 1
            yield number, dotted
            yield number, table
        elif name := _NAME.match(line):
            yield number, (*table, *_parts(name[1]))


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
