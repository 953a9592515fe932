"""Points that fill a cube evenly, turned into normal deviates: the same in every call.

Question: which few children stand for all possible ones? Source: a rank-1 lattice whose generator is built component
by component for the worst error of smooth periodic functions, the first dimensions weighing most (Sloan and Reztsov
2002, doi:10.1090/S0025-5718-01-01342-4), quickly (Nuyens and Cools 2006, doi:10.1090/S0025-5718-06-01785-6). A few
thousand of them do what many times as many random draws would.
"""

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from cds_service.clinical.pk.model import Array

DIMENSIONS = 24
TIE = 1e-9  # components whose errors differ by less are alike, and the smallest one is taken
_GOLDEN = (5**0.5 - 1) / 2  # shifts each dimension by another irrational part, so that no corner holds a point

# Built by `build_generator`; the number of points must be prime.
GENERATORS = {
    509: "1 151 232 87 122 67 99 182 225 108 114 18 241 202 70 20 31 48 166 27 130 158 140 215 59",
    5003: (
        "1 1850 2160 1187 2440 363 1926 1040 1504 1624 603 734 581 903 1061 86 267 564 476 440 426 1553 831 745 2009"
    ),
}


@cache
def normal_lattice(points: int) -> Array:
    """Standard normal deviates (dimension, point), single precision. The points come by rising value of one dimension
    more, the second best: whoever needs several kinds of points takes the first so many for the first, and so on.

    Raises KeyError for a number of points that has no generator.
    """
    generator = np.array(GENERATORS[points].split(), dtype=int)
    shift = (np.arange(DIMENSIONS + 1) * _GOLDEN % 1 * points).astype(int)
    places = (np.arange(points)[:, None] * generator + shift) % points
    middles = (np.arange(points) + 0.5) / points
    deviates = np.array([NormalDist().inv_cdf(middle) for middle in middles.tolist()])
    order = np.argsort(places[:, 1])
    return np.ascontiguousarray(deviates[np.delete(places, 1, axis=1)[order]].T, dtype=np.float32)


def build_generator(points: int, dimensions: int) -> tuple[int, ...]:
    """The generator of so many points (a prime) in so many dimensions, the best component after the other.

    All components are tried at once: in the order of the powers of a primitive root their errors are a convolution.
    """
    powers = _powers_of_a_primitive_root(points)
    at = np.arange(points) / points
    kernel = 2 * np.pi**2 * (at * at - at + 1 / 6)
    spectrum = np.fft.rfft(kernel[powers])
    product, chosen = np.ones(points), []
    for dimension in range(dimensions):
        errors = np.fft.irfft(spectrum * np.fft.rfft(product[powers[-np.arange(len(powers))]]), len(powers))
        component = int(powers[errors < errors.min() + TIE * points].min()) if dimension else 1
        chosen.append(component)
        product *= 1 + kernel[np.arange(points) * component % points] / (dimension + 1) ** 2
    return tuple(chosen)


def _powers_of_a_primitive_root(points: int) -> NDArray[np.int64]:
    """Every number from 1 to the prime less 1, as the powers of one of them. Raises ValueError without such a one."""
    for root in range(2, points):
        powers = [1]
        while len(powers) < points - 1:
            powers.append(powers[-1] * root % points)
        if set(powers) == set(range(1, points)):
            return np.array(powers)
    raise ValueError(f"the number of points is an odd prime, got {points}")
