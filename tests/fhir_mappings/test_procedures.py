"""Procedures that tell of an active fistula: by code, by name where the site says so, done and dated (synthetic)."""

from pathlib import Path
from typing import Any

import pytest

from cds_service.clinical.record import IssueLevel
from fhir_mappings.tables import load_tables
from tests.fhir_mappings.charts import SNOMED, coded, codes, read, without

CPT, PCS = "http://www.ama-assn.org/go/cpt", "http://www.cms.gov/Medicare/Coding/ICD10"


def procedure(code: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "Procedure",
        "id": "procedure-1",
        "status": "completed",
        "code": code or coded(CPT, "46020"),
        "performedDateTime": "2026-10-20",
    }
    return resource | more


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("46020", "placement of a seton"),
        ("46270", "fistulotomy"),
        ("46275", "fistulotomy"),
        ("46280", "fistulotomy"),
        ("46285", "fistulotomy (second stage)"),
        ("45990", "anorectal examination under anaesthesia"),
        ("72195", "MRI of the pelvis"),
        ("72196", "MRI of the pelvis"),
        ("72197", "MRI of the pelvis"),
    ],
)
def test_a_procedure_is_known_by_its_code_and_told_in_our_words(code: str, title: str) -> None:
    record = read(procedure(coded(CPT, code, "a foreign text")))
    assert [(p.concept, p.title, p.code, p.evidence) for p in record.procedures] == [
        ("perianal_procedure", title, code, "Procedure/procedure-1")
    ]
    assert record.issues == ()


@pytest.mark.parametrize("code", [coded(CPT, "45378"), coded(CPT, "46030"), coded(SNOMED, "73761001"), {}])
def test_another_procedure_leaves_no_trace(code: dict[str, Any]) -> None:
    record = read(procedure(code or {"text": "Colonoscopy"}))
    assert (record.procedures, record.issues) == ((), ())


@pytest.mark.parametrize(
    "performed", [{"performedDateTime": "2026-10-20"}, {"performedPeriod": {"start": "2026-10-20"}}]
)
@pytest.mark.parametrize("status", ["completed", "in-progress"])
def test_what_was_done_counts_on_the_day_it_began(performed: dict[str, Any], status: str) -> None:
    record = read(without(procedure(status=status), "performedDateTime") | performed)
    assert [p.at.day.isoformat() for p in record.procedures] == ["2026-10-20"]


@pytest.mark.parametrize("status", ["preparation", "not-done", "entered-in-error"])
def test_what_was_not_done_leaves_no_trace(status: str) -> None:
    record = read(procedure(status=status))
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
def test_what_is_not_known_to_be_done_is_a_note(more: dict[str, Any], issue: str) -> None:
    record = read(procedure(**more))
    assert record.procedures == ()
    assert codes(record.issues) == [issue]


def test_a_note_about_a_procedure_never_limits() -> None:
    for more in ({"status": "unknown"}, {"performedDateTime": "2026"}):
        assert {i.level for i in read(procedure(**more)).issues} == {IssueLevel.NOTE}


def test_a_procedure_before_the_look_back_leaves_no_trace() -> None:
    record = read(procedure(performedDateTime="2019-01-01"))
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


def test_a_site_adds_its_own_codes_and_prefixes(tmp_path: Path) -> None:
    head = "concept,title,system,match,code,verified,source"
    own = (
        "perianal_procedure,a seton,snomed,code,00000,yes,site\nperianal_procedure,pelvis,icd10pcs,prefix,XX3G,yes,site"
    )
    (tmp_path / "procedures.csv").write_text(f"{head}\n{own}\n", encoding="utf-8")
    found = [
        read(procedure(coded(system, code)), tables=load_tables(tmp_path)).procedures
        for system, code in ((SNOMED, "00000"), (PCS, "XX3GZZZ"), (PCS, "XX4GZZZ"))
    ]
    assert [[p.title for p in procedures] for procedures in found] == [["a seton"], ["pelvis"], []]
