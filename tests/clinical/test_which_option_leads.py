"""Which option leads, as a table of worked cases with made-up chances; no model and no child stands behind them."""

from dataclasses import replace

import pytest

from cds_service.clinical.assessment import Choice, Expectation, ExpectedTrough, Forecast, Option
from cds_service.clinical.choice import Need, choose
from cds_service.clinical.regimen import WEEKS_PER_YEAR

ANY_TROUGH = ExpectedTrough(5.0, 2.0, 12.0)
EVERY_EIGHT = Need(0.50, 8.0, urgent=False)
URGENT = Need(0.70, 8.0, urgent=True)
Chances = tuple[float, ...]


def option(weeks: float, dose: float, chance: float, far: float | None = 0.0, by_model: Chances = ()) -> Option:
    """A regimen with its chance of at least the lower limit, and that of far more than the upper one."""
    alone = by_model or (chance,)
    hope = Expectation(ANY_TROUGH, ANY_TROUGH, chance, 0.0, far, tuple(5.0 for _ in alone), alone)
    return Option(weeks, dose, dose * WEEKS_PER_YEAR / weeks, current=False, recommended=False, expected=hope)


def forecast(*options: Option, weights: Chances = (1.0,)) -> Forecast:
    models = tuple((f"model-{place}", weight) for place, weight in enumerate(weights))
    return Forecast(models, unchanged=option(8, 5, 0.1), options=options, draft=None)


def chosen(found: Forecast) -> tuple[float, float | None]:
    assert found.choice is not None
    return found.choice.option.interval_weeks, found.choice.option.dose_mg_per_kg


def choice_of(*options: Option, need: Need = EVERY_EIGHT, weights: Chances = (1.0,)) -> Choice:
    found = choose(forecast(*options, weights=weights), need, shorter=True).choice
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("why", "options", "need", "leads"),
    [
        ("the least drug that is likely enough", [(7, 5, 0.3), (6, 5, 0.6), (6, 7.5, 0.9)], EVERY_EIGHT, (6, 5)),
        ("whatever the order in which they come", [(6, 7.5, 0.9), (6, 5, 0.6), (7, 5, 0.3)], EVERY_EIGHT, (6, 5)),
        ("7.5 mg/kg every 7 weeks before 10 every 7", [(7, 10, 0.9), (7, 7.5, 0.6)], EVERY_EIGHT, (7, 7.5)),
        ("the fewest visits where the drug per year is the same", [(4, 5, 0.8), (6, 7.5, 0.8)], URGENT, (6, 7.5)),
        ("though the last digits of that amount differ", [(4, 6, 0.8), (6, 9, 0.8)], URGENT, (6, 9)),
        ("5 points short still counts", [(7, 5, 0.45), (6, 5, 0.6)], EVERY_EIGHT, (7, 5)),
        ("6 points short does not", [(7, 5, 0.44), (6, 5, 0.6)], EVERY_EIGHT, (6, 5)),
        ("7 in 10 where it is urgent", [(6, 5, 0.6), (5, 5, 0.7)], URGENT, (5, 5)),
        ("there too 5 points short still counts", [(6, 5, 0.65), (5, 5, 0.7)], URGENT, (6, 5)),
        ("at most two weeks at once", [(6, 5, 0.2), (6, 7.5, 0.6), (5, 5, 0.6)], EVERY_EIGHT, (6, 7.5)),
        ("more than two weeks where it is urgent", [(6, 5, 0.2), (6, 7.5, 0.9), (5, 5, 0.8)], URGENT, (5, 5)),
        ("the nearest of the list, however far", [(5, 5, 0.6), (4, 5, 0.9)], EVERY_EIGHT, (5, 5)),
        ("and no step beyond that", [(5, 5, 0.3), (5, 7.5, 0.6), (4, 5, 0.9)], EVERY_EIGHT, (5, 7.5)),
    ],
)  # fmt: skip
def test_the_gentlest_option_that_is_likely_enough_leads(
    why: str, options: list[tuple[float, float, float]], need: Need, leads: tuple[float, float]
) -> None:
    found = choose(forecast(*(option(*told) for told in options)), need, shorter=True)
    assert (chosen(found), found.choice and found.choice.sufficient) == (leads, True), why


@pytest.mark.parametrize(
    ("why", "options", "leads"),
    [
        ("far above, and less drug has a fair chance", [(7, 5, 0.40), (6, 5, 0.5, 0.26)], ((7, 5), False)),
        ("no more than 25 % far above", [(7, 5, 0.40), (6, 5, 0.5, 0.25)], ((6, 5), True)),
        ("less drug has no fair chance", [(7, 5, 0.39), (6, 5, 0.5, 0.26)], ((6, 5), True)),
        ("a target without an upper end", [(7, 5, 0.40), (6, 5, 0.5, None)], ((6, 5), True)),
        ("only a leap would be gentler", [(5, 5, 0.60), (6, 5, 0.1), (6, 7, 0.5, 0.3)], ((6, 7), True)),
        ("only an option of the same interval would be gentler", [(8, 5.5, 0.45), (7, 5, 0.5, 0.3)], ((7, 5), True)),
        ("the same amount of drug is not gentler", [(6, 7.5, 0.40), (4, 5, 0.7, 0.3)], ((4, 5), True)),
    ],
)
def test_an_option_that_goes_far_above_the_target_yields_to_a_gentler_one(
    why: str, options: list[tuple[float, float, float, float]], leads: tuple[tuple[float, float], bool]
) -> None:
    need = replace(EVERY_EIGHT, urgent=any(weeks == 4 for weeks, *_ in options))
    found = choose(forecast(*(option(*told) for told in options)), need, shorter=True)
    assert found.choice is not None
    assert (chosen(found), found.choice.sufficient) == leads, why


def test_options_that_go_too_far_stay_in_the_forecast_and_are_marked() -> None:
    found = choose(forecast(option(4, 5, 0.9), option(7, 5, 0.5), option(6, 7.5, 0.9, 0.4)), EVERY_EIGHT, shorter=True)
    assert [(o.interval_weeks, o.allowed) for o in found.options] == [(7, True), (6, False), (4, False)]


@pytest.mark.parametrize(
    ("why", "options", "leads"),
    [
        ("interval and dose together", [(6, 5, 0.2), (5, 5, 0.3), (4, 5, 0.5), (4, 7.5, 0.6)], (4, 7.5)),
        ("the likelier of two of them", [(6, 5, 0.2), (6, 10, 0.4), (4, 7.5, 0.5)], (4, 7.5)),
        ("also where an interval alone is likelier", [(6, 10, 0.4), (4, 5, 0.5)], (6, 10)),
        ("where no higher dose is allowed, the nearest", [(6, 5, 0.2), (4, 5, 0.5)], (4, 5)),
    ],
)
def test_where_none_is_likely_enough_the_answer_is_never_an_interval_alone_if_a_dose_can_go_with_it(
    why: str, options: list[tuple[float, float, float]], leads: tuple[float, float]
) -> None:
    found = choose(forecast(*(option(*told) for told in options)), URGENT, shorter=True)
    assert found.choice is not None
    assert (chosen(found), found.choice.sufficient, found.choice.interval_range) == (leads, False, None), why


@pytest.mark.parametrize(
    ("why", "by_seven", "by_six", "by_five", "weights", "wanted"),
    [
        ("all want six", (0.3, 0.3), (0.6, 0.6), (0.9, 0.9), (0.5, 0.5), None),
        ("one is content with seven", (0.5, 0.1), (0.8, 0.5), (0.9, 0.9), (0.5, 0.5), (6, 7)),
        ("one asks for five", (0.3, 0.1), (0.8, 0.3), (0.9, 0.6), (0.5, 0.5), (5, 6)),
        ("content with none, the shortest counts", (0.3, 0.1), (0.8, 0.3), (0.9, 0.3), (0.5, 0.5), (5, 6)),
        ("a model of 5 % is heard", (0.3, 0.5), (0.6, 0.6), (0.9, 0.9), (0.95, 0.05), (6, 7)),
        ("a model of less is not", (0.3, 0.5), (0.6, 0.6), (0.9, 0.9), (0.951, 0.049), None),
    ],
)  # fmt: skip
def test_models_that_disagree_on_the_interval_give_a_range(
    why: str, by_seven: Chances, by_six: Chances, by_five: Chances, weights: Chances, wanted: tuple[float, float] | None
) -> None:
    options = [
        option(weeks, 5, average, by_model=alone)
        for weeks, average, alone in ((7, 0.3, by_seven), (6, 0.55, by_six), (5, 0.75, by_five))
    ]
    found = choice_of(*options, need=replace(EVERY_EIGHT, urgent=True), weights=weights)
    assert (found.option.interval_weeks, found.interval_range) == (6, wanted), why


def test_models_that_want_another_dose_at_one_interval_agree_on_the_interval() -> None:
    options = [option(7, 5, 0.4, by_model=(0.5, 0.3)), option(7, 7.5, 0.6, by_model=(0.7, 0.5))]
    found = choice_of(*options, weights=(0.5, 0.5))
    assert (found.option.dose_mg_per_kg, found.interval_range) == (7.5, None)


@pytest.mark.parametrize(
    ("chances", "leads", "sufficient"), [((0.6, 0.9), 7.5, True), ((0.3, 0.5), 10, True), ((0.1, 0.3), 10, False)]
)
def test_at_the_shortest_interval_only_doses_are_compared(chances: Chances, leads: float, sufficient: bool) -> None:
    at_four = [option(4, dose, chance) for dose, chance in zip((7.5, 10), chances, strict=True)]
    found = choose(forecast(*at_four), Need(0.50, 4.0, urgent=False), shorter=False)
    assert found.choice is not None
    assert (chosen(found), found.choice.sufficient, found.choice.interval_range) == ((4, leads), sufficient, None)


@pytest.mark.parametrize(
    ("options", "shorter"), [((), True), ((option(8, 7.5, 0.9),), True), ((option(7, 5, 0.9),), False)]
)
def test_without_an_option_of_the_kind_that_is_asked_for_nothing_is_chosen(
    options: tuple[Option, ...], shorter: bool
) -> None:
    assert choose(forecast(*options), EVERY_EIGHT, shorter=shorter).choice is None
