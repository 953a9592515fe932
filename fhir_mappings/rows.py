"""The rows of our own tables and those a site adds: read once, and an error names file and row.

Question: is every cell what its column promises? Source: `tables/*.csv`, UTF-8, first line the column names.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NoReturn

from cds_service.errors import ConfigurationError

OURS = "fhir_mappings/tables"  # as our own files are named in what is told


class WrongRow(ConfigurationError):
    """One line of a table is not what its columns promise; in line 1 it is the whole file."""

    def __init__(self, file: str, line: int, expected: str) -> None:
        super().__init__(f"{file}, row {line}: {expected}")
        self.file, self.line = file, line


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; a cell that is empty reads as ""."""

    file: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    @property
    def ours(self) -> bool:
        """Whether it stands in our own table, not in that of a site."""
        return self.file.startswith(f"{OURS}/")

    def refuse(self, expected: str) -> NoReturn:
        """Raise WrongRow that says where and what was expected."""
        raise WrongRow(self.file, self.line, expected)

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
        if "" in phrases:  # it would stand in every text
            self.refuse(f"{column} has nothing on one side of a |")
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(phrases)})(?![^\W_])", re.IGNORECASE)

    def stems(self, column: str) -> frozenset[str]:
        """A lower-case piece of each phrase, without which its pattern cannot match."""
        return frozenset(max(re.split(r"[\s'-]+", phrase.casefold()), key=len) for phrase in self[column].split("|"))


def read_rows(name: str, site: Path | None = None, skipped: Set[tuple[str, int]] = frozenset()) -> list[Row]:
    """All rows of one table, those of a site's folder first; they have the columns of ours.

    `skipped` names rows, by file and line, that are passed over; line 1 stands for the whole file.
    Raises WrongRow for the first other one that is no row of this table.
    """
    columns = columns_of(name).split(",")
    path = None if site is None else site / name
    added = [] if path is None or not path.is_file() else _site_rows(path, columns, skipped)
    return [*added, *_rows(_table(name), f"{OURS}/{name}", columns, skipped)]


def columns_of(name: str) -> str:
    """The first line of a table."""
    return _table(name).partition("\n")[0]


def known_tables() -> tuple[str, ...]:
    """The names of all tables that a site may add rows to."""
    return tuple(sorted(file.name for file in files("fhir_mappings").joinpath("tables").iterdir() if _is_csv(file)))


def _is_csv(file: Traversable) -> bool:
    return file.name.endswith(".csv")


def _table(name: str) -> str:
    return files("fhir_mappings").joinpath("tables", name).read_text(encoding="utf-8")


def _site_rows(path: Path, columns: Sequence[str], skipped: Set[tuple[str, int]]) -> list[Row]:
    file = str(path)
    if (file, 1) in skipped:
        return []
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")  # spreadsheets write a mark of the byte order first
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise WrongRow(file, 1, f"UTF-8 expected, row {line} is not") from error
    except OSError as error:
        raise WrongRow(file, 1, f"the file cannot be read: {error.strerror}") from error
    return list(_rows(text, file, columns, skipped))


def _rows(content: str, file: str, names: Sequence[str], skipped: Set[tuple[str, int]]) -> Iterator[Row]:
    # Strict, or a quotation mark that is never closed would swallow all further rows without a word.
    lines = csv.reader(content.splitlines(), strict=True)
    first = 1
    try:
        if (head := next(lines, names)) != names:
            separated = "" if len(head) > 1 else ", separated by commas"
            raise WrongRow(file, 1, f"the columns are {','.join(names)}{separated}")
        first = 2
        for cells in lines:
            first, line = lines.line_num + 1, lines.line_num
            if not cells or (file, line) in skipped:
                continue
            if len(cells) != len(names):
                raise WrongRow(file, line, f"expected {len(names)} cells, got {len(cells)}")
            yield Row(file, line, {name: cell.strip() for name, cell in zip(names, cells, strict=True)})
    except csv.Error as error:
        if (file, first) not in skipped:
            raise WrongRow(file, first, f"not readable as CSV from here on: {error}") from error


def _phrase(phrase: str) -> str:
    words = [re.escape(word).replace("'", "['’]?") for word in re.split(r"[\s-]+", phrase.strip())]
    return r"[\s_-]*".join(words)
