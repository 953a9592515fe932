"""The six outcomes of a prefetch key, with and without a FHIR server to fall back on."""

import json
from typing import Any

import pytest

from cds_service.clinical.record import IssueLevel, SourceState
from cds_service.errors import MissingData


def test_an_absent_key_is_read_from_the_fhir_server(
    ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    ehr.holds(synthetic.observation(1))
    del full_prefetch["laboratory"]
    chart = read_chart(full_prefetch, ehr)
    assert [r["id"] for r in chart.part("laboratory").resources] == ["level-1"]
    assert ehr.asked() == ["Observation"]


def test_an_absent_key_without_a_server_is_named_as_missing(full_prefetch: Any, read_chart: Any) -> None:
    del full_prefetch["laboratory"], full_prefetch["infusions"]
    with pytest.raises(MissingData) as missing:
        read_chart(full_prefetch)
    assert missing.value.diagnostics == (
        "laboratory results (laboratory): not prefetched, and no fhirServer given",
        "administered medication (infusions): not prefetched, and no fhirServer given",
    )


def test_null_is_known_to_be_empty(ehr: Any, full_prefetch: Any, read_chart: Any) -> None:
    chart = read_chart({**full_prefetch, "laboratory": None}, ehr)
    assert chart.part("laboratory").resources == ()
    assert chart.part("laboratory").state is SourceState.READ
    assert ehr.asked() == []


def test_null_for_the_patient_is_a_failure(ehr: Any, full_prefetch: Any, read_chart: Any) -> None:
    assert read_chart({**full_prefetch, "patient": None}, ehr).part("patient").resources[0]["id"] == "p1"
    assert ehr.asked() == ["Patient/p1"]
    with pytest.raises(MissingData, match=r"the patient \(patient\): prefetched as null"):
        read_chart({**full_prefetch, "patient": None})


@pytest.mark.parametrize(
    "bundle",
    [
        {"resourceType": "Bundle", "type": "searchset", "total": 0},
        {"resourceType": "Bundle", "entry": []},
        {"resourceType": "Bundle", "entry": None},
    ],
)
def test_an_empty_bundle_is_known_to_be_empty(bundle: Any, full_prefetch: Any, read_chart: Any) -> None:
    part = read_chart({**full_prefetch, "laboratory": bundle}).part("laboratory")
    assert (part.resources, part.state, part.issues) == ((), SourceState.READ, ())


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("severity", ["error", "fatal", "unheard-of"])
def test_an_error_outcome_is_a_failed_key(
    severity: str, alone: bool, ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    failed = synthetic.outcome(severity, "timeout")
    full_prefetch["laboratory"] = failed if alone else synthetic.searchset(synthetic.observation(9), failed)
    ehr.holds(synthetic.observation(1))
    assert [r["id"] for r in read_chart(full_prefetch, ehr).part("laboratory").resources] == ["level-1"]
    with pytest.raises(MissingData, match=r"laboratory.*prefetched, but an OperationOutcome.*timeout.*no fhirServer"):
        read_chart(full_prefetch)


@pytest.mark.parametrize("severity", ["information", "warning"])
def test_a_harmless_outcome_is_a_note(severity: str, full_prefetch: Any, read_chart: Any, synthetic: Any) -> None:
    remark = synthetic.outcome(severity)
    full_prefetch["laboratory"] = synthetic.searchset(synthetic.observation(1), remark)
    full_prefetch["conditions"] = remark
    chart = read_chart(full_prefetch)
    assert [r["id"] for r in chart.part("laboratory").resources] == ["level-1"]
    assert chart.part("conditions").resources == ()
    for name in ("laboratory", "conditions"):
        assert [(i.code, i.level) for i in chart.part(name).issues] == [("ehr-remark", IssueLevel.NOTE)]


def test_a_remark_instead_of_the_patient_is_a_failure(full_prefetch: Any, read_chart: Any, synthetic: Any) -> None:
    with pytest.raises(MissingData, match="came instead of a Patient"):
        read_chart({**full_prefetch, "patient": synthetic.outcome("information")})


def test_a_first_page_is_followed_to_the_end(ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.quirks["next"] = lambda _: synthetic.answer(synthetic.searchset(synthetic.observation(2)))
    first = synthetic.searchset(synthetic.observation(1), next_link=f"{ehr.base}/next?page=2")
    part = read_chart({**full_prefetch, "laboratory": first}, ehr).part("laboratory")
    assert [r["id"] for r in part.resources] == ["level-1", "level-2"]
    assert part.state is SourceState.READ
    assert ehr.asked() == ["next"]


def test_a_broken_second_page_makes_us_read_the_whole(
    ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    ehr.quirks["next"] = lambda _: synthetic.answer({}, 410)
    ehr.holds(synthetic.observation(1), synthetic.observation(2))
    first = synthetic.searchset(synthetic.observation(1), next_link=f"{ehr.base}/next")
    part = read_chart({**full_prefetch, "laboratory": first}, ehr).part("laboratory")
    assert [r["id"] for r in part.resources] == ["level-1", "level-2"]
    assert part.issues == ()


def test_a_first_page_that_nobody_can_follow_is_incomplete(full_prefetch: Any, read_chart: Any, synthetic: Any) -> None:
    first = synthetic.searchset(synthetic.observation(1), next_link="https://fhir.example/next")
    part = read_chart({**full_prefetch, "laboratory": first}).part("laboratory")
    assert part.state is SourceState.INCOMPLETE
    assert [(i.code, i.level) for i in part.issues] == [("older-results-not-read", IssueLevel.LIMITING)]
    assert "the newest may be among them" in part.issues[0].message


def test_an_empty_first_page_that_nobody_can_follow_is_missing(
    full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    with pytest.raises(MissingData, match=r"laboratory.*prefetched in part, and no fhirServer given"):
        read_chart({**full_prefetch, "laboratory": synthetic.searchset(next_link="https://fhir.example/next")})


@pytest.mark.parametrize("wrong", ["<html>", [], 3, True, {}, {"resourceType": "Observation"}, {"resourceType": 7}])
def test_a_key_of_the_wrong_kind_is_a_failed_key(wrong: Any, ehr: Any, full_prefetch: Any, read_chart: Any) -> None:
    assert read_chart({**full_prefetch, "laboratory": wrong}, ehr).part("laboratory").state is SourceState.READ
    assert ehr.asked() == ["Observation"]
    with pytest.raises(MissingData, match=r"laboratory.*prefetched, but .* came instead of"):
        read_chart({**full_prefetch, "laboratory": wrong})


def test_entries_that_hold_no_resource_are_counted_and_their_neighbours_read(
    full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    bundle = synthetic.searchset(synthetic.observation(1), {"id": "no type"})
    bundle["entry"] += [None, {"resource": None}, "x"]
    part = read_chart({**full_prefetch, "laboratory": bundle}).part("laboratory")
    assert [r["id"] for r in part.resources] == ["level-1"]
    assert [(i.code, i.level) for i in part.issues] == [("unreadable-entry", IssueLevel.LIMITING)]
    assert part.issues[0].message.startswith("4 of")


def test_unknown_keys_are_ignored(full_prefetch: Any, read_chart: Any) -> None:
    chart = read_chart({**full_prefetch, "medicationRequestBundle": "nonsense"})
    assert "medicationRequestBundle" not in chart.parts


@pytest.mark.parametrize("part", ["allergies", "test_orders", "scores", "procedures"])
def test_an_optional_part_that_cannot_be_had_is_unreadable(part: str, full_prefetch: Any, read_chart: Any) -> None:
    del full_prefetch[part]
    assert read_chart(full_prefetch).part(part).state is SourceState.UNREADABLE


def test_prefetch_and_fhir_server_give_the_same_chart(
    ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    ehr.holds(synthetic.observation(1), synthetic.observation(2))
    results = synthetic.searchset(synthetic.observation(1), synthetic.observation(2))
    full_prefetch |= dict.fromkeys(("laboratory", "levels", "scores"), results)
    full_prefetch["patient"] = ehr.resources[0]
    assert read_chart(full_prefetch).parts == read_chart(None, ehr).parts


def test_a_key_that_could_not_be_used_is_told_to_the_log_and_not_on_the_card(
    ehr: Any, full_prefetch: Any, read_chart: Any, logged: Any
) -> None:
    chart = read_chart({**full_prefetch, "laboratory": "<html>canary"}, ehr)
    assert chart.part("laboratory").issues == ()
    events = logged()
    assert [event["key"] for event in events if event["event"] == "prefetch_unusable"] == ["laboratory"]
    assert "canary" not in json.dumps(events)
