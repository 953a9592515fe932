"""The few children that stand for all: the points are those of the search, and they are even."""

from statistics import NormalDist

import numpy as np
import pytest

from cds_service.clinical.pk.lattice import DIMENSIONS, GENERATORS, TIE, build_generator, normal_lattice
from cds_service.clinical.pk.posterior import DRAWS, FIRST_ROUND


def searched_one_by_one(points: int, dimensions: int) -> list[int]:
    """The component-by-component search of Sloan and Reztsov 2002 as it is written, without any convolution."""
    numbers = np.arange(points)

    def kernel(component: int) -> np.ndarray:
        at = numbers * component % points / points
        return 2 * np.pi**2 * (at * at - at + 1 / 6)

    product, chosen = 1 + kernel(1), [1]
    for dimension in range(1, dimensions):
        errors = np.array([kernel(component) @ product for component in range(1, points)])
        best = 1 + int(np.flatnonzero(errors < errors.min() + TIE * points)[0])
        chosen.append(best)
        product = product * (1 + kernel(best) / (dimension + 1) ** 2)
    return chosen


@pytest.mark.parametrize("points", GENERATORS)
def test_the_generators_are_those_that_the_search_finds(points: int) -> None:
    assert " ".join(map(str, build_generator(points, DIMENSIONS + 1))) == GENERATORS[points]


@pytest.mark.parametrize("points", [3, 31, 127, 251])
def test_the_quick_search_finds_what_the_plain_one_finds(points: int) -> None:
    assert list(build_generator(points, 8)) == searched_one_by_one(points, 8)


@pytest.mark.parametrize("points", [4, 9, 15])
def test_the_number_of_points_is_a_prime(points: int) -> None:
    with pytest.raises(ValueError, match="an odd prime"):
        build_generator(points, 2)


def test_a_number_of_points_without_a_generator_is_refused() -> None:
    with pytest.raises(KeyError):
        normal_lattice(11)


@pytest.mark.parametrize("points", [FIRST_ROUND, DRAWS])
def test_every_dimension_holds_each_quantile_once(points: int) -> None:
    deviates = normal_lattice(points)
    assert deviates.shape == (DIMENSIONS, points)
    quantiles = [NormalDist().inv_cdf((number + 0.5) / points) for number in range(points)]
    assert np.sort(deviates) == pytest.approx(np.tile(quantiles, (DIMENSIONS, 1)))


def test_a_first_part_of_the_points_is_nearly_as_even_as_all_of_them() -> None:
    """Each kind of children is drawn from points next to each other; random ones would be off by 1 / root of n."""
    part = normal_lattice(DRAWS)[0, : DRAWS // 2]
    assert abs(np.mean(part)) < 0.2 / np.sqrt(len(part))
    assert np.std(part) == pytest.approx(1, abs=0.2 / np.sqrt(len(part)))


@pytest.mark.parametrize("points", [FIRST_ROUND, DRAWS])
@pytest.mark.parametrize("dimensions", [1, 2, 4, 8])
def test_a_mean_over_the_points_is_at_least_five_times_nearer_than_one_over_random_draws(
    points: int, dimensions: int
) -> None:
    """The mean of e^(a x) is e^(a a / 2); by random draws its error has the deviation of e^(a x) over the root of n."""
    slopes = np.full(dimensions, 0.5 / np.sqrt(dimensions))
    exact = np.exp(0.125)
    random_error = exact * np.sqrt((np.exp(0.25) - 1) / points)
    error = abs(np.mean(np.exp(slopes @ normal_lattice(points)[:dimensions])) - exact)
    assert 5 * error < random_error
