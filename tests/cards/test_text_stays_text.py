"""What a chart says is shown as it stands: no markup, no HTML, no link, no trick with direction or width."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cards import phrases
from cards.markdown import LONGEST_QUOTE, bullets, escape, plain, sentences, table
from cds_service.clinical.record import Comparator, Reading

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<0.4", "<0.4"),
        ("< 0.4", "< 0.4"),
        ("<b>", r"\<b\>"),
        ("a_b*c", r"a\_b\*c"),
        ("[x](y)", r"\[x\](y)"),
        ("a|b", r"a\|b"),
        ("back\\slash", "back\\\\slash"),
        ("R&D", r"R\&D"),
        ("two\nlines\tand more", "two lines and more"),
        ("zero\u200bwidth\u202edirection\x00null\x1b[31m", r"zerowidthdirectionnull\[31m"),
        ("https://x.example/a", "https: //x.example/a"),
        ("WWW.x.example", "WWW .x.example"),
        ("a@b.example", "a @b.example"),
    ],
)
def test_escaped_text_shows_its_own_characters(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_very_long_quotation_is_shortened_and_says_so() -> None:
    assert plain("x" * 400) == "x" * LONGEST_QUOTE + " … (shortened)"


@given(st.text(alphabet=st.sampled_from("<>&[]()*_`|~\\#+-=1.!:/w@ab \n\u202e\u200b'\""), max_size=60))
def test_rendered_escaped_text_is_the_plain_text_again(text: str) -> None:
    (token,) = [token for token in MARKDOWN.parse(f"Seen: {escape(text)} end") if token.type == "inline"]
    children = token.children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    wanted = re.sub(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", " ", plain(text))
    assert "".join(child.content for child in children).split() == f"Seen: {wanted} end".split()


@given(st.text(alphabet=st.sampled_from("#+-=*_1.)> \tab`~"), max_size=12))
def test_a_bullet_is_one_paragraph_whatever_it_says(text: str) -> None:
    kinds = [token.type for token in MARKDOWN.parse(bullets([f"{escape(text)} end"]))]
    assert kinds == [
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "inline",
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
    ]


def test_a_table_is_padded() -> None:
    assert table(("A", "Long"), [("wide cell", "b")], " ") == (
        " | A         | Long |\n |-----------|------|\n | wide cell | b    |"
    )


def test_sentences_skip_what_is_not_said() -> None:
    assert sentences("one", None, "", "two.", "**Three** words") == "One. Two. **Three** words."


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.7, "1.7"),
        (0, "0"),
        (0.123456, "0.123"),
        (4.996, "4.996"),
        (12.345, "12.35"),
        (1234.5, "1234"),
        (99999, ">9999"),
        (0.00001, "<.001"),
        (float("inf"), ">9999"),
        (9.9999, "10"),
        (10, "10"),
        (200, "200"),
    ],
)
def test_a_brief_number_has_at_most_five_characters(value: float, shown: str) -> None:
    assert phrases.brief(value) == shown


@given(st.floats(min_value=0) | st.just(float("nan")))
def test_any_brief_number_fits_its_place(value: float) -> None:
    assert 0 < len(phrases.brief(value)) <= phrases.BRIEF_WIDTH


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (phrases.number(20.0), "20"),
        (phrases.number(1850), "1850"),
        (phrases.number(float("nan")), "not available"),
        (phrases.rounded(8.04), "8"),
        (phrases.rounded(0.04), "0.04"),
        (phrases.odds(0.0021), "0.0021"),
        (phrases.odds(155.0), "160"),
        (phrases.every(1), "every week"),
        (phrases.every(5.5), "every 5.5 weeks"),
        (phrases.level(Reading(0.4, Comparator.LESS)), "below the assay's limit (<0.4 µg/mL)"),
        (phrases.level(Reading(0.4, Comparator.LESS_OR_EQUAL)), "at or below the assay's limit (≤0.4 µg/mL)"),
        (phrases.level(Reading(34, Comparator.GREATER)), "above the assay's range (>34 µg/mL)"),
        (phrases.level(Reading(34, Comparator.GREATER_OR_EQUAL)), "above the assay's range (≥34 µg/mL)"),
    ],
)
def test_numbers_are_told_in_one_way(shown: str, told: str) -> None:
    assert shown == told
