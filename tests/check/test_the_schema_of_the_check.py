"""The JSON document has the published form, docs/schemas/check.schema.json, whatever was found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.check.hospital import LAB, Hospital, chart, coded, observation, quantity, statement

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "check.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.fixture
def documents(hospital: Hospital, document: Callable[..., Any], tmp_path: Path) -> dict[str, Any]:
    hospital.holds(chart("p1"), chart("p2", local=True))
    hospital.resources[3]["valueQuantity"] = quantity(1, "furlong")
    hospital.resources[4]["interpretation"] = {}
    hospital.holds([observation("p1", "odd", coded(LAB, "ODD", "Infliximab"), {"valueString": "x"})])
    hospital.statement = statement(without=("category",), format=["xml"])
    (tmp_path / "ids").write_text("p1\np2\np3\n")
    listed = ("--server", hospital.base, "--patients", str(tmp_path / "ids"))
    (tmp_path / "wrong.toml").write_text("[server]\nprot = 1")
    return {
        "whole": document(*listed),
        "without ids": document(*listed, "--no-ids"),
        "no server": document(),
        "wrong": document("--server", hospital.base, config=tmp_path / "wrong.toml"),
        "nothing there": document("--server", "http://127.0.0.1:1/fhir"),
    }


def test_every_document_has_the_published_form(documents: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for told in documents.values():
        VALIDATOR.validate({name: value for name, value in told.items() if name != "exit"})
    whole = documents["whole"]
    assert [name for name, value in whole["charts"].items() if value in ([], {}, None)] == []
    assert whole["capability_lacks"]


def test_examples_are_the_only_ids(documents: dict[str, Any]) -> None:
    assert "p1-level" in json.dumps(documents["whole"])
    assert "p1-" not in json.dumps(documents["without ids"])
    examples = [row["example"] for row in documents["without ids"]["charts"]["doubts"]]
    assert set(examples) == {None}


@pytest.mark.parametrize("member", ["verdict", "findings", "charts"])
def test_a_document_that_lacks_a_member_is_refused(documents: dict[str, Any], member: str) -> None:
    told = {name: value for name, value in documents["whole"].items() if name not in ("exit", member)}
    with pytest.raises(ValidationError):
        VALIDATOR.validate(told)
