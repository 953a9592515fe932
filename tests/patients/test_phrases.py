"""Spans, amounts and rhythms of the patient files."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cds_service.patients.phrases import Amount, Rhythm, Span, read_amount, read_rhythm, read_span

SPANS = (
    ("1 hour", Span(0, timedelta(hours=1))),
    ("8 weeks 2 hours", Span(0, timedelta(weeks=8, hours=2))),
    ("12 years 4 months", Span(148, timedelta())),
    ("1 year 1 day", Span(12, timedelta(days=1))),
    ("unknown", None),
)


@pytest.mark.parametrize(("text", "span"), SPANS)
def test_a_span_is_read_as_spoken(text: str, span: Span | None) -> None:
    assert read_span(text) == span


@pytest.mark.parametrize(
    "text", ["", "8", "weeks", "8weeks", "8 weeks, 1 day", "8 weeks  1 day", "-1 day", "1.5 weeks", 8, None]
)
def test_another_span_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a span"):
        read_span(text)


def test_months_are_calendar_months_and_end_on_the_last_day_there_is() -> None:
    leap = datetime(2024, 3, 31, 9, tzinfo=UTC)
    assert Span(1, timedelta()).date_before(leap) == date(2024, 2, 29)
    assert Span(3, timedelta()).date_before(leap) == date(2023, 12, 31)
    assert Span(12, timedelta(hours=10)).before(leap) == datetime(2023, 3, 30, 23, tzinfo=UTC)


AMOUNTS = (
    ("1.7 ug/mL", Amount(1.7, None, "ug/mL")),
    ("<0.4 ug/mL", Amount(0.4, "<", "ug/mL")),
    (">= 34 ug/mL", Amount(34, ">=", "ug/mL")),
    ("12", Amount(12, None, None)),
    ("1.7 OD ratio", Amount(1.7, None, "OD ratio")),
    ("none", None),
)


@pytest.mark.parametrize(("text", "amount"), AMOUNTS)
def test_an_amount_is_read_as_reported(text: str, amount: Amount | None) -> None:
    assert read_amount(text) == amount


@pytest.mark.parametrize("text", ["", "low", "1,7 ug/mL", "~2 ug/mL", "-1 ug/mL", "1.7 ", 1.7])
def test_another_amount_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected an amount"):
        read_amount(text)


def test_a_rhythm_keeps_the_unit_in_which_the_order_is_written() -> None:
    assert read_rhythm("8 weeks") == Rhythm(8, "wk")
    assert read_rhythm("56 days") == Rhythm(56, "d")
    assert read_rhythm("not stated") is None


@pytest.mark.parametrize("text", ["q8w", "2 months", "8", 8])
def test_another_rhythm_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a rhythm"):
        read_rhythm(text)
