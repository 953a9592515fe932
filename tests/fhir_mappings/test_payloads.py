"""What EHRs really send, read whole: every authored payload gives exactly the record that stands beside it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fhir_mappings.payload_files import TOLD, Payload, payloads, read_payload

PAYLOADS = list(payloads())
NOT_READ = {"says", "ehr", "shape", "options", "tables"}


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.says)
def test_a_payload_gives_the_record_beside_it(payload: Payload, tmp_path: Path) -> None:
    expected = {name: value for name, value in payload.told.items() if name not in NOT_READ}
    assert read_payload(payload, tmp_path) == expected


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.says)
def test_a_payload_says_that_it_is_authored_and_where_its_shape_is_from(payload: Payload) -> None:
    meta: dict[str, Any] = payload.bundle["meta"]
    assert [label["code"] for label in meta["security"]] == ["HTEST"]
    assert [tag["code"] for tag in meta["tag"]] == ["authored"]
    assert payload.told["shape"]
    assert payload.told.keys() <= TOLD


def test_four_ehrs_have_payloads_with_a_sentence_each() -> None:
    assert set(Counter(payload.told["ehr"] for payload in PAYLOADS)) == {"Canvas", "Epic", "HAPI", "Oracle Health"}
    assert len({payload.says for payload in PAYLOADS}) == len(PAYLOADS) >= 60
