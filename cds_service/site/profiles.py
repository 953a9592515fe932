"""Tables of profiles: what is typical of one kind of client, every fact with its source.

Question: what may a site leave unsaid, because its EHR is known for it, and who says so?
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import Field, StringConstraints, model_validator

from cds_service.site.checked_toml import Section, Text, TomlFile, check

Value = TypeVar("Value")

Sentences = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(strict=False)]


class Fact(Section, Generic[Value]):
    """One thing a client does; `source` is a key of the sources, `verified` whether it was read or observed there."""

    value: Value
    source: str
    verified: bool
    note: str = ""


class Source(Section):
    """Where facts were read or observed."""

    label: Text
    url: Text


class Profile(Section):
    """What one kind of client is like, and the tasks that it leaves to those who set it up."""

    title: Text
    tasks: Sentences

    @property
    def facts(self) -> Mapping[str, Fact[object]]:
        """The facts by their names, in the order of the class."""
        return {name: told for name, told in self if isinstance(told, Fact)}


Row = TypeVar("Row", bound=Profile)


class Profiles(Section, Generic[Row]):
    """A whole table; its first profile is the default."""

    source: dict[str, Source]
    profile: dict[str, Row]

    @model_validator(mode="after")
    def _sources_exist(self) -> "Profiles[Row]":
        for name, row in self.profile.items():
            for fact, told in row.facts.items():
                if told.source not in self.source:
                    raise ValueError(f"profile.{name}.{fact}: {told.source} is none of the sources")
        return self


def shipped(file: str) -> TomlFile:
    """A table that comes with the service."""
    return as_table(file, files(__package__).joinpath(file).read_text("utf-8"))


def as_table(file: str, text: str) -> TomlFile:
    """A text as the table of that name. Raises tomllib.TOMLDecodeError."""
    return TomlFile(Path(file), text, tomllib.loads(text))


def read_profiles(table: TomlFile, row: type[Row]) -> Profiles[Row]:
    """A table of profiles. Raises ConfigurationError with one line per fault: file, line, key, what was expected."""
    return check(table, Profiles[row])  # type: ignore[valid-type]  # the class of the rows is chosen here
