"""Tucuxi (an independent program in C++) on the default model, and the same children here.

Source: Tucuxi-core 8b53140 run on the model of Fasanmade 2011, children and adults, variability between children only.
Infusions of 2 h, levels 1 h before the infusion that is due. Tucuxi prints clearance in L/h with six decimals, which
is 5e-5 of it. All children are synthetic.
"""

from dataclasses import dataclass

import pytest

from cds_service.clinical.pk.case import Case, MeasuredLevel
from tests.pk.children import COMBINED, HOUR, alone, child, fixed, found, infusions, own_parameters, predicted


@dataclass(frozen=True)
class Run:
    kg: float
    albumin: float
    positive: float
    immunomodulator: float
    mg: float
    weeks: tuple[int, ...]
    levels: tuple[tuple[float, float], ...]  # hours, ug/mL
    litres_per_hour: float
    volumes: tuple[float, float]
    end_week: int
    end_trough: float


RUNS = {
    "A": Run(30, 3.8, 0, 0, 150, (0, 2, 6, 14), ((2351, 0.9),),
             0.010144, (1.87093, 0.80637), 18, 3.80191),
    "B": Run(30, 3.8, 0, 0, 150, (0, 2, 6, 14), ((2351, 1.7),),
             0.009049, (1.88424, 0.94652), 18, 4.99305),
    "E": Run(66, 4.4, 0, 1, 660, (0, 2, 6, 14), ((2351, 12.9), (2688, 52.9)),
             0.011165, (3.484143, 1.691347), 22, 8.5291),
    "G": Run(61, 3.8, 1, 1, 610, (0, 2, 6, 14, 22, 30), ((5039, 0.8),),
             0.018899, (3.212652, 1.048115), 34, 7.3948),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_clearance_volumes_and_trough_are_those_of_tucuxi(name: str) -> None:
    run = RUNS[name]
    covariates = child(
        weight_kg=run.kg,
        albumin_g_per_dl=run.albumin,
        antibody_positive=run.positive,
        immunomodulator=run.immunomodulator,
    )
    levels = tuple(MeasuredLevel(hours * HOUR, value) for hours, value in run.levels)
    case = Case(infusions([7 * week for week in run.weeks], run.mg), levels, alone(covariates))
    result = found(fixed(COMBINED), case, (7.0 * run.end_week,))
    clearance, central, _, peripheral = own_parameters(result, covariates)
    assert clearance * HOUR == pytest.approx(run.litres_per_hour, abs=0.51e-6)
    assert (central, peripheral) == pytest.approx(run.volumes, rel=1e-5)
    assert predicted(result)[-1] == pytest.approx(run.end_trough, rel=1e-5)
