"""Codes, names and units are data: loaded once, checked once, then only looked up.

Question: do the tables say what their columns promise? Source: `tables/*.csv`, each row with its own; a code that
could not be verified has an empty cell for a site to fill. A site's folder holds files of the same names and columns.
"""

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from cds_service.clinical.record import ReportedSign
from cds_service.errors import ConfigurationError
from fhir_mappings.ndc import PRODUCT_DIGITS, read_ndc
from fhir_mappings.rows import Row, WrongRow, known_tables, read_rows
from fhir_mappings.vocabulary import (
    LONGEST_PREFIX,
    Concept,
    DrugCode,
    DrugWords,
    Key,
    LaboratoryCode,
    NameRule,
    ProcedureCode,
    Tables,
    Worded,
    counted_words,
    plain_code,
    spelling,
)

__all__ = ["Tables", "load_tables"]

LookedUp = TypeVar("LookedUp")
Found = TypeVar("Found")

MOST_FAULTS = 50  # told at once
FOUNDATIONS = ("systems.csv", "concepts.csv")  # while one of them is wrong, nothing that rests on it can be judged
YES_NO = ("yes", "no")
KINDS = ("level", "antibody", "measurement", "sign")
SEARCHES = ("laboratory", "weight", "scores")
ROUTES = ("intravenous", "subcutaneous", "systemic", "rectal", "local")
DRUGS = ("infliximab", "systemic_steroid", "gut_steroid", "local_steroid", "immunomodulator")
MENTIONS = (  # words that are no result of their own
    "mentions_infliximab",
    "mentions_panel",
    "mentions_both",
    "mentions_crohns",
    "mentions_perianal",
    "mentions_perianal_procedure",
    "mentions_severe_reaction",
)
MANIFESTATIONS = ("severe_reaction",)
PROCEDURES = ("perianal_procedure",)
AMOUNTS = ("dose", "dose_per_weight", "volume", "duration", "mass_rate", "volume_rate")  # what drugs are measured in
EXCLUDES = "local_steroid"  # only ever excludes, so its rows may ship unverified


@lru_cache
def load_tables(site: Path | None = None) -> Tables:
    """Our tables, the rows of a site's folder before them.

    Raises ConfigurationError with one line per fault that names file and row.
    """
    faults, skipped = _strangers(site), set[tuple[str, int]]()
    foundation = ""
    while len(faults) < MOST_FAULTS:
        try:
            tables = _load(site, frozenset(skipped))
        except WrongRow as wrong:
            if foundation not in ("", wrong.file):
                break
            faults += wrong.diagnostics
            skipped.add((wrong.file, wrong.line))
            foundation = wrong.file if Path(wrong.file).name in FOUNDATIONS else ""
        else:
            if not faults:
                return tables
            break
    raise ConfigurationError(*faults)


def _strangers(site: Path | None) -> list[str]:
    """Tables in a site's folder that nobody would read."""
    if site is None:
        return []
    known = known_tables()
    try:
        names = sorted(path.name for path in site.iterdir() if path.suffix.lower() == ".csv")
    except OSError as error:
        raise ConfigurationError(f"{site}: the folder cannot be read: {error.strerror}") from error
    return [f"{site}/{name}: no such table{_nearest(name, known)}" for name in names if name not in known]


def _nearest(name: str, known: Sequence[str]) -> str:
    stems = [table.removesuffix(".csv") for table in known]
    near = difflib.get_close_matches(name.lower().removesuffix(".csv"), stems, n=1, cutoff=0.5)
    return f", did you mean {near[0]}.csv?" if near else f"; known here: {', '.join(known)}"


def _load(site: Path | None, skipped: Set[tuple[str, int]]) -> Tables:
    rows = partial(read_rows, site=site, skipped=skipped)
    systems = _systems(rows("systems.csv"))
    concepts = _once((row, row.filled("concept"), _concept(row)) for row in rows("concepts.csv"))
    names = tuple(_name(row, concepts) for row in rows("names.csv"))
    units = _once(_unit(row, concepts) for row in rows("units.csv"))
    antibody_units = _once((row, spelling(row["unit"]), row.filled("written")) for row in rows("antibody_units.csv"))
    drugs, drug_prefixes = _by_match(rows("drugs.csv"), systems, _drugs)
    coded_conditions = _known_concepts(rows("conditions.csv"))
    conditions, condition_prefixes = _by_match(coded_conditions, systems, _gathered)
    manifestations, manifestation_prefixes = _by_match(rows("manifestations.csv"), systems, _manifestations)
    procedures, procedure_prefixes = _by_match(rows("procedures.csv"), systems, _procedures)
    return Tables(
        systems=systems,
        urls=MappingProxyType({short: url for url, short in reversed(tuple(systems.items()))}),
        concepts=concepts,
        laboratory=_once(_laboratory(rows("laboratory.csv"), concepts, systems)),
        names=names,
        name_stems=_shortest(stem for rule in names for stem in rule.stems),
        units=units,
        antibody_units=antibody_units,
        unit_spellings=frozenset({unit for _, unit in units} | set(antibody_units)),
        assays=_worded(rows("assays.csv"), "assay", "words"),
        performers=_worded(rows("performers.csv"), "assay", "words"),
        signs=_once((row, (row["kind"], row.filled("value")), _sign(row)) for row in rows("signs.csv")),
        route_codes=_once(
            (row, ("snomed", row["value"]), row["route"]) for row in _routes(rows("routes.csv"), "snomed")
        ),
        route_words=_worded(_routes(rows("routes.csv"), "words"), "route", "value"),
        timings=_once(_timings(rows("timings.csv"))),
        drugs=drugs,
        drug_prefixes=drug_prefixes,
        drug_names=tuple(_drug_name(row) for row in rows("drug_names.csv")),
        conditions=conditions,
        condition_prefixes=condition_prefixes,
        manifestations=manifestations,
        manifestation_prefixes=manifestation_prefixes,
        procedures=procedures,
        procedure_prefixes=procedure_prefixes,
    )


def _systems(rows: Sequence[Row]) -> Mapping[str, str]:
    """Short names of code systems by URL; a site adds systems and URLs, and takes none over."""
    ours = {row["url"]: row["system"] for row in rows if row.ours}
    for row in rows:
        if not re.fullmatch(r"(https?://|urn:)\S+", row.filled("url")):
            row.refuse(f"url is that of a code system such as http://loinc.org, got {row['url']!r}")
        if ours.get(row["url"], row["system"]) != row["system"]:
            row.refuse(f"{row['url']} is the system {ours[row['url']]}, got {row['system']!r}")
    return _once((row, row["url"], row.filled("system")) for row in rows)


def _known_concepts(rows: Sequence[Row]) -> Sequence[Row]:
    """Rows of conditions, whose concepts are those that the decision knows: the ones of our own rows."""
    known = dict.fromkeys(row["concept"] for row in rows if row.ours)
    for row in rows:
        row.choice("concept", known)
    return rows


def _once(entries: Iterable[tuple[Row, LookedUp, Found]]) -> Mapping[LookedUp, Found]:
    # A site's row stands before ours and wins; two rows of one file for one key are a mistake.
    found: dict[LookedUp, Found] = {}
    owner: dict[LookedUp, str] = {}
    for row, key, value in entries:
        if owner.get(key) == row.file:
            row.refuse("the same key stands in an earlier row")
        owner.setdefault(key, row.file)
        found.setdefault(key, value)
    return MappingProxyType(found)


def _by_match(
    rows: Iterable[Row],
    systems: Mapping[str, str],
    collect: Callable[[Iterable[tuple[Row, Key]]], Mapping[Key, Found]],
) -> tuple[Mapping[Key, Found], Mapping[Key, Found]]:
    """Rows of drugs, conditions, manifestations or procedures by whole code, and by prefix."""
    coded = list(_coded(rows, systems))
    whole = collect(entry for entry in coded if entry[0]["match"] == "code")
    return whole, collect(entry for entry in coded if entry[0]["match"] != "code")


def _drugs(entries: Iterable[tuple[Row, Key]]) -> Mapping[Key, DrugCode]:
    return _once((row, key, _drug(row)) for row, key in entries)


def _procedures(entries: Iterable[tuple[Row, Key]]) -> Mapping[Key, ProcedureCode]:
    return _once((row, key, _procedure(row)) for row, key in entries)


def _manifestations(entries: Iterable[tuple[Row, Key]]) -> Mapping[Key, str]:
    return _once((row, key, row.choice("concept", MANIFESTATIONS)) for row, key in entries)


def _gathered(entries: Iterable[tuple[Row, Key]]) -> Mapping[Key, frozenset[str]]:
    found: defaultdict[Key, set[str]] = defaultdict(set)
    for row, key in entries:
        found[key].add(row.filled("concept"))
    return MappingProxyType({key: frozenset(concepts) for key, concepts in found.items()})


def _concept(row: Row) -> Concept:
    kind = row.choice("kind", KINDS)
    return Concept(
        name=row["concept"],
        title=row.filled("title"),
        kind=kind,
        # Each antibody assay has its own unit, and a sign has none.
        unit=row["unit"] if kind in ("antibody", "sign") else row.filled("unit"),
        unit_optional=row.choice("unit_optional", YES_NO) == "yes",
        search=row.choice("search", SEARCHES),
    )


def _name(row: Row, concepts: Mapping[str, Concept]) -> NameRule:
    return NameRule(
        concept=row.choice("concept", (*concepts, *MENTIONS)),
        words=row.words("words"),
        stems=row.stems("words"),
        also=row.words("with") if row["with"] else None,
        without=row.words("without") if row["without"] else None,
    )


def _shortest(stems: Iterable[str]) -> tuple[str, ...]:
    # A stem that holds another one adds nothing.
    known = set(stems)
    return tuple(sorted(stem for stem in known if not any(other in stem for other in known - {stem})))


def _unit(row: Row, concepts: Mapping[str, Concept]) -> tuple[Row, Key, Decimal | None]:
    concept = row.choice("concept", (*concepts, *AMOUNTS))
    readable = row.choice("use", ("read", "review")) == "read"
    return row, (concept, spelling(row.filled("unit"))), row.factor("factor") if readable else None


def _laboratory(
    rows: Iterable[Row], concepts: Mapping[str, Concept], systems: Mapping[str, str]
) -> Iterator[tuple[Row, Key, LaboratoryCode]]:
    for row in rows:
        concept, use = row.choice("concept", concepts), row.choice("use", ("read", "refuse", "ignore"))
        system = row.choice("system", dict.fromkeys(systems.values()))
        _verified(row)
        if row["verified"] == "no" and row["code"]:
            row.refuse("a code that is not verified stays empty")
        if row["code"]:
            yield row, (system, row["code"]), LaboratoryCode(concept, use)


def _coded(rows: Iterable[Row], systems: Mapping[str, str]) -> Iterator[tuple[Row, Key]]:
    """Each code of drugs, conditions, manifestations and procedures; a range is one prefix for each category."""
    for row in rows:
        system = row.choice("system", dict.fromkeys(systems.values()))
        row.choice("match", ("code", "prefix", "range"))
        _verified(row)
        if row["match"] == "prefix" and len(row["code"]) > LONGEST_PREFIX:
            row.refuse(f"a prefix of at most {LONGEST_PREFIX} characters expected, got {len(row['code'])}")
        codes = _categories(row) if row["match"] == "range" else [row["code"]] if row["code"] else []
        for code in codes:
            if system == "ndc":
                _check_ndc(row)
            yield row, (system, plain_code(system, code))


def _verified(row: Row) -> None:
    if row.choice("verified", YES_NO) == "yes":
        row.filled("code")


def _check_ndc(row: Row) -> None:
    lengths = {"code": 11, "prefix": PRODUCT_DIGITS}
    if [len(digits) for digits in read_ndc(row["code"])] != [lengths[row["match"]]]:
        says = "an NDC is that of a package with match code (hyphens or eleven digits), of a product with match prefix"
        row.refuse(f"{says} (57894-030), got {row['code']!r}")


def _categories(row: Row) -> list[str]:
    parts = re.fullmatch(r"([A-Z])(\d\d)-\1(\d\d)", row["code"])
    if parts is None:
        return row.refuse(f"a range is two categories of one chapter such as A15-A19, got {row['code']!r}")
    return [f"{parts[1]}{number:02}" for number in range(int(parts[2]), int(parts[3]) + 1)]


def _drug(row: Row) -> DrugCode:
    drug = _what_drug(row)
    if row["verified"] == "no" and drug.concept != EXCLUDES:
        row.refuse("a code that is not verified stays empty")
    return drug


def _what_drug(row: Row) -> DrugCode:
    concept = row.choice("concept", DRUGS)
    return DrugCode(concept, row.choice("product", ("iv", "sc") if concept == "infliximab" else ("",)))


def _drug_name(row: Row) -> DrugWords:
    return DrugWords(_what_drug(row), row.words("words"))


def _procedure(row: Row) -> ProcedureCode:
    if row["verified"] == "no":
        row.refuse("a code that is not verified stays empty")
    return ProcedureCode(row.choice("concept", PROCEDURES), row.filled("title"))


def _routes(rows: Sequence[Row], kind: str) -> list[Row]:
    for row in rows:
        row.choice("route", ROUTES)
        row.choice("kind", ("snomed", "words"))
    return [row for row in rows if row["kind"] == kind]


def _timings(rows: Iterable[Row]) -> Iterator[tuple[Row, str, str]]:
    """Each way to write an interval, with one # for its number, and its unit."""
    for row in rows:
        unit = row.choice("unit", ("d", "wk"))
        for words in row.filled("words").split("|"):
            if words.count("#") != 1:
                row.refuse(f"words with one # for the number expected, got {words!r}")
            yield row, counted_words(words)[0], unit


def _sign(row: Row) -> ReportedSign:
    row.choice("kind", ("text", "snomed", "interpretation"))
    return ReportedSign(row.choice("sign", [sign.value for sign in ReportedSign]))


def _worded(rows: Iterable[Row], key: str, words: str) -> tuple[Worded, ...]:
    return tuple(Worded(row.filled(key), row.words(words)) for row in rows)
