"""Points that fill a cube evenly, turned into normal deviates: the same in every call.

Question: which few children stand for all possible ones? Source: a rank-1 lattice whose generator is built component
by component for the worst error of smooth periodic functions, the first dimensions weighing most (Sloan and Reztsov
2002, doi:10.1090/S0025-5718-01-01342-4). A thousand of them do what many thousand random draws would.
"""

from functools import cache
from math import gcd
from statistics import NormalDist

import numpy as np

from cds_service.clinical.pk.model import Array

_GOLDEN = (5**0.5 - 1) / 2  # shifts each dimension by another irrational part, so that no point lies on a border


# Built by `build_generator`, which takes a third of a second; the number of points must be prime.
GENERATORS = {
    509: (
        1,
        209,
        133,
        228,
        31,
        48,
        82,
        40,
        142,
        153,
        192,
        98,
        233,
        220,
        186,
        236,
        112,
        87,
        108,
        222,
        194,
        172,
        58,
        124,
        197,
    ),
    2039: (
        1,
        462,
        753,
        595,
        889,
        968,
        700,
        615,
        337,
        837,
        489,
        141,
        570,
        773,
        664,
        162,
        369,
        118,
        999,
        794,
        393,
        868,
        49,
        431,
        780,
    ),
}
DIMENSIONS = 24


@cache
def normal_lattice(points: int) -> tuple[Array, Array]:
    """Standard normal deviates (point, dimension), and one more dimension left uniform (point).

    Raises KeyError for a number of points that has no generator.
    """
    shift = (0.5 + np.arange(DIMENSIONS + 1) * _GOLDEN) % 1
    uniform = (np.arange(points)[:, None] * np.array(GENERATORS[points]) / points + shift) % 1
    clear = np.clip(uniform, 0.1 / points, 1 - 0.1 / points)
    normal = NormalDist()
    deviates = np.array([[normal.inv_cdf(u) for u in row] for row in clear[:, :-1].tolist()])
    return deviates, uniform[:, -1]


def build_generator(points: int, dimensions: int) -> tuple[int, ...]:
    """The generator of so many points (a prime) in so many dimensions, the best component after the other."""
    candidates = np.array([z for z in range(1, points // 2 + 1) if gcd(z, points) == 1])
    at = np.outer(candidates, np.arange(points)) % points / points
    kernel = 2 * np.pi**2 * (at * at - at + 1 / 6)
    product, chosen = np.ones(points), []
    for dimension in range(dimensions):
        best = int(np.argmin(kernel @ product)) if dimension else 0
        chosen.append(candidates[best])
        product = product * (1 + kernel[best] / (dimension + 1) ** 2)
    return tuple(int(component) for component in chosen)
