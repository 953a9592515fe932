"""Text that stays text: what came from a chart is shown, never interpreted.

Question: how does a sentence reach the screen so that it reads the same as Markdown and as plain text?
Source: GitHub Flavored Markdown 0.29 (inline escapes, tables, extended autolinks).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST_QUOTE = 300  # a quotation from the chart; longer ones are shortened and say so

_SPECIAL = re.compile(r"[\\`*_\[\]>&|~]|<(?![\d\s=])")
_SPECIAL_CHARACTERS = frozenset("\\`*_[]<>&|~")
_STARTS_A_BLOCK = re.compile(r"(?:[#+=-]|\d+[.)])")
_STARTS_A_LINK = re.compile(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)")


def plain(text: str) -> str:
    """One line without control, direction or zero-width characters; blanks collapsed, long text shortened."""
    visible = text if text.isprintable() else _visible(text)
    line = " ".join(visible.split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE].rstrip()} … (shortened)"


def _visible(text: str) -> str:
    return "".join(
        character for character in text if character.isspace() or not unicodedata.category(character).startswith("C")
    )


def escape(text: str) -> str:
    """Text from outside as Markdown that shows exactly its own characters: no markup, no HTML, no link.

    `<` before a digit is not a tag in any Markdown and stays, so that "<0.4" reads well as plain text.
    """
    line = plain(text)
    if "//" in line or "@" in line or "www." in line.lower():
        line = _STARTS_A_LINK.sub(" ", line)
    return line if _SPECIAL_CHARACTERS.isdisjoint(line) else _SPECIAL.sub(r"\\\g<0>", line)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """A GFM table whose columns are padded, so that it is a table as plain text too."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join(indent + text for text in (line(header), rule, *map(line, rows)))


def bullets(lines: Iterable[str], indent: str = "") -> str:
    """A list, one line each; a line that begins like a heading, a list or a rule is shown as it stands."""
    return "\n".join([f"{indent}- {_never_a_block(line)}" for line in lines])


def _never_a_block(line: str) -> str:
    start = _STARTS_A_BLOCK.match(line)
    return f"{line[: start.end() - 1]}\\{line[start.end() - 1 :]}" if start else line


def sentences(*parts: str | None) -> str:
    """The parts that say something, each with a capital letter and a full stop."""
    said = []
    for part in parts:
        told = part.strip() if part else ""
        if told:
            said.append(told[0].upper() + told[1:] + ("" if told.endswith((".", "?")) else "."))
    return " ".join(said)
