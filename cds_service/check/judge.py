"""From counts to findings: what has to be put right before a site goes live, and what is only worth knowing.

Question: would this hospital's children get advice?
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from cds_service.check.capability import Lack
from cds_service.check.charts import ReadSample
from cds_service.check.coverage import Coverage
from cds_service.check.finding import Finding, State, find
from cds_service.check.tally import UnmappedCode
from cds_service.hooks.site import Site

NAMES = {  # of what a table maps, in a sentence
    "laboratory.csv": "results",
    "drugs.csv": "infliximab",
    "conditions.csv": "Crohn's disease",
    "procedures.csv": "perianal procedures",
}
NOTHING_WITHOUT = ("infliximab_level", "infliximab_antibody", "weight")  # other results only add to a card
SETTINGS = {"drugs.csv": "drug_by_name", "procedures.csv": "procedure_by_name"}
ABSENT = (  # no chart has one
    ("charts_with_infusion", "infusions-none"),
    ("charts_with_crohns", "crohns-none"),
    ("charts_with_weight", "weights-none"),
    ("charts_with_antibody", "antibodies-none"),
)
SHORT = (  # some have not
    ("infusions_with_mg", "infusions-without-milligrams"),
    ("infusions_with_time", "infusions-without-time"),
    ("levels_with_time", "levels-without-time"),
    ("antibodies_with_assay", "assays-unknown"),
    ("antibodies_gradable", "antibodies-ungradable"),
    ("charts_with_birth_date", "birth-dates-missing"),
)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 when the site can go live, 1 when something is missing, 2 when something could not be checked."""
    states = {finding.state for finding in findings}
    return 1 if State.MISSING in states else 2 if State.NOT_CHECKED in states else 0


def judge_capability(lacks: Sequence[Lack], answered: frozenset[str]) -> Iterator[Finding]:
    """One finding for each difference; `answered` names the searches that were answered all the same."""
    if not lacks:
        yield find("statement-fits")
    for lack in lacks:
        needed = [search for search in lack.searches if search.required or not lack.required]
        code = "statement-lacks" if lack.required or not lack.searches else "statement-lacks-optional"
        if lack.searches and all(search.name in answered for search in lack.searches):
            code = "statement-lacks-yet-answered"
        titles = ", ".join(search.title for search in needed) or "every request"
        yield find(code, lacks=lack.says, needed_for=titles)


def judge_reading(sample: ReadSample, site: Site) -> Iterator[Finding]:
    """How the reading itself went."""
    if sample.interrupted:
        yield find("interrupted", done=len(sample.charts), asked=sample.asked)
    if sample.read:
        seconds = f"{site.reading_deadline().seconds:g}"
        yield find("charts-read", read=len(sample.read), asked=_charts(sample.asked), seconds=seconds)
    for reason, number in sample.refusals.most_common():
        yield find("charts-refused", charts=_charts(number), reason=reason)


def judge_coverage(coverage: Coverage, charts: int) -> Iterator[Finding]:
    """What the charts lack; nothing where none was read."""
    if not charts:
        return
    for key, code in ABSENT:
        if not coverage.yes[key]:
            yield find(code, charts=_charts(charts))
    levels = coverage.share("levels_usable")
    if not levels.number:
        yield find("levels-none", charts=_charts(charts))
    elif levels.number < levels.of:
        yield find("levels-unusable", number=levels.of - levels.number, of=levels.of)
    for key, code in SHORT:
        share = coverage.share(key)
        if share.number < share.of:
            yield find(code, number=share.of - share.number, of=share.of)


def judge_unmapped(unmapped: Sequence[UnmappedCode], coverage: Coverage) -> Iterator[Finding]:
    """One finding for each table whose rows would help, and one for words that no row can map."""
    needed = [one for one in unmapped if _is_needed(one, coverage)]
    coded, spoken = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for one in unmapped:
        key = one.unmapped.table, one in needed
        if one.unmapped.code:
            coded[key] += 1
        else:
            spoken[key] += one.seen
    for (table, is_needed), number in sorted(coded.items()):
        codes = f"{number} unmapped code{'s' * (number != 1)}"
        if is_needed:
            yield find("unmapped-unused", codes=codes, what=NAMES[table])
        else:
            yield find("unmapped-worth-a-row", codes=codes, what=NAMES[table], fate="read by name, or not needed")
    for (table, is_needed), number in sorted(spoken.items()):
        code = "words-only-unused" if is_needed and table in SETTINGS else "words-only"
        yield find(
            code, number=number, what=NAMES[table], **({"setting": SETTINGS[table]} if code != "words-only" else {})
        )


def _is_needed(one: UnmappedCode, coverage: Coverage) -> bool:
    """Whether advice suffers: a level, an antibody, a weight, a drug or a diagnosis that cannot be used."""
    if one.unmapped.used:
        return False
    if one.unmapped.table == "conditions.csv":
        return coverage.yes["charts_with_crohns"] < coverage.asked["charts_with_crohns"]
    return one.unmapped.table == "drugs.csv" or any(c in NOTHING_WITHOUT for c in one.unmapped.concepts)


def _charts(number: int) -> str:
    return f"{number} chart{'s' * (number != 1)}"
