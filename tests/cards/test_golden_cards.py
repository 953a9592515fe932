"""Every kind of card, word for word. After a wanted change: `python tests/cards/gallery.py --update`, then read it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cds_service.clinical.assessment import AdviceKind
from tests.cards.assessments import CARDS
from tests.cards.gallery import GOLDEN, as_json, as_text, cards_of, picture_page


@pytest.mark.parametrize("name", CARDS)
def test_the_card_reads_as_it_did_when_it_was_last_reviewed(name: str) -> None:
    (card,) = cards_of(name)
    assert as_json(card) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    assert as_text(card) == (GOLDEN / f"{name}.md").read_text(encoding="utf-8")


def test_every_kind_of_advice_has_a_golden_card_and_no_golden_card_is_left_over() -> None:
    assert {name.split("-")[0] for name in CARDS} == set(AdviceKind)
    assert {path.stem for path in GOLDEN.iterdir()} == set(CARDS)


def test_the_gallery_writes_a_page_and_the_json_of_every_card(tmp_path: Path) -> None:
    script = Path(__file__).with_name("gallery.py")
    subprocess.run([sys.executable, str(script), "--out", str(tmp_path)], check=True, capture_output=True)
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    for name in CARDS:
        shown = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        summary = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))["summary"]
        assert f"{name}.html" in index
        assert summary.split("'")[0].split("<")[0] in shown


def test_a_page_shows_hostile_text_and_runs_none_of_it(tmp_path: Path) -> None:
    script = Path(__file__).with_name("gallery.py")
    subprocess.run([sys.executable, str(script), "--out", str(tmp_path)], check=True, capture_output=True)
    shown = (tmp_path / "shorten_interval-hostile-text.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert 'x.example"' not in shown


def test_the_picture_shows_the_header_the_six_lines_the_button_and_the_reasons_and_no_more() -> None:
    shown = picture_page()
    assert "consider every 5 weeks instead of 8</h2>" in shown
    assert re.findall(r"<strong>(\w+)", shown) == [
        "Trough", "Antibody", "Given", "Disease", "Options", "Assumed", "Re",
    ]  # fmt: skip
    assert "<button>Every 5 weeks</button>" in shown
    assert shown.count("<li>") == 6 + 3 + 6  # lines, other ways, reasons


WITH_FORECAST = [name for name, shown in CARDS.items() if shown.forecast]
JARGON = re.compile(
    r"\b(clearances?|volume of distribution|posterior|a priori|prior distribution|bayes\w*|etas?|omega|"
    r"compartments?|pharmacokinetics?|popPK|covariates?|likelihood|shrinkage)\b",
    re.IGNORECASE,
)


def reads(name: str) -> str:
    """The golden card without the addresses of its sources."""
    return re.sub(r"https?://\S+", "", (GOLDEN / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CARDS)
def test_no_card_speaks_the_language_of_pharmacokinetics(name: str) -> None:
    assert JARGON.findall(reads(name)) == []


def test_that_language_would_be_noticed() -> None:
    assert JARGON.findall("The Bayesian estimate of clearance (eta) in a two-compartment model") == [
        "Bayesian", "clearance", "eta", "compartment",
    ]  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_a_chance_is_never_called_one_of_being_in_target(name: str) -> None:
    assert not re.search(r"(chance|probability|likely)\w* (of being|to be) (in|within) (the )?target", reads(name))


def test_a_card_of_each_kind_that_shows_a_forecast_is_among_them() -> None:
    kinds = {CARDS[name].advice[0].kind.value for name in WITH_FORECAST}
    assert kinds == {"shorten_interval", "review_dose", "restore_dose", "near_target", "already_intensified"}


@pytest.mark.parametrize("name", WITH_FORECAST)
def test_a_forecast_is_told_in_whole_numbers_with_its_range_and_chances_in_tenths(name: str) -> None:
    rows = [re.split(r" *\| *", line)[1:-1] for line in reads(name).splitlines() if line.startswith("   | ")]
    header, *options = rows
    assert header[1:4] == ["Expected trough", "Chance of at least 5", "Chance above 10"]
    number = r"(<0\.1|[0-2](\.\d)?|\d+)"
    for row in options:
        assert re.fullmatch(rf"about {number} µg/mL \({number}–{number}\)", row[1]), row
        assert all(re.fullmatch(r"[1-9] in 10|under 1 in 20|over 19 in 20", told) for told in row[2:4]), row


@pytest.mark.parametrize("name", WITH_FORECAST)
def test_a_forecast_stands_beside_the_measured_level_with_what_it_leaves_out(name: str) -> None:
    shown = reads(name)
    assert re.search(r"Measured .*; if nothing changes, about \S+ expected[,.]", shown)
    assert "the error of the assay left out" in shown
    assert "in other children such models were off by half the level or more" in shown
    assert "Expected trough not forecast" not in shown


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shorten_interval-forecast", "about 7 µg/mL (2.4–17)"),
        ("shorten_interval-forecast", "7 in 10"),
        ("shorten_interval-forecast", "The models differ, every 4 weeks: 6 to 8 µg/mL"),
        ("shorten_interval-models-disagree", "consider every 4 to 5 weeks instead of 8\n"),
        ("shorten_interval-models-disagree", "The models disagree on the interval"),
        ("shorten_interval-insufficient", "no interval alone is likely to suffice, review\n"),
        ("shorten_interval-insufficient", "Every 4 weeks, 10 mg/kg (to consider)"),
        ("shorten_interval-insufficient-at-the-cap", "No interval allowed here is likely to suffice"),
        ("review_dose-forecast", "Every 4 weeks, 10 mg/kg (to consider)"),
        ("restore_dose-forecast", "Now: every 8 weeks, 4.2 mg/kg"),
        ("restore_dose-forecast", "Every 8 weeks, 5.2 mg/kg (to consider)"),
        ("already_intensified-forecast", "This order: every 6 weeks, 5.2 mg/kg | about 3 µg/mL (1–8)"),
    ],
)
def test_what_a_card_with_a_forecast_says(name: str, told: str) -> None:
    assert told in reads(name)


@pytest.mark.parametrize(
    ("name", "marked"),
    [
        ("shorten_interval-forecast", ["4 weeks"]),
        ("shorten_interval-models-disagree", ["5 weeks", "4 weeks"]),
        ("shorten_interval-insufficient", ["4 weeks"]),
        ("shorten_interval-insufficient-at-the-cap", []),
        ("restore_dose-forecast", ["8 weeks"]),
        ("near_target-forecast", []),
        ("already_intensified-forecast", []),
    ],
)
def test_only_what_is_to_be_considered_is_marked(name: str, marked: list[str]) -> None:
    assert re.findall(r"Every (\S+ weeks), \S+ mg/kg \(to consider\)", reads(name)) == marked


@pytest.mark.parametrize("name", WITH_FORECAST)
def test_only_a_forecast_that_is_sure_of_one_interval_carries_a_button(name: str) -> None:
    (card,) = cards_of(name)
    assert ("suggestions" in card) == (name == "shorten_interval-forecast")


def test_an_option_that_goes_too_far_is_not_shown() -> None:
    assert "Every 5 weeks" not in reads("restore_dose-forecast")
    assert "7.5 mg/kg" not in reads("restore_dose-forecast")
