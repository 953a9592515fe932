"""The file of sentences is refused whole when one row of it is wrong, and the refusal names the row."""

from importlib.resources import files

import pytest

from cards.wording import load_wording, read_wording
from cds_service.clinical.assessment import AdviceKind

TEXT = files("cards").joinpath("wording.toml").read_text(encoding="utf-8")


def test_the_shipped_sentences_have_a_row_for_every_kind_of_advice() -> None:
    assert {kind for kind, variant in load_wording().kinds if variant is None} == set(AdviceKind)


@pytest.mark.parametrize(
    ("wrong", "right", "complaint"),
    [
        ("[kind.keep_everything]", "[kind.keep_regimen]", r"\[kind.keep_everything\]: is no kind of advice"),
        ("", 'heading = "Less drug"\n', r"\[kind.consider_deescalation\]: heading is missing"),
        (
            "{every}{magic}",
            "{every}{instead}",
            r"\[kind.shorten_interval\]: summary has \{magic\}, which nothing fills",
        ),
        (
            "{every}{instead}, and think of the family and of the school",
            "{every}{instead}",
            r"\[kind.shorten_interval\]: summary may reach \d+ characters, at most 139",
        ),
        ("{every}{compared}, {cost}", "{every}{compared}, {dose}", r"\[kind.shorten_interval\]: consider has \{cost\}"),
        ('"kang-2026"', '"kang-2025"', r"citation kang-2026 is not in this file"),
        ("doi.org/10.1016", "https://doi.org/10.1016", r"\[citation.kang-2025\]: url is an absolute address"),
        ("says = 12 #", 'says = "12 children; the mean', r"\[citation.song-2024\]: needs label, says and url"),
        ("sources_for = 1 #", 'sources_for = ["kang-2025", "song', r"\[kind.shorten_interval\]: sources_for is a list"),
        ("heading = [] #", "heading = ", r"\[kind.shorten_interval\]: heading is a sentence"),
        (
            "[kind.review_antibody.when.huge]",
            "[kind.review_antibody.when.positive]",
            "is no status of antibody or trough",
        ),
        ("stale = 3", 'stale = "Old level"', "stale is a word or a sentence"),
        ("", 'too-early = "drawn too early to stand for a trough"\n', r"\[qualification\]: too-early is missing"),
        ('trough = "A very long name for it"', 'trough = "Trough"', r"\[level_name\]: trough has 1 to 12 characters"),
        ("colour = 1\nheading", "heading", "is not known here"),
        ("[origin]\n", "[source]\n", r"\[source\]: is missing"),
        ("", 'override_system = "urn:infliximab-cds:override-reason"\n', r"\[source\]: override_system is missing"),
        ('title = "SES-CD"', 'name = "SES-CD"', r"\[predictor.ses_cd\]: name is missing"),
        ("no_recheck2", "no_recheck", r"\[text\]: no_recheck is missing"),
    ],
)
def test_a_wrong_row_is_named(wrong: str, right: str, complaint: str) -> None:
    assert right in TEXT
    with pytest.raises(ValueError, match=complaint):
        read_wording(TEXT.replace(right, wrong, 1))


def test_a_kind_with_a_single_alternative_is_refused() -> None:
    one = TEXT.replace('    "keep the regimen and measure again in 6 to 12 months",\n', "")
    with pytest.raises(ValueError, match=r"consider_deescalation.*at least two alternatives"):
        read_wording(one)


def test_no_sentence_shouts_and_every_source_can_be_opened() -> None:
    assert "!" not in TEXT
    assert all(citation.url.startswith("http") for citation in load_wording().citations.values())
