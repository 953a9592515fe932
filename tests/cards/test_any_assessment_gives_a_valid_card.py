"""Whatever the medicine concludes from whatever chart, the card is valid, complete and plain."""

from dataclasses import fields, is_dataclass
from datetime import UTC
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cards.card import LONGEST_SUMMARY
from cards.summary import fill_places
from cards.wording import SENTENCE_ONLY, WIDTHS, load_wording
from cards.write import write_cards
from cds_service.clinical import assessment as a
from cds_service.clinical import record as r
from tests.cards.assessments import DRAFT, LOW_TROUGH
from tests.cards.rules import broken_rules

HTML_ALLOWED = MarkdownIt("commonmark", {"html": True}).enable("table")

TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["<b>x</b>", "<!-- -->", "[a](b)", "| a | b |", "# h", "1. x", "- x", "a\n\nb", "&lt;", "```", "x" * 500]
    ),
)
NUMBER = st.one_of(st.floats(0, 500), st.floats(0, 1e300), st.sampled_from([0.0, 5e-324, 4.9999999, 9999.5]))
POSITIVE = NUMBER.filter(lambda value: value > 0)
MOMENT = st.builds(r.Moment, st.datetimes(timezones=st.just(UTC)), st.booleans())
READING = st.builds(r.Reading, NUMBER, st.none() | st.sampled_from(r.Comparator))
ORDER = st.builds(r.InfusionOrder, TEXT, dose_mg=st.none() | NUMBER, interval_weeks=st.none() | st.floats(0.1, 104))

KNOWN: dict[object, st.SearchStrategy[Any]] = {
    float: NUMBER,
    str: TEXT,
    int: st.integers(0, 10**6),
    r.Moment: MOMENT,
    r.Reading: READING,
    r.InfusionOrder: ORDER,
}


def built(kind: type, **chosen: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any value of one of our dataclasses; `chosen` names the fields that are not just any value of their type."""
    hints = {field.name: field.type for field in fields(kind) if field.name not in chosen}
    return st.builds(kind, **{name: strategy_for(hint) for name, hint in hints.items()}, **chosen)


def strategy_for(hint: Any) -> st.SearchStrategy[Any]:
    if hint in KNOWN:
        return KNOWN[hint]
    arguments = getattr(hint, "__args__", ())
    if getattr(hint, "__origin__", None) is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(strategy_for(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*map(strategy_for, arguments))
    if arguments and getattr(hint, "__origin__", None) is None:
        return st.one_of(*map(strategy_for, arguments))
    if is_dataclass(hint) and isinstance(hint, type):
        return built(hint)
    return st.from_type(hint)


ADVICE = built(
    a.Advice, interval_weeks=st.none() | POSITIVE, interval_weeks_range=st.none() | st.tuples(POSITIVE, POSITIVE)
)
GIVEN = built(a.GivenRegimen, interval_weeks=st.none() | POSITIVE)
OPTION = built(a.Option, interval_weeks=POSITIVE)
ORDERED = built(a.OrderedRegimen, interval_weeks=st.none() | POSITIVE)
ANY = built(
    a.Assessment,
    as_of=st.datetimes(timezones=st.just(UTC)),
    applies=st.just(True),
    patient=st.just(LOW_TROUGH.patient) | built(a.PatientFacts, birth_date=st.none()),
    given=st.none() | GIVEN,
    ordered=st.none() | ORDERED,
    options=st.lists(OPTION, max_size=4).map(tuple),
    advice=st.lists(ADVICE, min_size=1, max_size=3).map(tuple),
)


@given(ANY, st.sampled_from(["order-select", "order-sign", "patient-view"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_assessment_gives_only_valid_cards(assessment: a.Assessment, hook: str) -> None:
    for card in write_cards(assessment, hook=hook, draft=DRAFT):
        assert broken_rules(card.to_json()) == []
        assert len(card.summary) <= LONGEST_SUMMARY
        detail = str(card.detail)
        tokens = HTML_ALLOWED.parse(detail)
        inline = [child.type for token in tokens for child in token.children or ()]
        assert not {"html_block", "html_inline"} & {*inline, *(token.type for token in tokens)}
        assert [token.type for token in tokens].count("table_open") <= 1
        assert "link_open" not in inline
        assert all(character.isprintable() or character == "\n" for character in detail)
        assert all(f"\n\n{place}. **" in f"\n\n{detail}" for place in range(1, 7))


@given(ANY)
@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_the_same_assessment_gives_the_same_card(assessment: a.Assessment) -> None:
    first, second = (write_cards(assessment, hook="order-sign", draft=DRAFT) for _ in range(2))
    assert first == second


@given(ANY)
@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_word_fits_the_width_for_which_the_summaries_were_proved(assessment: a.Assessment) -> None:
    for advice in assessment.advice:
        filled = fill_places(assessment, advice, load_wording())
        assert set(filled) == {*WIDTHS, *SENTENCE_ONLY}
        assert [place for place, width in WIDTHS.items() if len(filled[place]) > width] == []
