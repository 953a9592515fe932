"""Procedures that tell of an active fistula: by code, by name where the site says so, done and dated (synthetic)."""

from typing import Any

import pytest

from cds_service.clinical.record import IssueLevel
from fhir_mappings.rows import columns_of
from fhir_mappings.tables import Tables, load_tables
from tests.fhir_mappings.charts import SNOMED, coded, codes, read, without

OWN, PCS = "urn:synthetic:procedures", "http://www.cms.gov/Medicare/Coding/ICD10"
ROWS = (
    "perianal_procedure,placement of a seton,own,code,S-1,yes,site",
    "perianal_procedure,a seton,snomed,code,00000,yes,site",
    "perianal_procedure,pelvis,icd10pcs,prefix,XX3G,yes,site",
)


def procedure(code: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "Procedure",
        "id": "procedure-1",
        "status": "completed",
        "code": code or coded(OWN, "S-1"),
        "performedDateTime": "2026-10-20",
    }
    return resource | more


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of a hospital that mapped its procedures; ours name no code of one."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "systems.csv").write_text(f"system,url,source\nown,{OWN},site\n", encoding="utf-8")
    table = "\n".join([columns_of("procedures.csv"), *ROWS])
    (folder / "procedures.csv").write_text(table, encoding="utf-8")
    return load_tables(folder)


@pytest.mark.parametrize(
    ("system", "code", "titles"),
    [
        (OWN, "S-1", ["placement of a seton"]),
        (SNOMED, "00000", ["a seton"]),
        (PCS, "XX3GZZZ", ["pelvis"]),
        (PCS, "XX4GZZZ", []),
    ],
)
def test_a_procedure_is_known_by_its_code_or_prefix_and_told_in_our_words(
    site: Tables, system: str, code: str, titles: list[str]
) -> None:
    record = read(procedure(coded(system, code, "a foreign text")), tables=site)
    assert [(p.concept, p.title, p.code, p.evidence) for p in record.procedures] == [
        ("perianal_procedure", title, code, "Procedure/procedure-1") for title in titles
    ]
    assert record.issues == ()


def test_no_code_of_a_procedure_is_shipped() -> None:
    tables = load_tables()
    assert (dict(tables.procedures), dict(tables.procedure_prefixes)) == ({}, {})


@pytest.mark.parametrize("code", [coded(OWN, "C-1"), coded(OWN, "S-10"), coded(SNOMED, "73761001"), {}])
def test_another_procedure_leaves_no_trace(site: Tables, code: dict[str, Any]) -> None:
    record = read(procedure(code or {"text": "Colonoscopy"}), tables=site)
    assert (record.procedures, record.issues) == ((), ())


@pytest.mark.parametrize(
    "performed", [{"performedDateTime": "2026-10-20"}, {"performedPeriod": {"start": "2026-10-20"}}]
)
@pytest.mark.parametrize("status", ["completed", "in-progress"])
def test_what_was_done_counts_on_the_day_it_began(site: Tables, performed: dict[str, Any], status: str) -> None:
    record = read(without(procedure(status=status), "performedDateTime") | performed, tables=site)
    assert [p.at.day.isoformat() for p in record.procedures] == ["2026-10-20"]


@pytest.mark.parametrize("status", ["preparation", "not-done", "entered-in-error"])
def test_what_was_not_done_leaves_no_trace(site: Tables, status: str) -> None:
    record = read(procedure(status=status), tables=site)
    assert (record.procedures, record.issues) == ((), ())


@pytest.mark.parametrize(
    ("more", "issue"),
    [
        ({"status": "on-hold"}, "status-unknown"),
        ({"status": None}, "status-unknown"),
        ({"performedDateTime": "2026"}, "procedure-without-date"),
        ({"performedDateTime": "2027-01-01"}, "in-the-future"),
    ],
)
def test_what_is_not_known_to_be_done_is_a_note(site: Tables, more: dict[str, Any], issue: str) -> None:
    record = read(procedure(**more), tables=site)
    assert record.procedures == ()
    assert codes(record.issues) == [issue]


def test_a_note_about_a_procedure_never_limits(site: Tables) -> None:
    for more in ({"status": "unknown"}, {"performedDateTime": "2026"}):
        assert {i.level for i in read(procedure(**more), tables=site).issues} == {IssueLevel.NOTE}


def test_a_procedure_before_the_look_back_leaves_no_trace(site: Tables) -> None:
    record = read(procedure(performedDateTime="2019-01-01"), tables=site)
    assert (record.procedures, record.issues) == ((), ())


NAMES = [
    "Seton placement",
    "EXAM UNDER ANESTHESIA, ANORECTAL",
    "Examination under anaesthesia, rectum",
    "MRI Pelvis with and without contrast",
    "Magnetic resonance imaging of perianal fistula",
    "Anal fistulotomy",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_procedure_in_words_only_is_counted_where_the_site_says_so(name: str) -> None:
    told = read(procedure({"text": name}))
    assert (told.procedures, codes(told.issues)) == ((), ["procedure-by-name-only"])
    counted = read(procedure({"text": name}), procedure_by_name=True)
    assert [p.title for p in counted.procedures] == [f"'{name}'"]
    assert codes(counted.issues) == ["recognised-by-name"]


@pytest.mark.parametrize(
    "name", ["MR enterography, abdomen and pelvis", "Removal of seton", "EUA of eye", "MRI hip and pelvis", "MRI brain"]
)
def test_other_procedures_with_similar_names_are_not_meant(name: str) -> None:
    record = read(procedure({"text": name}), procedure_by_name=True)
    assert (record.procedures, record.issues) == ((), ())


def test_a_named_procedure_that_would_not_count_is_not_told() -> None:
    record = read(procedure({"text": "Seton placement"}, performedDateTime="2019-01-01"))
    assert (record.procedures, record.issues) == ((), ())
