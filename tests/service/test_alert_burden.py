"""`infliximab-cds burden`: how often which card would appear, counted over real files of saved requests."""

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service import patients
from cds_service.burden import TELL_EVERY, judge_charts
from cds_service.cli import UNCONFIGURED, main
from cds_service.clinical.knowledge import target_profiles
from cds_service.hooks.evaluate import evaluate
from cds_service.hooks.request import read_hook_request
from cds_service.site.settings import Settings
from cds_service.site.site import open_site

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)
AT = "2026-11-22T09:00:00+00:00"
FEW = ("low-trough", "near-target", "in-target", "adult", "no-level")


def _request(name: str, hook: str = "order-sign", as_of: datetime = AS_OF) -> Any:
    return patients.hook_request(patients.load(name), hook, as_of)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five synthetic children, one file each."""
    for name in FEW:
        (tmp_path / f"{name}.json").write_text(json.dumps(_request(name)))
    return tmp_path


def _burden(
    capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str, as_of: str = AT
) -> tuple[int, str, list[str]]:
    code = main(["burden", str(folder), "--as-of", as_of, *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err.splitlines()


def _numbers(table: str, name: str) -> list[str]:
    (line,) = [line for line in table.splitlines() if line.startswith(f"{name}  ")]
    return line.removeprefix(name).split()


def test_the_table_counts_cards_by_kind_and_indicator(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, table, notices = _burden(capsys, folder, "--profile", "paed-default")
    assert (code, notices) == (0, [UNCONFIGURED])
    assert "with the target paed-default (5 to 10 µg/mL), judged as of 2026-11-22T09:00+00:00" in table
    assert "5 charts: 5 evaluated, 0 not evaluable, 0 without an infliximab order; 5 orders judged" in table
    assert _numbers(table, "shorten_interval") == ["1", "0", "1", "20.0", "%"]
    assert _numbers(table, "near_target") == ["0", "1", "1", "20.0", "%"]
    assert _numbers(table, "any card") == ["1", "2", "3", "60.0", "%"]
    assert _numbers(table, "nothing to change") == ["1", "20.0", "%"]
    assert "Not evaluable" not in table
    assert "By target profile" not in table


def test_every_bundled_child_is_counted_once_and_as_evaluate_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = open_site(Settings())
    answered: Counter[str] = Counter()
    for name in patients.names():
        body = _request(name)
        (tmp_path / f"{name}.json").write_text(json.dumps(body))
        evaluation = evaluate(read_hook_request(body, "order-sign"), site, AS_OF, site.reading_deadline())
        answered.update(str(card.indicator) for card in evaluation.cards)
    _, table, _ = _burden(capsys, tmp_path)
    warning, info, cards, *_ = _numbers(table, "any card")
    assert (int(warning), int(info)) == (answered["warning"], answered["info"])
    silent = table.split("No card, because")[1].split("\n\n")[0].splitlines()[1:]
    orders = sum(int(re.split(r" {2,}", line)[1]) for line in silent) + int(cards)
    assert orders == len(patients.names())


def test_without_a_profile_all_that_can_be_chosen_are_compared_the_sites_own_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = folder / "site.toml"
    config.write_text('[policy]\ntarget_profile = "taxit"\n')
    code, table, notices = _burden(capsys, folder, "--config", str(config))
    compared = re.findall(r"^([a-z0-9-]+) \(", table.split("By target profile")[1], re.MULTILINE)
    assert (code, notices) == (0, [f"1 more in {folder} without .json: not read."])
    assert table.startswith("Cards expected with the target taxit (3 to 7 µg/mL)")
    assert compared[0] == "taxit"
    assert sorted(compared) == sorted(target_profiles())


def test_a_stricter_profile_does_not_lower_the_warnings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, table, _ = _burden(capsys, folder)
    assert _numbers(table, "taxit (3 to 7 µg/mL)")[0] == "1"
    assert _numbers(table, "low-trigger-6 (6 or more µg/mL)")[:2] == ["1", "2"]


def test_a_bad_file_is_counted_with_its_reason_and_stops_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.json").write_text("{")
    (folder / "b.json").write_text("\n\n{")
    (folder / "c.json").write_bytes(b"\xff")
    (folder / "d.json").write_text('{"hook": "order-dispatch"}')
    without_infusions = _request("low-trough")
    del without_infusions["prefetch"]["infusions"]
    (folder / "e.json").write_text(json.dumps(without_infusions))
    (folder / "f.json").symlink_to(folder / "low-trough.json")
    code, table, _ = _burden(capsys, folder, "--profile", "paed-default")
    assert code == 0
    assert "11 charts: 6 evaluated, 5 not evaluable" in table
    reasons = table.split("Not evaluable\n")[1].splitlines()
    assert len(reasons) == 4
    assert reasons[0].startswith("     2  body: JSON expected, line 1, column 2")
    assert reasons[0].endswith("(a.json and 1 more)")
    assert any("UTF-8 expected" in line and line.endswith("(c.json)") for line in reasons)
    assert any("hook: one of order-select" in line for line in reasons)
    assert any("infusions" in line and line.endswith("(e.json)") for line in reasons)
    assert _numbers(table, "shorten_interval")[2] == "2"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that the system refuses to read")
def test_a_file_that_the_system_refuses_is_counted_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "refused.json").symlink_to("/proc/self/mem")
    code, table, _ = _burden(capsys, folder, "--profile", "taxit")
    assert (code, table.splitlines()[-1]) == (0, "     1  the file cannot be read: Input/output error (refused.json)")


def test_a_defect_of_ours_in_one_chart_does_not_hide_the_others(folder: Path) -> None:
    broken = replace(open_site(Settings()), searches=None)  # type: ignore[arg-type]
    judged = judge_charts(sorted(folder.iterdir()), ["taxit"], broken, AS_OF, print)
    assert [file.refusal for file in judged] == ["a defect of this version (TypeError), please report it"] * 5


def test_nothing_of_a_child_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = _request("low-trough")
    foreign["prefetch"]["weight"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/canary-7"}
    (folder / "foreign.json").write_text(json.dumps(foreign))
    _, table, notices = _burden(capsys, folder)
    assert "6 charts: 5 evaluated, 1 not evaluable" in table
    assert "canary" not in table + "".join(notices)
    assert "1.7" not in table


def test_a_file_name_cannot_break_the_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "two\nlines\x1b[31m.json").write_text("[]")
    _, table, _ = _burden(capsys, folder, "--profile", "taxit")
    assert table.endswith("(two?lines?[31m.json)\n")


def test_requests_without_an_infliximab_order_are_named_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = _request("low-trough")
    other["context"]["draftOrders"]["entry"] = []
    (folder / "other.json").write_text(json.dumps(other))
    _, table, _ = _burden(capsys, folder, "--profile", "taxit")
    assert "6 charts: 6 evaluated, 0 not evaluable, 1 without an infliximab order; 5 orders judged" in table


def test_without_a_single_order_no_share_is_invented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.JSON").write_text("{")
    code, table, _ = _burden(capsys, tmp_path, "--profile", "taxit")
    assert code == 0
    assert _numbers(table, "any card") == ["0", "0", "0", "-"]


def test_a_reminder_held_back_until_the_infusion_is_near_is_no_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no-level.json").write_text(json.dumps(_request("no-level")))
    _, table, _ = _burden(capsys, tmp_path, "--profile", "taxit", as_of="2026-10-20T09:00:00+00:00")
    assert _numbers(table, "no usable level, the infusion is not near yet") == ["1", "100.0", "%"]


def test_an_opened_chart_is_counted_with_the_cards_of_patient_view(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "view.json").write_text(json.dumps(_request("in-target", "patient-view")))
    _, table, _ = _burden(capsys, tmp_path, "--profile", "paed-default")
    assert _numbers(table, "keep_regimen")[2] == "1"


def test_a_long_folder_tells_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps(_request("low-trough"))
    for number in range(TELL_EVERY + 3):
        (tmp_path / f"{number:04}.json").write_text(body)
    _, table, notices = _burden(capsys, tmp_path, "--profile", "taxit")
    assert notices == [UNCONFIGURED, f"{TELL_EVERY} of {TELL_EVERY + 3} charts judged"]
    assert f"{TELL_EVERY + 3} orders judged" in table


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("{folder}", "--profile", "induction"), "--profile: one of paed-default, low-trigger-6, taxit, perianal "),
        (("{folder}", "--as-of", "yesterday"), "--as-of: a time with offset expected"),
        (("{folder}", "--config", "{folder}/absent.toml"), "the configuration file cannot be read"),
        (("{folder}/empty",), "no .json file is in it"),
        (("{folder}/absent",), "a folder with charts expected: No such file or directory"),
        (("{folder}/low-trough.json",), "a folder with charts expected: Not a directory"),
    ],
)
def test_what_cannot_begin_is_one_clear_line_and_exit_2(
    arguments: tuple[str, ...], complaint: str, folder: Path
) -> None:
    (folder / "empty").mkdir()
    command = [sys.executable, "-m", "cds_service.cli", "burden", *(a.format(folder=folder) for a in arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, len(run.stderr.splitlines())) == (2, "", 1)
    assert complaint in run.stderr
