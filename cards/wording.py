"""What a card may say, as data: `wording.toml`, read once and refused whole if one row of it is wrong.

Question: which sentences may reach a clinician, and does every one fit its place? An error is a ValueError naming file
and row. A summary is proved to stay within 139 characters: each of its {words} has a greatest width.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from string import Formatter
from types import MappingProxyType

from cards.card import LONGEST_SUMMARY, Coding, Source
from cds_service.clinical.assessment import (
    AdviceKind,
    AntibodyStatus,
    DiseaseStatus,
    Hindrance,
    OrderChange,
    Phase,
    PredictorState,
    Qualification,
    TroughStatus,
)
from cds_service.clinical.record import IssueLevel

FILE = "wording.toml"
SIDES = ("For", "Against")
# Variants of a row, beside the status of the antibody and of the trough.
SITUATIONS = (
    *("stop", "over-limits", "relaxed", "unused", "unread", "no-level", "stale"),
    *("no-step", "insufficient", "forecast"),
)
STOP, OVER_LIMITS, RELAXED, UNUSED, UNREAD, NO_LEVEL, STALE, NO_STEP, INSUFFICIENT, FORECAST = SITUATIONS

# The words in {braces} and the greatest number of characters that `cards.summary` puts in their place.
WIDTHS = MappingProxyType(
    {
        "trough": 45,
        "target": 11,
        "antibody": 17,
        "every": 26,
        "instead": 17,
        "now": 17,
        "draft": 12,
        "intended": 12,
        "unread": 30,
        "unused": 68,
        "last": 25,
        "when": 80,
        "cause": 90,
        "over": 80,
    }
)
SENTENCE_ONLY = frozenset(
    {"compared", "dose", "to_dose", "missing", "doubts", "activity"}
)  # unbounded: for `consider`, never for a summary
NAME_WIDTHS = MappingProxyType({"level_name": 12, "antibody_brief": 17, "unused_brief": 22})

_ENUM_TABLES: Mapping[str, Iterable[str]] = {
    "qualification": Qualification,
    "trough_status": TroughStatus,
    "antibody": AntibodyStatus,
    "antibody_brief": AntibodyStatus,
    "unused_brief": Qualification,
    "disease": DiseaseStatus,
    "activity": DiseaseStatus,
    "phase": Phase,
    "change": OrderChange,
    "issue": IssueLevel,
    "predictor_state": PredictorState,
    "hindrance": Hindrance,
}
_TEXTS = (
    "off_label",
    "licensed_dose",
    "forecast",
    "no_forecast",
    "no_recheck",
    "nothing_assumed",
    "perianal_activity",
    "risk_caveat",
    "baseline_label",
    "baseline_caveat",
    "recalibrated_label",
    "recalibrated_caveat",
    "measures_missing",
)
_SOURCE = ("label", "topic_system", "topic_code", "topic_display", "override_system")
_FREE_TABLES = ("level_name", "unit", "marker", "marker_reading", "assay", "part", "override")


@dataclass(frozen=True, slots=True)
class Citation:
    """A source with the one fact it is cited for."""

    label: str
    says: str
    url: str


@dataclass(frozen=True, slots=True)
class KindWording:
    """The sentences of one kind of advice; `summary` and `consider` hold {words}."""

    heading: str
    summary: str
    consider: str
    alternatives: tuple[str, ...]
    why_not: str
    sources_for: tuple[str, ...]
    sources_against: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """All sentences.

    `kinds` is keyed by kind and variant: a status of antibody or trough, a situation, or None: the row.
    """

    kinds: Mapping[tuple[str, str | None], KindWording]
    words: Mapping[str, Mapping[str, str]]
    predictors: Mapping[str, Mapping[str, str]]
    citations: Mapping[str, Citation]
    cited: Mapping[tuple[str, str], str]  # by side, `For` or `Against`, and key of the citation: the line on the card
    source: Source
    override_reasons: tuple[Coding, ...]
    common_limits: tuple[str, ...]

    def kind(self, kind: AdviceKind, *variants: str) -> KindWording:
        """The row for this kind, in the first of the variants that has one."""
        for variant in variants:
            if (kind, variant) in self.kinds:
                return self.kinds[kind, variant]
        return self.kinds[kind, None]

    def word(self, table: str, key: str) -> str:
        """The word of a table that has one for every key of its kind."""
        return self.words[table][key]

    def name(self, table: str, key: str) -> str | None:
        """The name of something that sites may add to; None where the table has none."""
        return self.words[table].get(key)


@cache
def load_wording() -> Wording:
    """The sentences shipped with the service. Raises ValueError naming the row that is wrong."""
    return read_wording(files("cards").joinpath(FILE).read_text(encoding="utf-8"))


def read_wording(text: str) -> Wording:
    """Sentences from TOML text, every row checked. Raises ValueError naming the row that is wrong."""
    data = tomllib.loads(text)
    _check_tables(data)
    citations = {key: _citation(key, row) for key, row in data["citation"].items()}
    kinds = dict(_kinds(data["kind"]))
    _check_kinds(kinds, citations)
    words = {name: data.get(name, {}) for name in (*_ENUM_TABLES, *_FREE_TABLES, "text")}
    _check_words(words)
    system = data["source"]["override_system"]
    return Wording(
        kinds=MappingProxyType(kinds),
        words=MappingProxyType(words),
        predictors=MappingProxyType(data["predictor"]),
        citations=MappingProxyType(citations),
        cited=MappingProxyType(_lines(citations)),
        source=_source(data["source"]),
        override_reasons=tuple(Coding(system, code, display) for code, display in data["override"].items()),
        common_limits=tuple(data["limits"]["common"]),
    )


def _refuse(row: str, what: str) -> ValueError:
    return ValueError(f"{FILE}: [{row}]: {what}")


def _check_tables(data: Mapping[str, Mapping[str, object]]) -> None:
    needed = {"source": _SOURCE, "limits": ("common",), "citation": (), "kind": (), "predictor": (), "override": ()}
    for table, keys in needed.items():
        if table not in data:
            raise _refuse(table, "is missing")
        for key in (key for key in keys if not data[table].get(key)):
            raise _refuse(table, f"{key} is missing")
    for name, row in data["predictor"].items():
        if not isinstance(row, dict) or "name" not in row:
            raise _refuse(f"predictor.{name}", "name is missing")


def _source(row: Mapping[str, str]) -> Source:
    return Source(row["label"], topic=Coding(row["topic_system"], row["topic_code"], row["topic_display"]))


def _citation(key: str, row: Mapping[str, str]) -> Citation:
    if set(row) != {"label", "says", "url"} or not all(isinstance(v, str) and v for v in row.values()):
        raise _refuse(f"citation.{key}", "needs label, says and url, each a sentence or an address")
    if not row["url"].startswith(("https://", "http://")):
        raise _refuse(f"citation.{key}", f"url is an absolute address, got {row['url']}")
    return Citation(**row)


def _lines(citations: Mapping[str, Citation]) -> dict[tuple[str, str], str]:
    told = {key: f"{source.label}: {source.says}. {source.url}" for key, source in citations.items()}
    return {(side, key): f"{side}: {line}" for key, line in told.items() for side in SIDES}


def _kinds(table: Mapping[str, dict[str, object]]) -> Iterable[tuple[tuple[str, str | None], KindWording]]:
    for name in sorted(set(table) ^ set(AdviceKind)):
        raise _refuse(f"kind.{name}", "is missing" if name in list(AdviceKind) else "is no kind of advice")
    for name, row in table.items():
        base = {key: value for key, value in row.items() if key != "when"}
        yield (name, None), _kind_wording(f"kind.{name}", base)
        variants = row.get("when", {})
        for variant, changed in variants.items() if isinstance(variants, dict) else ():
            where = f"kind.{name}.when.{variant}"
            if variant not in (*SITUATIONS, *AntibodyStatus, *TroughStatus):
                raise _refuse(where, f"is no status of antibody or trough, nor one of {', '.join(SITUATIONS)}")
            yield (name, variant), _kind_wording(where, base | changed)


def _kind_wording(where: str, row: Mapping[str, object]) -> KindWording:
    wanted = {field.name: field.type for field in fields(KindWording)}
    for name in sorted(set(row) ^ set(wanted)):
        raise _refuse(where, f"{name} is {'missing' if name in wanted else 'not known here'}")
    for name, value in row.items():
        lines = value if isinstance(value, list) else [value]
        if isinstance(value, str) != (wanted[name] is str) or not all(isinstance(line, str) for line in lines):
            raise _refuse(where, f"{name} is {'a sentence' if wanted[name] is str else 'a list of sentences'}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return KindWording(**values)  # type: ignore[arg-type]  # names and types were compared just above


def _check_kinds(kinds: Mapping[tuple[str, str | None], KindWording], citations: Mapping[str, Citation]) -> None:
    for (name, variant), row in kinds.items():
        where = f"kind.{name}" + (f".when.{variant}" if variant else "")
        _check_summary(where, row.summary)
        _check_places(where, "consider", row.consider, {*WIDTHS, *SENTENCE_ONLY})
        for key in (*row.sources_for, *row.sources_against):
            if key not in citations:
                raise _refuse(where, f"citation {key} is not in this file")
        if len(row.alternatives) < 2 and name != AdviceKind.KEEP_REGIMEN:
            raise _refuse(where, "names at least two alternatives")


def _places(template: str) -> list[str]:
    return [place for _, place, _, _ in Formatter().parse(template) if place is not None]


def _check_places(where: str, name: str, template: str, known: Iterable[str]) -> None:
    for place in _places(template):
        if place not in known:
            raise _refuse(where, f"{name} has {{{place}}}, which nothing fills")


def _check_summary(where: str, template: str) -> None:
    _check_places(where, "summary", template, WIDTHS)
    places = _places(template)
    longest = len(template) + sum(WIDTHS[place] - len(place) - 2 for place in places)
    if not template or longest > LONGEST_SUMMARY:
        raise _refuse(where, f"summary may reach {longest} characters, at most {LONGEST_SUMMARY} are allowed")


def _check_words(words: Mapping[str, Mapping[str, str]]) -> None:
    for table, keys in _ENUM_TABLES.items():
        for key in sorted(set(words[table]) ^ set(keys)):
            raise _refuse(table, f"{key} is {'missing' if key in list(keys) else 'not known here'}")
    for key in sorted(set(words["text"]) ^ set(_TEXTS)):
        raise _refuse("text", f"{key} is {'missing' if key in _TEXTS else 'not known here'}")
    for table, row in words.items():
        for key, word in row.items():
            if not isinstance(word, str) or not word:
                raise _refuse(table, f"{key} is a word or a sentence")
    for table, width in NAME_WIDTHS.items():
        for key, word in words[table].items():
            if not 0 < len(word) <= width:
                raise _refuse(table, f"{key} has 1 to {width} characters, got {len(word)}")
