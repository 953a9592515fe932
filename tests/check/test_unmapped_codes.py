"""What looks like ours and has no row: found, counted, and mapped by the row that is printed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cds_service.check.unmapped import Unmapped, find_unmapped, rows_for, short_name
from fhir_mappings.chart import ChartPart, RawChart
from fhir_mappings.rows import columns_of
from fhir_mappings.searches import load_searches
from fhir_mappings.tables import load_tables
from tests.check.hospital import DRUGS, ICD10, LAB, SYSTEMS, Hospital, chart, coded, observation, quantity
from tests.check.test_charts_of_a_server import EVERYTHING, counted
from tests.check.test_configuration import codes, says

Document = Callable[..., Any]
LOINC, SNOMED = SYSTEMS["loinc"], "http://snomed.info/sct"
VALUE = {"valueQuantity": quantity(5, "mg/L")}


def found(
    *resources: Any, medications: tuple[Any, ...] = (), site: Path | None = None, **settings: bool
) -> list[tuple[Any, ...]]:
    held = RawChart("p1", {"scores": ChartPart(resources)}, {f"Medication/{m['id']}": m for m in medications})
    sights = find_unmapped(held, load_tables(site), **settings)
    return [
        (s.unmapped.table, s.unmapped.concepts, s.unmapped.system, s.unmapped.code, s.unmapped.used) for s in sights
    ]


def result(name: str, code: Any, **more: Any) -> Any:
    return observation("p1", name, code, VALUE, **more)


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Albumin, serum", "albumin"),
        ("Protein, total", "total_protein"),
        ("CRP (high sensitivity)", "crp"),
        ("Sedimentation rate", "esr"),
        ("Calprotectin, stool", "calprotectin"),
        ("ALT/SGPT", "alt"),
        ("WBC", "leukocytes"),
        ("Platelet count", "platelets"),
        ("Weight", "weight"),
    ],
)
def test_a_value_that_is_read_by_code_only_is_known_by_its_text(text: str, concept: str) -> None:
    assert found(result("x", coded(LAB, "X", text))) == [("laboratory.csv", (concept,), LAB, "X", False)]


@pytest.mark.parametrize(
    "text",
    [
        "Albumin/Creatinine ratio, urine",
        "Birth weight",
        "Mean platelet volume",
        "Leukocyte esterase",
        "Weight percentile",
        "Sodium",
    ],
)
def test_what_only_sounds_alike_is_not_offered(text: str) -> None:
    assert found(result("x", coded(LAB, "X", text))) == []


def test_a_mapped_or_ignored_code_is_not_offered() -> None:
    (ignored,) = [code for (_, code), row in load_tables().laboratory.items() if row.use == "ignore"][:1]
    assert (
        found(result("x", coded(LOINC, "39803-2", "Infliximab level")), result("y", coded(LOINC, ignored, "CRP"))) == []
    )


def test_a_result_without_a_value_or_withdrawn_is_not_offered() -> None:
    code = coded(LAB, "X", "Infliximab level")
    assert found(observation("p1", "x", code, {}), result("y", code, status="entered-in-error")) == []


def test_components_are_looked_at_too() -> None:
    part = {"code": coded(LAB, "X", "Infliximab trough"), **VALUE}
    panel = observation("p1", "panel", coded(LAB, "P", "Infliximab panel"), {}, component=[part])
    assert found(panel) == [("laboratory.csv", ("infliximab_level",), LAB, "X", True)]


def test_a_name_that_could_be_level_or_antibody_gives_both_rows() -> None:
    assert found(result("x", coded(LAB, "X", "Infliximab"))) == [
        ("laboratory.csv", ("infliximab_level", "infliximab_antibody"), LAB, "X", False)
    ]


def test_a_coding_of_a_public_system_goes_before_a_local_one() -> None:
    code = coded(LAB, "X", "Infliximab antibodies")
    code["coding"] += [{"code": "no system"}, {"system": LOINC, "code": "00000-0"}]
    assert found(result("x", code)) == [("laboratory.csv", ("infliximab_antibody",), "loinc", "00000-0", True)]


def test_words_and_codes_without_a_system_cannot_be_mapped() -> None:
    assert (
        found(
            result("x", {"text": "Infliximab level"}),
            result("y", coded(None, "X", "Infliximab level")),
            result("z", coded(LAB, "X" * 81, "Infliximab level")),
            result("albumin", {"text": "Albumin"}),
        )
        == [("laboratory.csv", ("infliximab_level",), "", "", True)] * 3
    )


def test_a_drug_is_found_where_it_is_named() -> None:
    def given(name: str, **drug: Any) -> Any:
        return {"resourceType": "MedicationAdministration", "id": name, "status": "completed", **drug}

    bag = {
        "resourceType": "Medication",
        "id": "bag",
        "code": {"text": "inFLIXimab 300 mg in NaCl"},
        "ingredient": [
            {"itemCodeableConcept": coded(DRUGS, "S", "sodium chloride")},
            {"itemReference": {"reference": "Medication/vial"}},
        ],
    }
    vial = {"resourceType": "Medication", "id": "vial", "code": coded(DRUGS, "V", "inFLIXimab 100 MG Injection")}
    assert found(
        given("a", medicationReference={"reference": "Medication/bag"}),
        given("b", medicationCodeableConcept=coded(DRUGS, "R", "Remicade")),
        given("c", medicationCodeableConcept=coded(DRUGS, "R", "Remicade"), status="not-done"),
        given("d", medicationReference={"reference": "Medication/gone", "display": "Remicade"}),
        medications=(bag, vial),
    ) == [
        ("drugs.csv", ("infliximab",), DRUGS, "V", False),
        ("drugs.csv", ("infliximab",), DRUGS, "R", False),
        ("drugs.csv", ("infliximab",), "", "", False),
    ]


def test_a_steroid_that_is_only_named_is_offered_a_row_and_an_inhaler_is_not() -> None:
    def ordered(name: str, route: str) -> Any:
        drug = {"medicationCodeableConcept": coded(DRUGS, "P", name), "dosageInstruction": [{"route": {"text": route}}]}
        return {"resourceType": "MedicationRequest", "id": "o", "status": "active", "intent": "order", **drug}

    tablet, inhaler = ordered("predniSONE 5 mg", "oral"), ordered("budesonide", "inhalation")
    assert found(tablet) == [("drugs.csv", ("systemic_steroid",), DRUGS, "P", False)]
    assert found(tablet, drug_by_name=True) == [("drugs.csv", ("systemic_steroid",), DRUGS, "P", True)]
    assert found(inhaler) == []


def test_a_drug_that_is_trusted_by_name_or_only_prescribed_is_used() -> None:
    drug = coded(DRUGS, "R", "Remicade")
    given = {
        "resourceType": "MedicationAdministration",
        "id": "a",
        "status": "completed",
        "medicationCodeableConcept": drug,
    }
    ordered = {**given, "resourceType": "MedicationRequest"}
    cancelled = {**ordered, "id": "b", "status": "entered-in-error"}
    assert [used for *_, used in found(given, ordered, cancelled, drug_by_name=True)] == [True, True]
    assert [used for *_, used in found(given, ordered, cancelled)] == [False, True]


@pytest.mark.parametrize(
    ("text", "offered"),
    [("Crohn's disease of colon", True), ("Family history of Crohn's disease", False), ("Asthma", False)],
)
def test_a_diagnosis_is_known_by_its_text(text: str, offered: bool) -> None:
    condition = {"resourceType": "Condition", "id": "c", "code": coded(LAB, "CD", text)}
    assert bool(found(condition)) is offered


def test_a_refuted_or_mapped_diagnosis_is_not_offered() -> None:
    refuted = {"coding": [{"code": "refuted"}]}
    unlikely = {
        "resourceType": "Condition",
        "id": "c",
        "code": coded(LAB, "CD", "Crohn's"),
        "verificationStatus": refuted,
    }
    mapped = {"resourceType": "Condition", "id": "d", "code": coded(ICD10, "K50.90", "Crohn's disease")}
    assert found(unlikely, mapped) == []


def test_a_procedure_is_known_by_its_text(tmp_path: Path) -> None:
    row = "perianal_procedure,a seton,snomed,code,00000,yes,site"
    (tmp_path / "procedures.csv").write_text(f"{columns_of('procedures.csv')}\n{row}\n", encoding="utf-8")
    own = {"resourceType": "Procedure", "id": "a", "status": "completed", "code": coded(LAB, "S", "Seton placement")}
    mapped = {
        "resourceType": "Procedure",
        "id": "b",
        "status": "completed",
        "code": coded(SNOMED, "00000", "Seton placement"),
    }
    assert found(own, mapped, site=tmp_path) == [("procedures.csv", ("perianal_procedure",), LAB, "S", False)]
    assert found(own, procedure_by_name=True)[0][-1] is True


def test_what_has_the_wrong_shape_or_is_of_no_interest_is_passed_over() -> None:
    assert (
        found({"resourceType": "Observation", "id": "x", "code": 7, **VALUE}, {"resourceType": "Patient", "id": "p1"})
        == []
    )


@pytest.mark.parametrize("table", ["laboratory.csv", "drugs.csv", "conditions.csv", "procedures.csv"])
def test_a_row_that_is_printed_can_be_read(table: str, tmp_path: Path) -> None:
    concepts = {
        "laboratory.csv": "crp",
        "drugs.csv": "infliximab",
        "conditions.csv": "crohns",
        "procedures.csv": "perianal_procedure",
    }
    odd = Unmapped(table, (concepts[table],), "https://odd.example/a,b", 'X"1,2', False, "sc" * (table == "drugs.csv"))
    for name, row in rows_for(odd, "a text, with a comma", load_tables()):
        (tmp_path / name).write_text(f"{columns_of(name)}\n{row}\n")
    tables = load_tables(tmp_path)
    key = (tables.systems["https://odd.example/a,b"], 'X"1,2')
    assert key in {**tables.laboratory, **tables.drugs, **tables.conditions, **tables.procedures}


def test_a_short_name_is_made_of_the_address_and_never_taken_from_another_system() -> None:
    tables = load_tables()
    assert short_name("https://lab.hospital.example/codes", tables) == "lab-hospital-example-codes"
    assert short_name("urn:oid:1.2.3", tables) == "urn-oid-1-2-3"
    assert short_name("http://loinc", tables) == "loinc-2"
    assert short_name("://", tables) == "own"


@pytest.fixture
def badly_mapped(hospital: Hospital, tmp_path: Path) -> tuple[str, str]:
    """Two children under the hospital's own codes; the base and a file with their ids."""
    hospital.holds(chart("p1", local=True), chart("p2", local=True))
    (tmp_path / "ids").write_text("p1\np2\n")
    return hospital.base, str(tmp_path / "ids")


def test_pasting_the_rows_makes_the_next_run_clean(
    badly_mapped: tuple[str, str], document: Document, config: Path, tmp_path: Path
) -> None:
    base, ids = badly_mapped
    told = document("--server", base, "--patients", ids)
    assert told["exit"] == 1
    assert set(codes(told, "missing")) == {"unmapped-needed", "infusions-none", "crohns-none", "weights-none"}
    assert says(told, "unmapped-by-name") == [
        "Codes that look like results and are not mapped, but recognised by their names: 2."
    ]
    assert {(one["code"], one["seen"], one["charts"]) for one in told["charts"]["unmapped"]} == {
        ("IFX1", 2, 2), ("IFXAB", 2, 2), ("WT", 2, 2), ("4711", 2, 2), ("CD", 2, 2),
    }  # fmt: skip
    paste(told, tmp_path / "tables")
    config.write_text(config.read_text() + 'tables_folder = "tables"\n')
    told = document("--server", base, "--patients", ids)
    assert (told["exit"], told["charts"]["unmapped"], counted(told)) == (0, [], EVERYTHING)
    assert [doubt["code"] for doubt in told["charts"]["doubts"]] == []


def paste(told: Any, folder: Path) -> None:
    """What the analyst does with the rows."""
    folder.mkdir()
    rows = dict.fromkeys((row["table"], row["row"]) for one in told["charts"]["unmapped"] for row in one["rows"])
    for table in dict.fromkeys(table for table, _ in rows):
        own = [row for name, row in rows if name == table]
        (folder / table).write_text("\n".join([columns_of(table), *own]) + "\n")


def test_the_report_shows_each_row_once_below_its_table(
    badly_mapped: tuple[str, str], check: Callable[..., Any], hospital: Hospital
) -> None:
    hospital.holds([observation("p1", "odd", coded(LAB, "IFX2", "Infliximab"), VALUE)])
    _, report, _ = check("--server", badly_mapped[0], "--patients", badly_mapped[1])
    own = "lab-hospital-example-codes"
    assert f"\n  systems.csv, below system,url,source\n    {own},{LAB},our EHR\n" in report
    assert f'\n    infliximab_level,{own},IFX1,read,yes,"our EHR: Infliximab trough, serum"\n' in report
    assert f"\n    infliximab_antibody,{own},IFX2,read,yes,our EHR: Infliximab    <- one of these\n" in report
    assert f"infliximab_level: {LAB} IFX1 (Infliximab trough, serum)" in report
    assert report.count("https://lab.hospital.example/codes,our EHR") == 1


def test_words_only_are_told_by_what_becomes_of_them(hospital: Hospital, document: Document, tmp_path: Path) -> None:
    hospital.holds(chart("p1"), chart("p2"))
    by_id = {resource["id"]: resource for resource in hospital.resources}
    by_id["p1-infusion"]["medicationCodeableConcept"] = {"text": "Remicade"}
    by_id["p1-crohns"]["code"] = {"text": "Crohn's disease"}
    (tmp_path / "ids").write_text("p1\np2\n")
    told = document("--server", hospital.base, "--patients", str(tmp_path / "ids"))
    assert says(told, "words-only-needed") == [
        "Entries with infliximab in words only, without a code, that are not counted: 1."
    ]
    assert "Crohn's disease" in says(told, "words-only-not-read")[0]
    assert says(told, "words-only-by-name") == [
        "Entries with results in words only, without a code, recognised by these words: 2."
    ]


def test_results_that_only_add_to_a_card_are_a_note(hospital: Hospital, document: Document, tmp_path: Path) -> None:
    hospital.holds(chart("p1"), chart("p2"), [result("crp", coded(LAB, "CRP", "CRP"))])
    (tmp_path / "ids").write_text("p1\np2\n")
    told = document("--server", hospital.base, "--patients", str(tmp_path / "ids"))
    assert (told["exit"], "unmapped-not-read" in codes(told, "note")) == (0, True)


def test_a_typed_text_is_shown_only_where_two_charts_share_it(
    hospital: Hospital, document: Document, tmp_path: Path
) -> None:
    typed = {"coding": [{"system": LAB, "code": "SAME"}], "text": "Infliximab level"}
    alone = {"coding": [{"system": LAB, "code": "ALONE"}], "text": "Infliximab level of canary"}
    hospital.holds(chart("p1"), chart("p2"))
    hospital.holds(
        [result("a", typed), result("b", alone), {**result("c", typed), "subject": {"reference": "Patient/p2"}}]
    )
    (tmp_path / "ids").write_text("p1\np2\n")
    told = document("--server", hospital.base, "--patients", str(tmp_path / "ids"))
    texts = {one["code"]: one["text"] for one in told["charts"]["unmapped"]}
    assert (texts["SAME"], texts["ALONE"]) == ("Infliximab level", None)


def test_every_lookalike_is_a_concept_that_is_read_by_code_only() -> None:
    from cds_service.check.unmapped import _lookalikes

    tables = load_tables()
    named = {rule.concept for rule in tables.names}
    alike = {rule.concept for rule in _lookalikes()}
    assert alike == set(tables.concepts) - named
    assert load_searches()
