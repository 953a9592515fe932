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
