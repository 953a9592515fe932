"""The rows of our own tables and those a site adds: read once, and an error names file and row.

Question: is every cell what its column promises? Source: `tables/*.csv`, UTF-8, first line the column names.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

from cds_service.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; a cell that is empty reads as ""."""

    file: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def refuse(self, expected: str) -> NoReturn:
        """Raise ConfigurationError that says where and what was expected."""
        raise ConfigurationError(f"{self.file}, row {self.line}: {expected}")

    def choice(self, column: str, allowed: Iterable[str]) -> str:
        """A cell that must be one of a few words."""
        words = tuple(allowed)
        if self[column] not in words:
            self.refuse(f"{column} is one of {', '.join(words)}, got {self[column]!r}")
        return self[column]

    def filled(self, column: str) -> str:
        """A cell that must not be empty."""
        return self[column] or self.refuse(f"{column} must not be empty")

    def factor(self, column: str) -> Decimal:
        """A cell that must be a positive decimal number."""
        try:
            number = Decimal(self[column])
        except InvalidOperation:
            number = Decimal(0)
        if not (number.is_finite() and number > 0):
            self.refuse(f"{column} is a positive number, got {self[column]!r}")
        return number

    def words(self, column: str) -> re.Pattern[str]:
        """Phrases separated by | as one pattern: whole words, any case, blank and hyphen alike."""
        phrases = [_phrase(phrase) for phrase in self.filled(column).split("|")]
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(phrases)})(?![^\W_])", re.IGNORECASE)

    def stems(self, column: str) -> frozenset[str]:
        """A lower-case piece of each phrase, without which its pattern cannot match."""
        return frozenset(max(re.split(r"[\s'-]+", phrase.casefold()), key=len) for phrase in self[column].split("|"))


def read_rows(name: str, site: Path | None = None) -> list[Row]:
    """All rows of one table, those of a site's folder first; they have the columns of ours."""
    own = files("fhir_mappings").joinpath("tables", name).read_text(encoding="utf-8")
    columns = own.partition("\n")[0].split(",")
    path = None if site is None else site / name
    added = path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""
    return [*_rows(added, str(path), columns), *_rows(own, f"fhir_mappings/tables/{name}", columns)]


def _rows(content: str, file: str, names: Sequence[str]) -> Iterator[Row]:
    lines = csv.reader(content.splitlines())
    if next(lines, names) != names:
        raise ConfigurationError(f"{file}, row 1: the columns are {','.join(names)}")
    for cells in lines:
        if len(cells) != len(names):
            raise ConfigurationError(f"{file}, row {lines.line_num}: expected {len(names)} cells, got {len(cells)}")
        yield Row(file, lines.line_num, {name: cell.strip() for name, cell in zip(names, cells, strict=True)})


def _phrase(phrase: str) -> str:
    words = [re.escape(word).replace("'", "['’]?") for word in re.split(r"[\s-]+", phrase.strip())]
    return r"[\s_-]*".join(words)
