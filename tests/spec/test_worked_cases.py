"""The worked cases: small drawn charts, grouped by question. docs/worked-cases.md shows the same ones to clinicians."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from cds_service.clinical.advice import TABLE
from cds_service.clinical.assessment import (
    AdviceKind,
    AntibodyStatus,
    DiseaseStatus,
    Qualification,
    Severity,
    TroughStatus,
)
from cds_service.clinical.knowledge import stops, target_profiles
from tests.spec.case import Case, Conclusion, all_cases, read_case, read_chapters, read_section
from tests.spec.chart import judge
from tests.spec.conclusion import concluded, differences
from tests.spec.drawing import NAMES, WIDTH, draw
from tests.spec.telling import tell_case

CASES = all_cases()
AT_LEAST = 90


def _run(case: Case) -> object:
    marks = [pytest.mark.xfail(reason=case.not_yet, strict=True)] if case.not_yet else []
    return pytest.param(case, id=case.title, marks=marks)


@pytest.mark.parametrize("case", [_run(case) for case in CASES])
def test_a_worked_case_is_concluded_as_told(case: Case) -> None:
    assessment = judge(case)
    assert not differences(case.concludes, assessment), f"\n{tell_case(case, assessment)}"


def told(key: str) -> set[object]:
    """What the cases that hold today tell under one key."""
    values = [getattr(case.concludes, key) for case in CASES if not case.not_yet]
    return {item for value in values for item in (value if isinstance(value, tuple) else [value])}


@pytest.mark.parametrize(
    ("key", "all_of_them"),
    [
        ("row", [row.number for row in TABLE]),
        ("qualification", Qualification),
        ("status", TroughStatus),
        ("antibody", AntibodyStatus),
        ("disease", DiseaseStatus),
        ("severity", Severity),
        ("target", target_profiles()),
        ("stops", [name for name, stop in stops().items() if stop.effect == "stop"]),
    ],
)
def test_every_value_occurs_in_at_least_one_case(key: str, all_of_them: Iterable[object]) -> None:
    assert [value for value in all_of_them if value not in told(key)] == []


def test_every_kind_of_advice_occurs_in_at_least_one_case() -> None:
    assert [kind for kind in AdviceKind if kind not in told("advice") | told("also")] == []


def test_every_condition_that_only_limits_the_dose_occurs_in_at_least_one_case() -> None:
    coded = {entry.condition for case in CASES if not case.not_yet for entry in case.conditions}
    assert [name for name, stop in stops().items() if stop.effect == "dose" and f"stop.{name}" not in coded] == []


def test_every_row_of_the_table_leads_a_case_that_also_tells_its_advice() -> None:
    assert {case.concludes.row for case in CASES if case.concludes.advice and case.concludes.row} == {
        row.number for row in TABLE
    }


def test_there_are_enough_cases_and_no_chapter_is_empty() -> None:
    assert len(CASES) >= AT_LEAST
    assert all(cases for sections in read_chapters().values() for cases in [*sections.values(), sections])


def test_titles_are_different_sentences() -> None:
    titles = [case.title for case in CASES]
    assert len({title.lower() for title in titles}) == len(titles)
    assert [t for t in titles if t[0].islower() or t.endswith(".") or len(t.split()) < 4 or not t.isascii()] == []


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_a_drawing_shows_every_infusion_and_sample_inside_its_width(case: Case) -> None:
    lines = draw(case).splitlines()
    assert max(map(len, lines)) == NAMES + WIDTH + 1
    line = lines[0][NAMES:]
    earlier = int(lines[0][:NAMES].removeprefix("infusions").strip() or 0)
    same_column = len(case.infusions) - earlier - sum(line.count(mark) for mark in "Iis")
    assert same_column in (0, 1)  # two records of one infusion share a column
    drawn = sum(text.count("o") for text in lines[1:-1] for text in [text[NAMES:].replace("unreadable", "")])
    told_values = [level for level in case.levels if level.before != "unknown" or level.after]
    assert drawn >= len(told_values)


# The tests above can fail


LOW = {"title": "A low level", "levels": [{"value": "1.7"}], "concludes": {"row": 14}}


def test_a_wrong_conclusion_is_found_and_told_with_the_drawing() -> None:
    case = read_case({**LOW, "concludes": {"row": 21, "notes": ["stricture"], "not_noted": ["no-steroid-record"]}}, "x")
    assessment = judge(case)
    assert differences(case.concludes, assessment)[0] == "row: told 21, concluded 14"
    assert len(differences(case.concludes, assessment)) == 3
    assert draw(case) in tell_case(case, assessment)
    assert "NOT SO row: told 21, concluded 14" in tell_case(case, assessment)


def test_whoever_tells_the_advice_tells_the_whole_card() -> None:
    case = read_case({**LOW, "levels": [{"value": "<0.4"}], "concludes": {"advice": "shorten_interval"}}, "x")
    assert differences(case.concludes, judge(case)) == ["also: told , concluded consider_reinduction"]


def test_every_key_of_a_conclusion_is_compared() -> None:
    assessment = judge(read_case(LOW, "x"))
    assert set(concluded(assessment)) == set(Conclusion.__dataclass_fields__)
    silent = judge(replace(read_case(LOW, "x"), infusions=(), levels=(), order="none"))
    assert set(concluded(silent)) == set(Conclusion.__dataclass_fields__)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"levles": []}, "levles"),
        ({"levels": [{"value": "1.7", "when": "today"}]}, "when"),
        ({"levels": [{"value": "about 2"}]}, "about 2"),
        ({"levels": [{"value": "2", "before": "a week"}]}, "a week"),
        ({"results": [{"test": "mood", "value": "2"}]}, "mood"),
        ({"conditions": [{"condition": "stop.hiccups"}]}, "hiccups"),
        ({"antibodies": [{"value": "2", "assay": "mine"}]}, "mine"),
        ({"hospital": {"target": 5}}, "no such setting: target"),
        ({"concludes": {"qualification": "nearly"}}, "nearly"),
        ({"concludes": {"ruel": 3}}, "ruel"),
        ({"concludes": {"stops": ["hiccups"]}}, "hiccups"),
    ],
)
def test_what_a_case_may_not_say_is_refused_with_file_and_title(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=r"(?s)early\.toml, A low level: .*" + named):
        read_case({**LOW, **wrong}, "early.toml")


def test_a_section_holds_cases_only(tmp_path: Path) -> None:
    path = tmp_path / "early.toml"
    path.write_text('titel = "Early"\n', "utf-8")
    with pytest.raises(ValueError, match=r"early\.toml holds titel"):
        read_section(path)
