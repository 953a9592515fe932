"""The judges of the campaigns are judged: each wrong answer is told, and a right one is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import run
from tests.fuzz.campaign import Finding, attack
from tests.fuzz.laws import Laws
from tests.fuzz.mutants import Mutant, original_call
from tests.fuzz.operators import Law
from tests.fuzz.service import Answer, Call, Service, faults

SIGN = "infliximab-order-sign"
ORIGINAL = original_call("low-trough", "order-sign")
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid", "diagnostics": "x"}]}


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


@pytest.fixture(scope="module")
def answer(service: Service) -> Answer:
    return service.ask(ORIGINAL.service, ORIGINAL.body)


def _of(document: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode(), 0.0)


def _with_card(answer: Answer, **members: Any) -> Answer:
    (card,) = answer.document["cards"]
    return _of({"cards": [{**card, **members}]})


def test_a_good_answer_has_no_fault(answer: Answer) -> None:
    assert answer.cards
    assert [*faults(answer), *faults(_of(OUTCOME, 400)), *faults(_of(OUTCOME, 412))] == []


@pytest.mark.parametrize("status", [201, 302, 401, 404, 415, 500, 503])
def test_a_status_that_no_body_may_bring_is_a_fault(status: int) -> None:
    assert list(faults(_of(OUTCOME, status))) == [f"status {status}"]


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"cards": [', b'{"cards": [NaN]}', b"\xff"])
def test_an_answer_that_is_no_json_is_a_fault(body: bytes) -> None:
    assert [line[:7] for line in faults(Answer(200, body, 0.0))] == ["no JSON"]


@pytest.mark.parametrize(
    "members",
    [{"summary": "x" * 140}, {"summary": None}, {"indicator": "fatal"}, {"uuid": "1"}, {"detail": ""}, {"links": []}],
)
def test_a_card_of_another_form_is_a_fault(members: dict[str, Any], answer: Answer) -> None:
    assert list(faults(_with_card(answer, **members)))


@pytest.mark.parametrize("document", [{}, {"issue": []}, {**OUTCOME, "issue": [{}]}, {**OUTCOME, "cards": []}])
def test_an_outcome_of_another_form_is_a_fault(document: Any) -> None:
    assert list(faults(_of(document, 400)))


@pytest.mark.parametrize(
    ("law", "wrong"),
    [
        (Law.REFUSED, "200 instead of 400"),
        (Law.ANOTHER_PATIENT, "200 instead of 412 because of another patient"),
        (Law.SAME, None),
        (Law.INERT, None),
        (Law.ANSWERED, None),
    ],
)
def test_the_unchanged_answer_keeps_only_some_laws(
    law: Law, wrong: str | None, answer: Answer, service: Service
) -> None:
    broken = list(Laws(service).broken(Mutant(ORIGINAL, ORIGINAL, law), answer))
    assert broken == ([wrong] if wrong else [])


def test_412_for_want_of_data_is_not_412_for_another_patient(service: Service) -> None:
    broken = Laws(service).broken(Mutant(ORIGINAL, ORIGINAL, Law.ANOTHER_PATIENT), _of(OUTCOME, 412))
    assert list(broken) == ["412 instead of 412 because of another patient"]


def test_other_cards_are_told_with_the_first_difference(answer: Answer, service: Service) -> None:
    other = _with_card(answer, indicator="critical")
    (told,) = Laws(service).broken(Mutant(ORIGINAL, ORIGINAL, Law.SAME), other)
    assert told == "other cards: /0/indicator was 'warning', is 'critical'"


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"detail": "a <b>child</b>"}, "html_inline '<b>' is in a card"),
        ({"detail": "<div>\nx\n</div>"}, "html_block '<div>\\nx\\n</div>' is in a card"),
        ({"detail": "[press](https://evil.example)"}, "a link to 'https://evil.example' is in a card"),
        ({"detail": "![x](https://evil.example/p)"}, "image 'x' is in a card"),
        ({"summary": "all \u202ewell"}, "the sign '\\u202e' is in a card"),
        ({"suggestions": [{"label": "zero\u200bwidth"}]}, "the sign '\\u200b' is in a card"),
    ],
)
def test_what_is_more_than_text_is_told(members: dict[str, Any], told: str, answer: Answer, service: Service) -> None:
    broken = Laws(service).broken(Mutant(ORIGINAL, ORIGINAL, Law.INERT), _with_card(answer, **members))
    assert told in list(broken)


def test_a_slow_answer_is_a_finding(service: Service) -> None:
    seen = attack(service, [7], lambda _: (ORIGINAL, lambda _: ()), slow_seconds=0.0)
    assert [finding.number for finding in seen.findings] == [7]
    assert seen.findings[0].wrong.startswith("answered after ")
    assert seen.slowest[1] == 7


def test_a_finding_is_kept_and_may_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "FOUND", tmp_path / "fuzz")
    run.keep("bytes", Finding(41, Call(SIGN, b"[", "truncate"), "status 500"))
    (file,) = (tmp_path / "fuzz").iterdir()
    assert (file.name, file.read_bytes()) == ("infliximab-order-sign.bytes-41.json", b"[")
    assert run.replay(file) == 0
    told = capsys.readouterr().out
    assert "status 500 (truncate)" in told
    assert "400 after" in told


def test_the_portions_of_a_campaign_are_all_its_numbers() -> None:
    numbers = [n for _, first, count in run.portions("bytes", 7, 1_234) for n in range(first, first + count)]
    assert numbers == list(range(7, 1_241))


def test_a_short_campaign_over_two_processes_is_tallied(capsys: pytest.CaptureFixture[str]) -> None:
    seen = run.run("bytes", 0, 40, processes=2)
    assert (seen.statuses.total(), seen.findings) == (40, [])
    assert "bytes: 40 requests in " in capsys.readouterr().out
