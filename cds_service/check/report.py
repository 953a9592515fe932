"""The check as plain text: the verdict first, then what is missing, what is right, the counts, and what to type in.

No value, name or date of a patient stands here. Ids of resources do, one example each, unless they are not wanted.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from cds_service import __version__
from cds_service.check.ehr import Entries
from cds_service.check.finding import Finding, State
from cds_service.check.run import Charts, Check
from cds_service.check.tally import CountedDoubt, UnmappedCode
from fhir_mappings.rows import columns_of

WIDTH = 110
VERDICTS = {
    0: "READY: nothing that was checked stands in the way of going live.",
    1: "NOT READY: something is missing.",
    2: "NOT KNOWN: something could not be checked.",
}
HEADINGS = (
    (State.MISSING, "What is missing", "MISSING"),
    (State.NOT_CHECKED, "What could not be checked", "NOT CHECKED"),
    (State.RIGHT, "What is right", "ok"),
    (State.NOTE, "Worth knowing", "note"),
)


def write_report(check: Check, *, ids: bool = True) -> str:
    """The whole report; without `ids` no resource is named."""
    sections = [_head(check), *_findings(check.findings), _next(check.findings)]
    if check.charts is not None:
        sections += _charts(check.charts, ids=ids)
    if check.entries is not None:
        sections.append(_entries(check.entries))
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _head(check: Check) -> list[str]:
    name = f" for {check.site.settings.site.name}" if check.site else ""
    server = f", FHIR server {check.server}" if check.server else ""
    when = check.as_of.isoformat(timespec="minutes")
    first = f"Check of {check.config}{name}{server}, {when}, infliximab-cds {__version__}"
    return [_safe(first), VERDICTS[check.exit_code]]


def _findings(findings: Sequence[Finding]) -> Iterator[list[str]]:
    for state, heading, mark in HEADINGS:
        told = [finding.says for finding in findings if finding.state is state]
        if told:
            yield [heading, *(line for says in told for line in _item(mark, says))]


def _item(mark: str, says: str) -> list[str]:
    return _wrapped(says, f"  {mark:<12}")


def _wrapped(words: str, indent: str) -> list[str]:
    lines = textwrap.TextWrapper(WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent))
    lines.break_long_words = lines.break_on_hyphens = False  # half a path or address cannot be copied
    return lines.wrap(_safe(words))


def _next(findings: Sequence[Finding]) -> list[str]:
    urgent = [f for state in (State.MISSING, State.NOT_CHECKED, State.NOTE) for f in findings if f.state is state]
    steps = list(dict.fromkeys(finding.do for finding in urgent if finding.do))
    lines = [line for number, step in enumerate(steps, 1) for line in _wrapped(step, f"  {number:>2}. ")]
    return ["What to do next", *lines] if steps else []


def _charts(charts: Charts, *, ids: bool) -> list[list[str]]:
    return [
        _coverage(charts),
        _assays(charts),
        _results(charts),
        _unmapped(charts.unmapped),
        _doubts(charts.doubts, ids=ids),
        _rules(charts, ids=ids),
    ]


def _coverage(charts: Charts) -> list[str]:
    read, asked = len(charts.sample.read), charts.sample.asked
    head = f"Coverage: {read} of {asked} charts, chosen by {charts.found_by}"
    rows = [(share.title, share.number, share.of) for share in charts.coverage.shares()]
    return [head, *(f"  {title:<44}{number:>7} of {of:<7}{_percent(number, of):>8}" for title, number, of in rows)]


def _assays(charts: Charts) -> list[str]:
    rows = [f"  {assay:<44}{number:>7}" for assay, number in charts.coverage.assays.most_common()]
    return ["Antibodies by assay", *rows] if rows else []


def _results(charts: Charts) -> list[str]:
    counted = charts.coverage
    rows = [
        f"  {title:<44}{counted.results[name]:>7}{counted.charts[name]:>9}"
        for name, title in charts.titles.items()
        if name in counted.results
    ]
    return [f"{'Other results that were read':<46}{'values':>7}{'charts':>9}", *rows] if rows else []


def _unmapped(unmapped: Sequence[UnmappedCode]) -> list[str]:
    """The codes, then the rows by table, so that each table is one paste."""
    if not unmapped:
        return []
    lines = ["Not mapped, although the text looks like ours", f"  {'seen':>6}{'charts':>8}  used  what it is"]
    lines += [
        f"  {one.seen:>6}{one.charts:>8}  {'yes' if one.unmapped.used else 'no':<6}{_named(one)}" for one in unmapped
    ]
    tables: dict[str, list[str]] = {}
    for one in unmapped:
        rows = list(one.rows)
        choices = sum(table == one.unmapped.table for table, _ in rows)
        for table, row in rows:
            several = choices > 1 and table == one.unmapped.table
            tables.setdefault(table, []).append(f"{row}{'    <- one of these' if several else ''}")
    if tables:
        lines += [
            "",
            "  Rows to paste into tables_folder. Look at each first: only your laboratory knows what its code means.",
        ]
    for table, table_rows in sorted(tables.items()):
        lines += ["", f"  {table}, below {columns_of(table)}", *(f"    {row}" for row in dict.fromkeys(table_rows))]
    return lines


def _named(one: UnmappedCode) -> str:
    about = " or ".join(one.unmapped.concepts)
    if not one.unmapped.code:
        return _safe(f"{about} in words only, without a code")
    shown = f" ({one.text})" if one.text else " (text not shown: it stands in one chart only)"
    return _safe(f"{about}: {one.unmapped.system} {one.unmapped.code}{shown}")


def _doubts(doubts: Sequence[CountedDoubt], *, ids: bool) -> list[str]:
    rows = [
        f"  {d.seen:>6}{d.charts:>8}  {d.level:<10}{d.code} ({d.about}){_example(d.example, ids=ids)}" for d in doubts
    ]
    return (
        ["Doubts about what was read", f"  {'seen':>6}{'charts':>8}  level     code (about)", *map(_safe, rows)]
        if rows
        else []
    )


def _rules(charts: Charts, *, ids: bool) -> list[str]:
    whole = f"{charts.resources} resources held against FHIR R4, {charts.non_conformant} do not conform"
    rows = [
        f"  {one.seen:>6}  {one.rule.resource}{'.' * bool(one.rule.element)}{one.rule.element} {one.rule.says}"
        f"{_example(one.example, ids=ids)}"
        for one in charts.rules
    ]
    return [whole, *map(_safe, rows)]


def _example(evidence: str | None, *, ids: bool) -> str:
    # Parts of the chart are named by their search, and only references with a slash name a resource.
    return f", for example {evidence}" if ids and evidence and "/" in evidence else ""


def _entries(entries: Entries) -> list[str]:
    return [
        f"What to type into the EHR ({entries.profile})",
        *(line for task in entries.tasks for line in _wrapped(task, "  - ")),
        "",
        "  One address for each hook, below the https address under which the EHR reaches this service:",
        *_columns((address.hook, address.path) for address in entries.addresses),
        "",
        *_prefetch(entries),
        "",
        "  Scopes of the token that comes with a hook call, in one of two spellings:",
        *_columns((scope.smart_v2, scope.smart_v1) for scope in entries.scopes),
        *_own_scopes(entries),
    ]


def _prefetch(entries: Entries) -> list[str]:
    if not entries.prefetch:
        return ["  No prefetch: this EHR takes none of ours, the charts are read from its FHIR server."]
    rows = [f"    {key}\n      {_safe(query)}" for key, query in entries.prefetch.items()]
    return ["  Prefetch keys and queries (an EHR that reads /cds-services finds them by itself):", *rows]


def _own_scopes(entries: Entries) -> list[str]:
    own = [f"    {scope.own}" for scope in entries.scopes if scope.own]
    return (
        ["", "  Scopes of our own token, at the authorization server, unless the configuration names others:", *own]
        if own
        else []
    )


def _columns(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    held = list(rows)
    width = max(len(first) for first, _ in held) + 3
    yield from (f"    {first:<{width}}{second}" for first, second in held)


def _percent(number: int, of: int) -> str:
    return f"{100 * number // of} %" if of else "-"  # rounded down: 100 % means all


def _safe(text: str) -> str:
    """Text of a server, safe for any terminal and on one line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
