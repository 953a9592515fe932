"""What the charts of a sample have in common: unmapped codes, doubts and broken rules, counted and sorted by count.

Question: which of all these deserves the analyst's first look? A text that a person typed is shown only where two
charts share it: what stands in one chart alone may be about one child.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.check.charts import ReadChart
from cds_service.check.conformance import Broken
from cds_service.check.unmapped import Unmapped, rows_for
from cds_service.clinical.record import IssueLevel
from fhir_mappings.vocabulary import Tables


@dataclass(frozen=True, slots=True)
class UnmappedCode:
    """One code that could be mapped: how often it was seen, and the rows to paste. `text` is "" where not shown."""

    unmapped: Unmapped
    text: str
    seen: int
    charts: int
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CountedDoubt:
    """One kind of DataIssue."""

    code: str
    about: str
    level: IssueLevel
    seen: int
    charts: int
    example: str | None


@dataclass(frozen=True, slots=True)
class CountedRule:
    """One rule of FHIR that resources break."""

    rule: Broken
    seen: int
    example: str


def count_unmapped(charts: Sequence[ReadChart], tables: Tables) -> tuple[UnmappedCode, ...]:
    """Every unmapped code, the most frequent first."""
    seen, holders = Counter[Unmapped](), defaultdict[Unmapped, set[int]](set)
    displays, words = defaultdict[Unmapped, Counter[str]](Counter), defaultdict[Unmapped, dict[str, set[int]]](dict)
    for number, chart in enumerate(charts):
        for sight in chart.sights:
            seen[sight.unmapped] += 1
            holders[sight.unmapped].add(number)
            displays[sight.unmapped][sight.display] += 1
            words[sight.unmapped].setdefault(sight.words, set()).add(number)
    return tuple(
        UnmappedCode(one, shown, number, len(holders[one]), rows_for(one, shown, tables))
        for one, number in sorted(seen.items(), key=lambda row: (-row[1], row[0].table, row[0].system, row[0].code))
        for shown in [_shown(displays[one], words[one])]
    )


def _shown(displays: Counter[str], words: dict[str, set[int]]) -> str:
    of_the_system = [text for text, _ in displays.most_common() if text]
    shared = [text for text, charts in sorted(words.items()) if text and len(charts) > 1]
    return next(iter([*of_the_system, *shared]), "")


def count_doubts(charts: Sequence[ReadChart]) -> tuple[CountedDoubt, ...]:
    """Every kind of doubt, the most frequent first."""
    seen, holders = Counter[tuple[str, str, IssueLevel]](), Counter[tuple[str, str, IssueLevel]]()
    examples: dict[tuple[str, str, IssueLevel], str | None] = {}
    for chart in charts:
        kinds = [(doubt.code, doubt.about, doubt.level) for doubt in chart.doubts]
        seen.update(kinds)
        holders.update(set(kinds))
        for kind, doubt in zip(kinds, chart.doubts, strict=True):
            examples[kind] = examples.get(kind) or doubt.evidence
    return tuple(
        CountedDoubt(*kind, number, holders[kind], examples[kind])
        for kind, number in sorted(seen.items(), key=lambda row: (-row[1], row[0]))
    )


def count_rules(charts: Sequence[ReadChart]) -> tuple[CountedRule, ...]:
    """Every broken rule, the most frequent first."""
    seen, examples = Counter[Broken](), dict[Broken, str]()
    for chart in charts:
        for rule, broken in chart.broken.items():
            seen[rule] += len(broken)
            examples.setdefault(rule, broken[0])
    return tuple(
        CountedRule(rule, number, examples[rule])
        for rule, number in sorted(
            seen.items(), key=lambda row: (-row[1], row[0].resource, row[0].element, row[0].says)
        )
    )


def count_broken(charts: Sequence[ReadChart]) -> int:
    """How many resources break any rule."""
    return sum(len({name for names in chart.broken.values() for name in names}) for chart in charts)
