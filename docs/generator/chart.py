"""What is read from a chart: concepts with codes, names and units, drugs, conditions, reactions, procedures, assays."""

from collections import defaultdict

from cds_service.clinical.knowledge import assays as known_assays
from fhir_mappings.rows import read_rows
from generator.layout import codes, table, words

PRODUCTS = {"iv": ", intravenous", "sc": ", subcutaneous", "": ""}
TOLERANT = {None: "not known", True: "yes", False: "no"}


def concepts() -> str:
    """Laboratory values, weight and scores."""
    units: defaultdict[str, list[str]] = defaultdict(list)
    for row in read_rows("units.csv"):
        if row["use"] == "read":
            units[row["concept"]].append(f"`{row['unit']}`")
    read, refused = (codes("laboratory.csv", lambda row: row["concept"], use) for use in ("read", "refuse"))
    told = [
        (f"`{name}`", row["title"], row["unit"], ", ".join(units[name]), read[name], refused[name])
        for row in read_rows("concepts.csv")
        for name in [row["concept"]]
    ]
    return table(("Concept", "What it is", "Unit used", "Units read", "Codes read", "Codes refused"), told)


def names() -> str:
    """What is recognised by its name."""
    told = [
        (f"`{row['concept']}`", *(words(row[column]) for column in ("words", "with", "without")))
        for row in read_rows("names.csv")
    ]
    return table(("Concept", "Any of", "Together with any of", "And none of"), told)


def drugs() -> str:
    """Infliximab, steroids and immunomodulators."""
    coded = codes("drugs.csv", lambda row: row["concept"].replace("_", " ") + PRODUCTS[row["product"]])
    named = [
        (row["concept"].replace("_", " ") + PRODUCTS[row["product"]], words(row["words"]))
        for row in read_rows("drug_names.csv")
    ]
    return f"{table(('Drug', 'Codes'), coded.items())}\n\n{table(('Drug', 'Names'), named)}"


def routes() -> str:
    """How a drug is given."""
    told: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in read_rows("routes.csv"):
        told[row["route"], row["kind"]].append(words(row["value"]))
    kinds = {"snomed": "SNOMED CT", "words": "in words"}
    return table(("Route", "By", "What"), [(route, kinds[kind], ", ".join(t)) for (route, kind), t in told.items()])


AMOUNTS = {
    "dose": ("dose", "mg"),
    "dose_per_weight": ("dose by weight", "mg/kg"),
    "volume": ("volume of the bag", "mL"),
    "mass_rate": ("rate of the drug", "mg/h"),
    "volume_rate": ("rate of the bag", "mL/h"),
    "duration": ("duration", "min"),
}


def timings() -> str:
    """How an interval may be written in words; # is its number."""
    rows = read_rows("timings.csv")
    return table(("Words", "Unit"), [(row["words"].replace("|", ", "), f"`{row['unit']}`") for row in rows])


def amounts() -> str:
    """What doses are written in."""
    spelled: defaultdict[str, list[str]] = defaultdict(list)
    for row in read_rows("units.csv"):
        spelled[row["concept"]].append(f"`{row['unit']}`")
    told = [(title, unit, ", ".join(spelled[kind])) for kind, (title, unit) in AMOUNTS.items()]
    return table(("Amount", "Unit used", "Units read"), told)


def conditions() -> str:
    """Diagnoses; those that stop are told with the decision."""
    coded = codes("conditions.csv", lambda row: row["concept"])
    return table(("Condition", "Codes"), [(f"`{name}`", told) for name, told in coded.items()])


def manifestations() -> str:
    """What makes a reaction severe although nobody graded it."""
    coded = codes("manifestations.csv", lambda row: row["concept"])
    return table(("Manifestation", "Codes"), [(f"`{name}`", told) for name, told in coded.items()])


def procedures() -> str:
    """Procedures by what was done."""
    coded = codes("procedures.csv", lambda row: f"{row['concept']}|{row['title']}")
    rows = [(f"`{concept}`", title, told) for key, told in coded.items() for concept, title in [key.split("|")]]
    return table(("Concept", "What was done", "Codes"), rows)


def assays() -> str:
    """Each assay with its own thresholds."""
    known = {row["assay"]: words(row["words"]) for row in read_rows("assays.csv")}
    told = [
        (
            f"`{key}`: {assay.title}",
            known.get(key, ""),
            assay.unit or "",
            _limit(assay.positive_from, assay.positive_above),
            _limit(assay.high_from, assay.high_above),
            TOLERANT[assay.drug_tolerant],
            assay.citation,
        )
        for key, assay in known_assays().items()
    ]
    head = ("Assay", "Recognised by", "Unit", "Positive", "High", "Sees antibody beside drug", "Source")
    return table(head, told)


def _limit(at_least: float | None, above: float | None) -> str:
    return f"{at_least:g} or more" if at_least is not None else f"above {above:g}" if above is not None else ""


def antibody_units() -> str:
    """The units of antibodies and how they may be spelled."""
    spelled: defaultdict[str, list[str]] = defaultdict(list)
    for row in read_rows("antibody_units.csv"):
        spelled[row["written"]].append(f"`{row['unit']}`")
    return table(("Unit", "Read from"), [(unit, ", ".join(spellings)) for unit, spellings in spelled.items()])


def systems() -> str:
    """Code systems and the addresses by which a chart may name them."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for row in read_rows("systems.csv"):
        told[row["system"]].append(f"`{row['url']}`")
    return table(("In our tables", "In FHIR"), [(f"`{system}`", ", ".join(urls)) for system, urls in told.items()])


def signs() -> str:
    """What counts as a laboratory's own word."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for row in read_rows("signs.csv"):
        told[row["sign"]].append(f"{row['value']} ({row['kind']})")
    return table(("Read as", "From"), [(sign, ", ".join(values)) for sign, values in told.items()])
