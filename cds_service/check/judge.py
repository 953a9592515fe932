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
from cds_service.site.site import Site
from fhir_mappings.drugs import INFLIXIMAB

NAMES = {  # of what a table maps, in a sentence
    "laboratory.csv": "results",
    "drugs.csv": "infliximab",
    "conditions.csv": "Crohn's disease",
    "procedures.csv": "perianal procedures",
}
OTHER_DRUGS = "steroids and immunomodulators"  # in drugs.csv too; no advice depends on them
NOTHING_WITHOUT = (INFLIXIMAB, "infliximab_level", "infliximab_antibody", "weight")  # other results only add to a card
NEEDED, BY_NAME, NOT_READ = "needed", "by-name", "not-read"  # what becomes of something that is not mapped
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
        answered_anyway = bool(answered) and all(search.name in answered for search in lack.searches)
        code = "statement-lacks" if lack.required else "statement-lacks-optional"
        needed = [search.title for search in lack.searches if search.required or not lack.required]
        titles = ", ".join(needed) or "every request"
        yield find("statement-lacks-yet-answered" if answered_anyway else code, lacks=lack.says, needed_for=titles)


def judge_reading(sample: ReadSample, site: Site) -> Iterator[Finding]:
    """How the reading itself went."""
    if sample.interrupted:
        yield find("interrupted", done=len(sample.charts), asked=sample.asked)
    if sample.read:
        allowed, taken = site.reading_deadline().seconds, [chart.seconds for chart in sample.read]
        late = sum(seconds > allowed for seconds in taken)
        code = "charts-slow" if late else "charts-read"
        of = {"late": late, "read": len(taken), "asked": sample.asked}
        yield find(code, **of, seconds=f"{allowed:g}", slowest=f"{max(taken):.1f}")
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
    codes, entries = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for one in unmapped:
        key = one.unmapped.table, _what(one), _fate(one, coverage)
        if one.unmapped.code:
            codes[key] += 1
        else:
            entries[key] += one.seen
    for (_, what, fate), number in sorted(codes.items()):
        yield find("unmapped-" + fate, number=number, what=what)
    for (table, what, fate), number in sorted(entries.items()):
        if fate == NEEDED and table in SETTINGS:
            yield find("words-only-needed", number=number, what=what, setting=SETTINGS[table])
        else:
            yield find("words-only-" + (BY_NAME if fate == BY_NAME else NOT_READ), number=number, what=what)


def _what(one: UnmappedCode) -> str:
    return OTHER_DRUGS if _another_drug(one) else NAMES[one.unmapped.table]


def _another_drug(one: UnmappedCode) -> bool:
    return one.unmapped.table == "drugs.csv" and INFLIXIMAB not in one.unmapped.concepts


def _fate(one: UnmappedCode, coverage: Coverage) -> str:
    """Read by its name, not read, or not read so that advice suffers."""
    if one.unmapped.used:
        return BY_NAME
    if one.unmapped.table == "conditions.csv":
        needed = coverage.yes["charts_with_crohns"] < coverage.asked["charts_with_crohns"]
    else:
        needed = any(concept in NOTHING_WITHOUT for concept in one.unmapped.concepts)
    return NEEDED if needed else NOT_READ


def _charts(number: int) -> str:
    return f"{number} chart{'s' * (number != 1)}"
