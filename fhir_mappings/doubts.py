"""What could not be read, as a value: a doubt knows its sentence, an issue knows also whose datum it concerns."""

from dataclasses import dataclass

from cds_service.clinical.record import DataIssue, IssueLevel, Moment

LONGEST_QUOTE = 60


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why something cannot be used. `says` completes a sentence that begins with what it is about."""

    code: str
    says: str
    level: IssueLevel = IssueLevel.LIMITING


@dataclass(frozen=True, slots=True)
class SeenByName:
    """A concept that was recognised by the name it carries, because it has no code that we know."""

    concept: str
    text: str


def issue(
    doubt: Doubt, about: str, subject: str, evidence: str | None = None, drawn: Moment | None = None
) -> DataIssue:
    """The issue of one doubt; `subject` begins the sentence ("The albumin of 5 Jan 2026")."""
    return DataIssue(doubt.code, about, doubt.level, f"{subject} {doubt.says}.", evidence, drawn)


def quote(text: str) -> str:
    """A piece of foreign text for a sentence of ours: printable, one line, short."""
    start = text[: 4 * LONGEST_QUOTE]
    plain = start if start.isprintable() else "".join(sign if sign.isprintable() else " " for sign in start)
    words = " ".join(plain.split())
    return f"'{words if len(words) <= LONGEST_QUOTE else words[: LONGEST_QUOTE - 1] + '…'}'"
