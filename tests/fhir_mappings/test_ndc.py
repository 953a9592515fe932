"""National Drug Codes: one product in each of its notations, and none that it could be mistaken for."""

from pathlib import Path
from typing import Any

import pytest

from cds_service.clinical.record import Route
from cds_service.errors import ConfigurationError
from fhir_mappings.ndc import read_ndc
from fhir_mappings.tables import load_tables
from tests.fhir_mappings.charts import NDC, coded, codes, infusion, read

COLUMNS = "concept,system,match,code,product,verified,source"


@pytest.mark.parametrize(
    ("code", "readings"),
    [
        ("57894-030-01", ("57894003001",)),
        ("0069-0809-01", ("00069080901",)),
        ("55513-670-1", ("55513067001",)),
        ("57894-0030-01", ("57894003001",)),
        ("57894003001", ("57894003001",)),
        ("57894-030", ("578940030",)),
        ("0069-0809", ("000690809",)),
        ("5789403001", ("05789403001", "57894003001", "57894030001")),
        ("578940300", ()),
        ("57894-030-001", ()),
        ("57894--01", ()),
        ("٥٧٨٩٤-٠٣٠-٠١", ()),
        ("", ()),
    ],
)
def test_a_code_is_read_in_each_notation(code: str, readings: tuple[str, ...]) -> None:
    assert read_ndc(code) == readings


def given(code: str, **options: Any) -> Any:
    return read(infusion(medicationCodeableConcept=coded(NDC, code)), **options)


@pytest.mark.parametrize(
    "code",
    [
        "57894-030-01",
        "57894-0030-01",
        "57894003001",
        "5789403001",
        "57894-030",
        "57894-030-99",
        "0069080901",
        "0069-0809",
    ],
)
def test_every_package_of_a_known_product_is_infliximab(code: str) -> None:
    record = given(code)
    assert [one.route for one in record.infusions] == [Route.INTRAVENOUS]
    assert record.issues == ()


@pytest.mark.parametrize("code", ["57894-031-01", "5789403101", "0069-0810-01", "57894", "1234567890"])
def test_another_product_of_the_same_labeler_is_none(code: str) -> None:
    record = given(code)
    assert (record.infusions, record.issues) == ((), ())


def site(folder: Path, *rows: str) -> Any:
    (folder / "drugs.csv").write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    return {"tables": load_tables(folder)}


def test_ten_digits_that_may_be_two_drugs_are_no_more_sure_than_a_name(tmp_path: Path) -> None:
    own = site(tmp_path, "systemic_steroid,ndc,prefix,5789-4030,,yes,site")
    record = given("5789403001", **own)
    assert record.infusions == record.medications == ()
    assert codes(record.issues) == ["administration-by-name-only"]
    assert len(given("57894-030-01", **own).infusions) == 1


def test_a_package_of_a_site_goes_before_our_product(tmp_path: Path) -> None:
    own = site(tmp_path, "infliximab,ndc,code,57894-030-02,sc,yes,site")
    assert [one.route for one in given("57894003002", **own).infusions] == [Route.SUBCUTANEOUS]


@pytest.mark.parametrize("row", ["code,5789403001", "code,57894-030", "prefix,57894-030-01", "prefix,57894"])
def test_a_row_that_could_be_several_products_is_refused(tmp_path: Path, row: str) -> None:
    with pytest.raises(ConfigurationError, match="an NDC is that of a package with match code"):
        site(tmp_path, f"infliximab,ndc,{row},iv,yes,site")
