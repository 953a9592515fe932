"""The tables are data: checked once, and an error names file and row. A site may add rows of its own."""

from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from cds_service.errors import ConfigurationError
from fhir_mappings.tables import MOST_FAULTS, load_tables
from fhir_mappings.vocabulary import plain_code, spelling
from tests.fhir_mappings.charts import LOINC, antibody, coded, codes, level, observation, quantity, read

HEADS = {
    path.name: path.read_text(encoding="utf-8").partition("\n")[0]
    for path in files("fhir_mappings").joinpath("tables").iterdir()
    if path.name.endswith(".csv")
}


def site(folder: Path, table: str, *rows: str) -> Path:
    (folder / table).write_text("\n".join([HEADS[table], *rows]) + "\n", encoding="utf-8")
    return folder


def test_the_tables_are_loaded_once() -> None:
    assert load_tables() is load_tables()


@pytest.mark.parametrize(
    ("table", "row", "says"),
    [
        ("systems.csv", ",http://x,source", "system must not be empty"),
        ("systems.csv", "own,lab codes,x", "url is that of a code system such as http://loinc.org, got 'lab codes'"),
        ("systems.csv", "own,http://loinc.org,x", "http://loinc.org is the system loinc, got 'own'"),
        ("concepts.csv", "x,,level,ug/mL,no,laboratory", "title must not be empty"),
        ("concepts.csv", "x,X,number,ug/mL,no,laboratory", "kind is one of level, antibody, measurement, sign"),
        ("concepts.csv", "x,X,measurement,,no,laboratory", "unit must not be empty"),
        ("concepts.csv", "x,X,measurement,g,maybe,laboratory", "unit_optional is one of yes, no"),
        ("concepts.csv", "x,X,measurement,g,no,all", "search is one of laboratory, weight, scores"),
        ("laboratory.csv", "sodium,loinc,2951-2,read,yes,x", "concept is one of"),
        ("laboratory.csv", "crp,lonic,1-2,read,yes,x", "system is one of"),
        ("laboratory.csv", "crp,loinc,1-2,use,yes,x", "use is one of read, refuse, ignore"),
        ("laboratory.csv", "crp,loinc,,read,yes,x", "code must not be empty"),
        ("laboratory.csv", "crp,loinc,1-2,read,no,x", "a code that is not verified stays empty"),
        ("names.csv", "crp,,,,x", "words must not be empty"),
        ("names.csv", "nothing,a,,,x", "concept is one of"),
        ("units.csv", "crp,mg/hL,zero,read,x", "factor is a positive number, got 'zero'"),
        ("units.csv", "crp,mg/hL,-1,read,x", "factor is a positive number"),
        ("units.csv", "crp,mg/hL,NaN,read,x", "factor is a positive number"),
        ("units.csv", "crp,,1,read,x", "unit must not be empty"),
        ("antibody_units.csv", "RU/mL,,x", "written must not be empty"),
        ("assays.csv", ",Mayo,x", "assay must not be empty"),
        ("signs.csv", "maybe,text,perhaps,x", "sign is one of negative, positive"),
        ("signs.csv", "negative,code,perhaps,x", "kind is one of"),
        ("timings.csv", "every # months,mo,x", "unit is one of d, wk"),
        ("timings.csv", "every week,wk,x", "words with one # for the number expected, got 'every week'"),
        ("routes.csv", "by-air,words,air,x", "route is one of"),
        ("routes.csv", "local,loinc,1,x", "kind is one of snomed, words"),
        ("drugs.csv", "aspirin,rxnorm,code,1191,,yes,x", "concept is one of"),
        ("drugs.csv", "infliximab,rxnorm,code,1,,yes,x", "product is one of iv, sc"),
        ("drugs.csv", "infliximab,rxnorm,code,1,iv,no,x", "a code that is not verified stays empty"),
        ("drugs.csv", "infliximab,rxnorm,like,1,iv,yes,x", "match is one of code, prefix, range"),
        ("conditions.csv", "crohns,icd10cm,range,K50,yes,x", "a range is two categories of one chapter"),
        (
            "conditions.csv",
            f"crohns,icd10cm,prefix,K50{'0' * 30},yes,x",
            "a prefix of at most 32 characters expected, got 33",
        ),
        ("conditions.csv", "crohns,icd10cm,prefix,K50,perhaps,x", "verified is one of yes, no"),
        ("conditions.csv", ",icd10cm,prefix,K50,yes,x", "concept is one of"),
        ("conditions.csv", "sepsis,icd10cm,code,A41.9,yes,x", "concept is one of"),
        ("conditions.csv", "stop.sepis,icd10cm,code,A41.9,yes,x", "concept is one of"),
        ("conditions.csv", "stop.sepsis,icd10cm,code,,yes,x", "code must not be empty"),
        ("manifestations.csv", "rash,snomed,code,1,yes,x", "concept is one of severe_reaction"),
        ("procedures.csv", "colonoscopy,a look,snomed,code,1,yes,x", "concept is one of perianal_procedure"),
        ("procedures.csv", "perianal_procedure,,snomed,code,1,yes,x", "title must not be empty"),
        ("procedures.csv", "perianal_procedure,a seton,snomed,code,1,no,x", "a code that is not verified stays empty"),
    ],
)
def test_an_error_names_file_and_row(tmp_path: Path, table: str, row: str, says: str) -> None:
    folder = site(tmp_path, table, row)
    with pytest.raises(ConfigurationError) as caught:
        load_tables(folder)
    assert f"{table}, row 2: {says}" in str(caught.value)


def test_a_row_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"units\.csv, row 3: expected 5 cells, got 2"):
        load_tables(site(tmp_path, "units.csv", "crp,mg/hL,1,read,x", "crp,mg"))


def test_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text("concept,unit\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"units\.csv, row 1: the columns are concept,unit,factor,use,source"):
        load_tables(tmp_path)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    folder = site(tmp_path, "units.csv", "crp,mg/hL,zero,read,x", "crp,mg/dl,1,read,x", "crp,mg,1,use,x")
    site(tmp_path, "assays.csv", ",Mayo,x")
    with pytest.raises(ConfigurationError) as caught:
        load_tables(folder)
    assert [line.removeprefix(f"{tmp_path}/") for line in caught.value.diagnostics] == [
        "units.csv, row 2: factor is a positive number, got 'zero'",
        "units.csv, row 4: use is one of read, review, got 'use'",
        "assays.csv, row 2: assay must not be empty",
    ]


def test_what_rests_on_a_wrong_table_is_not_judged(tmp_path: Path) -> None:
    site(tmp_path, "systems.csv", "own,,x", "other,,x")
    with pytest.raises(ConfigurationError) as caught:
        load_tables(site(tmp_path, "laboratory.csv", "crp,own,1-2,read,yes,x", "crp,own,1-3,use,yes,x"))
    assert [line.partition(", ")[2] for line in caught.value.diagnostics] == [
        "row 2: url must not be empty",
        "row 3: url must not be empty",
    ]


def test_a_file_full_of_faults_ends_after_fifty(tmp_path: Path) -> None:
    rows = [f"crp,unit{number},zero,read,x" for number in range(60)]
    with pytest.raises(ConfigurationError) as caught:
        load_tables(site(tmp_path, "units.csv", *rows))
    assert len(caught.value.diagnostics) == MOST_FAULTS


@pytest.mark.parametrize(
    ("name", "told"),
    [("laboratry.csv", "did you mean laboratory.csv?"), ("xyzzy.CSV", "known here: antibody_units.csv, assays.csv")],
)
def test_a_table_that_nobody_would_read_is_refused(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / name).write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ConfigurationError) as caught:
        load_tables(tmp_path)
    assert caught.value.diagnostics[0].startswith(f"{tmp_path}/{name}: no such table")
    assert told in caught.value.diagnostics[0]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the folder cannot be read: No such file"):
        load_tables(tmp_path / "absent")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"concept,unit,factor,use,source\ncrp,\xb5g,1,read,x\n", "row 1: UTF-8 expected, row 2 is not"),
        (
            b"concept;unit;factor;use;source\n",
            "row 1: the columns are concept,unit,factor,use,source, separated by commas",
        ),
        (
            b'concept,unit,factor,use,source\ncrp,"mg,1,read,x\ncrp,g,1,read,x\n',
            "row 2: not readable as CSV from here on",
        ),
        (b'"concept,unit\n', "row 1: not readable as CSV from here on"),
    ],
)
def test_a_file_that_is_no_such_csv_is_told_with_its_row(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "units.csv").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_tables(tmp_path)
    assert len(caught.value.diagnostics) == 1
    assert f"units.csv, {told}" in caught.value.diagnostics[0]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that the system refuses to read")
def test_a_file_that_the_system_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "units.csv").symlink_to("/proc/self/mem")
    with pytest.raises(ConfigurationError, match=r"units\.csv, row 1: the file cannot be read: Input/output error"):
        load_tables(tmp_path)


def test_what_a_spreadsheet_saves_can_be_read(tmp_path: Path) -> None:
    rows = f'{HEADS["units.csv"]}\r\n\r\ncrp,mg/hL,1,read,"x, y"\r\n'
    (tmp_path / "units.csv").write_bytes(rows.encode("utf-8-sig"))
    assert load_tables(tmp_path).units["crp", "mg/hl"] == Decimal(1)


def test_an_empty_phrase_would_stand_in_every_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"assays\.csv, row 2: words has nothing on one side of a |"):
        load_tables(site(tmp_path, "assays.csv", "our-elisa,House ELISA| ,x"))


def test_the_same_key_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"units\.csv, row 3: the same key stands in an earlier row"):
        load_tables(site(tmp_path, "units.csv", "crp,mg/hL,1,read,x", "crp,MG/hl,2,read,x"))


def test_a_site_maps_its_antibody_code(tmp_path: Path) -> None:
    tables = load_tables(site(tmp_path, "laboratory.csv", "infliximab_antibody,loinc,00000-0,read,yes,our laboratory"))
    own = observation(coded(LOINC, "00000-0"), {"valueQuantity": quantity(20, "U/mL")})
    record = read(own, tables=tables)
    assert len(record.antibodies) == 1
    assert record.issues == ()


def test_a_site_that_is_sure_of_nanograms_may_say_so(tmp_path: Path) -> None:
    tables = load_tables(site(tmp_path, "units.csv", "infliximab_level,ng/mL,0.001,read,our laboratory"))
    record = read(level({"valueQuantity": quantity(1700, "ng/mL")}), tables=tables)
    assert [one.reading.value for one in record.levels if one.reading] == [1.7]


def test_a_sites_assay_goes_beside_ours(tmp_path: Path) -> None:
    tables = load_tables(site(tmp_path, "assays.csv", "our-elisa,House ELISA,our laboratory"))
    assert [one.assay for one in read(antibody(method={"text": "house elisa"}), tables=tables).antibodies] == [
        "our-elisa"
    ]


def test_codes_that_could_not_be_verified_ship_empty() -> None:
    for table in ("laboratory.csv", "drugs.csv", "procedures.csv"):
        content = files("fhir_mappings").joinpath("tables", table).read_text(encoding="utf-8")
        head, *rows = [line.split(",") for line in content.splitlines()]
        unverified = [row for row in rows if row[head.index("verified")] == "no" and row[0] != "local_steroid"]
        assert unverified
        assert all(row[head.index("code")] == "" for row in unverified)


@pytest.mark.parametrize("code", [code for system, code in load_tables().laboratory if system == "loinc"])
def test_every_loinc_number_passes_its_check_digit(code: str) -> None:
    digits, check = code.split("-")
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    total = sum(sum(map(int, str(number))) for number in doubled)
    assert (10 - total % 10) % 10 == int(check)


@pytest.mark.parametrize(
    ("unit", "looked_up"), [("µg/mL", "ug/ml"), ("μg/mL", "ug/ml"), (" MG / L ", "mg/l"), ("[lb_av]", "[lb_av]")]
)
def test_units_are_looked_up_in_any_spelling(unit: str, looked_up: str) -> None:
    assert spelling(unit) == looked_up


@pytest.mark.parametrize(
    ("system", "code", "looked_up"),
    [
        ("ndc", "57894-030-01", "57894003001"),
        ("ndc", "5789403001", "5789403001"),
        ("icd10cm", "k50.90", "K5090"),
        ("loinc", "39803-2", "39803-2"),
    ],
)
def test_codes_are_looked_up_in_one_form(system: str, code: str, looked_up: str) -> None:
    assert plain_code(system, code) == looked_up


def test_every_concept_can_be_reached_and_converted() -> None:
    tables = load_tables()
    coded_or_named = {row.concept for row in tables.laboratory.values()} | {rule.concept for rule in tables.names}
    assert coded_or_named >= set(tables.concepts)
    for concept in tables.concepts.values():
        if concept.kind not in ("antibody", "sign"):
            assert tables.units[concept.name, spelling(concept.unit)] == Decimal(1)


def test_the_assays_are_those_of_the_medicine() -> None:
    knowledge = files("cds_service.clinical.knowledge").joinpath("assays.toml").read_text(encoding="utf-8")
    known = {line.strip("[]") for line in knowledge.splitlines() if line.startswith("[")}
    assert {row.key for row in load_tables().assays} == known


def test_an_unmapped_hospital_still_gets_its_notes() -> None:
    assert codes(read(antibody()).issues) == ["recognised-by-name"]
