"""Every model once more as a formula, typed anew from the reference table 1.1, so that a slip in a file is seen.

`kg`, `albumin` (g/dL), `positive`, `immunomodulator`, `male`, `young` (under 15 years); CL in L/day, volumes in L. The
formulas are those of Crohn's disease. Variances are squared coefficients of variation. All children are synthetic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.pk.model import Residual
from cds_service.clinical.pk.published import model_names, published_model
from tests.pk.children import typical


@dataclass(frozen=True)
class Child:
    kg: float
    albumin: float
    positive: float
    immunomodulator: float
    male: float
    young: float

    @property
    def covariates(self) -> dict[str, float]:
        return {
            "weight_kg": self.kg,
            "albumin_g_per_dl": self.albumin,
            "antibody_positive": self.positive,
            "immunomodulator": self.immunomodulator,
            "male": self.male,
            "under_15": self.young,
            "crohns": 1.0,
        }


@dataclass(frozen=True)
class Published:
    typical: Callable[[Child], tuple[float, ...]]
    children: dict[str, float]
    occasions: dict[str, float]
    residual: Residual


def fasanmade_combined(c: Child) -> tuple[float, ...]:
    clearance = 5.42e-3 * c.kg * (c.kg / 65) ** -0.313 * (c.albumin / 4.1) ** -0.855
    return (
        clearance * (1 + 0.291 * c.positive) * (1 - 0.137 * c.immunomodulator),
        52.4e-3 * c.kg * (c.kg / 65) ** -0.233,
        2.26e-3 * c.kg,
        19.6e-3 * c.kg * (c.kg / 65) ** -0.588,
    )


def fasanmade_reach(c: Child) -> tuple[float, ...]:
    return (
        5.43e-3 * c.kg * (c.kg / 42) ** -0.34 * (c.albumin / 3.8) ** -1.22,
        54.2e-3 * c.kg * (c.kg / 42) ** -0.171,
        3.52e-3 * c.kg,
        29.2e-3 * c.kg * (c.kg / 42) ** -0.414,
    )


def wojciechowski(c: Child) -> tuple[float, ...]:
    return (
        0.294 * (c.kg / 70) ** 0.614 * (c.albumin / 4) ** -1.17 * (1 + 0.257 * c.positive),
        3.33 * (c.kg / 70) ** 0.691,
        0.0719 * (c.kg / 70) ** 1.1,
        1.14 * (c.kg / 70) ** 0.59,
    )


def dubinsky(c: Child) -> tuple[float, ...]:
    return (
        0.296 * (c.kg / 70) ** 0.612 * (c.albumin / 4) ** -2.3 * (1 + 0.231 * c.positive),
        3.30 * (c.kg / 70) ** 0.696,
        0.0781 * (c.kg / 70) ** 1.15,
        1.16 * (c.kg / 70) ** 0.604,
    )


def passot(c: Child) -> tuple[float, ...]:
    return (
        0.23 * (c.kg / 67) ** 0.603 * exp(0.181 * c.male) * exp(0.384),
        5.2 * (c.kg / 67) ** 0.277 * exp(0.209 * c.male) * exp(0.399) * exp(-0.396 * c.young),
    )


PAPERS = {
    "fasanmade-2011-combined": Published(
        fasanmade_combined, {"CL": 0.0942, "V1": 0.0159, "V2": 0.306}, {"CL": 0.0335}, Residual(0.292, 0.371)
    ),
    "fasanmade-2011-reach": Published(
        fasanmade_reach, {"CL": 0.064, "V1": 0.027, "V2": 0.122}, {"CL": 0.048}, Residual(0.275, 0.244)
    ),
    "wojciechowski-2017": Published(
        wojciechowski, {"CL": 0.106929, "V1": 0.0225, "Q": 1.21, "V2": 0.638401}, {}, Residual(0.419)
    ),
    "dubinsky-2017": Published(dubinsky, {"CL": 0.098, "V1": 0.010, "Q": 1.232, "V2": 0.579}, {}, Residual(0.419)),
    "passot-2016-paediatric": Published(passot, {"CL": 0.092, "V1": 0.050}, {}, Residual(0.223, 0.72)),
}


@pytest.mark.parametrize("name", model_names())
@given(
    child=st.builds(
        Child,
        kg=st.floats(15, 100),
        albumin=st.floats(2.5, 5.5),
        positive=st.sampled_from([0.0, 1.0]),
        immunomodulator=st.sampled_from([0.0, 1.0]),
        male=st.sampled_from([0.0, 1.0]),
        young=st.sampled_from([0.0, 1.0]),
    )
)
def test_typical_parameters_are_those_of_the_formula(name: str, child: Child) -> None:
    assert typical(published_model(name), child.covariates) == pytest.approx(PAPERS[name].typical(child), rel=1e-12)


@pytest.mark.parametrize("name", model_names())
def test_variability_and_residual_are_those_of_the_table(name: str) -> None:
    model, paper = published_model(name), PAPERS[name]
    assert {effect.name: effect.variance for effect in model.between_children} == paper.children
    assert {effect.name: effect.variance for effect in model.between_occasions} == paper.occasions
    assert all(effect.moves == (effect.name,) for effect in (*model.between_children, *model.between_occasions))
    assert model.residual == paper.residual
